// The other side of lab.sock: what `nslab link` and `capture` ask a run, and `vms`, `shell`, `stop` and `exec` one that
// has VMs.

import { constants } from 'node:os'
import type { Duplex, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Channel } from '../../base/channel.ts'
import { NslabError } from '../../base/errors.ts'
import { connectTo } from '../../base/unix-socket.ts'
import { ByteStreams } from '../../protocol/byte-streams.ts'
import type { CommandEnd, FromLab, LabAnswers, LabCall, ToLab } from '../../protocol/lab.ts'
import { receivedError } from '../../protocol/sent-error.ts'
import type { LiveRun } from '../state/live-runs.ts'
import type { ShellRequest, WindowSize } from './shell.ts'

type Ask<Name extends LabCall['call']> = Omit<Extract<LabCall, { readonly call: Name }>, 'id' | 'call'>

/** Where a command is to run: in a guest, or there in the namespace of a node. */
export type CommandPlace = Extract<LabCall, { readonly call: 'exec' }>['in']

export interface CommandIo {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

/** Somebody's command in a guest. */
export interface RemoteCommand {
  /** Its exit code, 128+n after signal n. Rejects with why nobody knows it. */
  readonly ended: Promise<number>
  signal(signal: NodeJS.Signals): void
}

/** Somebody's shell in a guest. */
export interface RemoteShell {
  readonly ended: Promise<number>
  /** The terminal's bytes; it ends with the shell. */
  readonly tty: Duplex
  resize(size: WindowSize): void
}

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

export class LabClient {
  readonly #channel: Channel<ToLab, FromLab>
  readonly #streams: ByteStreams
  readonly #answers = new Map<number, Waiting>()
  readonly #exits = new Map<number, Waiting>()
  readonly #run: string
  readonly #stream: Duplex
  /** Resolves when nothing more can be asked. */
  readonly closed: Promise<void>
  #onClosed = (): void => {}
  #number = 0
  #end: NslabError | null = null

  /** Throws USAGE where the run has no VMs, or they can't be asked just now. */
  static async connect(run: LiveRun): Promise<LabClient> {
    if (run.lab_socket === undefined) {
      const problem = `the run in ${run.folder} has no VMs: it is on this machine itself`
      throw new NslabError('USAGE', { problem, hint: 'See nslab vms.' })
    }
    try {
      return new LabClient(await connectTo(run.lab_socket), run.folder)
    } catch (error) {
      const problem = `the VMs of the run in ${run.folder} can't be asked now (${(error as NodeJS.ErrnoException).code})`
      throw new NslabError('USAGE', { problem, hint: 'They are being started or ended: see nslab vms.' })
    }
  }

  /** For its links. Throws USAGE where the run has none, or they can't be asked about just now. */
  static async connectForLinks(run: LiveRun): Promise<LabClient> {
    if (run.links_socket === undefined)
      throw new NslabError('USAGE', { problem: `the run in ${run.folder} has no links, or no more` })
    try {
      return new LabClient(await connectTo(run.links_socket), run.folder)
    } catch (error) {
      const problem = `the run in ${run.folder} can't be asked now (${(error as NodeJS.ErrnoException).code})`
      throw new NslabError('USAGE', { problem, hint: 'It is just beginning or ending.' })
    }
  }

  /** `run`: in errors. */
  constructor(stream: Duplex, run: string) {
    this.#run = run
    this.#stream = stream
    this.closed = new Promise(resolve => {
      this.#onClosed = resolve
    })
    this.#channel = new Channel<ToLab, FromLab>(
      stream,
      message => this.#receive(message),
      () => this.close(),
    )
    this.#streams = new ByteStreams(piece => this.#channel.send(piece))
  }

  /** Begins a capture, which ends with this client; `end` resolves when its file is whole. Rejects with USAGE. */
  async capture(ask: Ask<'capture'>): Promise<{
    readonly path: string
    end(): Promise<LabAnswers['end_capture']>
  }> {
    const of = this.#newNumber()
    const { path } = await this.#ask(of, 'capture', ask)
    return { path, end: () => this.call('end_capture', { of }) }
  }

  /** Asks and waits. Rejects with the run's own error, or PROCESS_ENDED where it has gone. */
  async call<Name extends LabCall['call']>(call: Name, ask: Ask<Name>): Promise<LabAnswers[Name]> {
    return this.#ask(this.#newNumber(), call, ask)
  }

  /** Runs a command; it ends with this client. Rejects where it can't be started. */
  async exec(place: CommandPlace, argv: readonly string[], io: CommandIo): Promise<RemoteCommand> {
    const id = this.#newNumber()
    const [stdin, stdout, stderr] = [this.#open('out'), this.#open('in'), this.#open('in')]
    const exit = this.#exitOf(id)
    // Who reads our output may have gone, which the command then learns; it need not read all of its input.
    const said = Promise.allSettled([
      pipeline(stdout.stream, io.stdout, { end: false }),
      pipeline(stderr.stream, io.stderr, { end: false }),
    ])
    const numbers = { stdin: stdin.number, stdout: stdout.number, stderr: stderr.number }
    try {
      const started = this.#ask(id, 'exec', { in: place, argv, ...numbers })
      pipeline(io.stdin, stdin.stream).catch(() => {})
      await started
    } catch (error) {
      this.#exits.delete(id)
      for (const { stream } of [stdin, stdout, stderr]) stream.destroy()
      throw error
    }
    const ended = exit
      .then(async end => {
        await said
        return exitCodeOf(end)
      })
      .finally(() => stdin.stream.destroy())
    ended.catch(() => {})
    return {
      ended,
      signal: signal => this.#mention('signal', { of: id, signal }),
    }
  }

  /** Opens a shell; it ends with this client. Rejects where it can't be had. */
  async shell(vm: string, request: ShellRequest): Promise<RemoteShell> {
    const id = this.#newNumber()
    const { number, stream } = this.#open('both')
    const exit = this.#exitOf(id)
    try {
      await this.#ask(id, 'shell', { vm, tty: number, ...request })
    } catch (error) {
      this.#exits.delete(id)
      stream.destroy()
      throw error
    }
    const ended = exit.then(exitCodeOf)
    ended.catch(() => {})
    return {
      ended,
      tty: stream,
      resize: size => this.#mention('resize', { of: id, ...size }),
    }
  }

  /** Ends all that was begun by this client. */
  close(): void {
    if (this.#end !== null) return
    this.#end = new NslabError('PROCESS_ENDED', { process: `the run in ${this.#run}`, status: 'it closed its socket' })
    for (const { reject } of [...this.#answers.values(), ...this.#exits.values()]) reject(this.#end)
    this.#answers.clear()
    this.#exits.clear()
    this.#streams.destroy()
    this.#onClosed()
    void this.#channel.close().then(() => this.#stream.destroy())
  }

  /** Of no use where what it is about has ended meanwhile. */
  #mention<Name extends 'signal' | 'resize'>(call: Name, ask: Ask<Name>): void {
    this.call(call, ask).catch(() => {})
  }

  #ask<Name extends LabCall['call']>(id: number, call: Name, ask: Ask<Name>): Promise<LabAnswers[Name]> {
    if (this.#end !== null) return Promise.reject(this.#end)
    const answer = new Promise<LabAnswers[Name]>((resolve, reject) => this.#answers.set(id, { resolve, reject }))
    this.#channel.send({ id, call, ...ask } as unknown as LabCall)
    this.#channel.flush()
    return answer
  }

  #newNumber(): number {
    this.#number += 1
    return this.#number
  }

  #open(way: 'in' | 'out' | 'both'): { readonly number: number; readonly stream: Duplex } {
    const number = this.#newNumber()
    return { number, stream: this.#streams.open(number, way) }
  }

  #exitOf(of: number): Promise<CommandEnd> {
    const exit = new Promise<CommandEnd>((resolve, reject) => this.#exits.set(of, { resolve, reject }))
    exit.catch(() => {})
    return exit
  }

  #receive(message: FromLab): void {
    if ('p' in message) {
      this.#streams.receive(message)
      return
    }
    const waiting = 're' in message ? this.#answers : this.#exits
    const number = 're' in message ? message.re : message.of
    const settle = waiting.get(number)
    waiting.delete(number)
    if ('error' in message) settle?.reject(receivedError(message.error, this.#run))
    else settle?.resolve(('re' in message ? message.value : message.end) as never)
  }
}

function exitCodeOf({ status, code }: CommandEnd): number {
  const signal = /^killed by (\w+)$/.exec(status)?.[1] as NodeJS.Signals | undefined
  return code ?? 128 + (signal === undefined ? 0 : constants.signals[signal])
}
