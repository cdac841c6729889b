// One microVM: its QEMU process, its channels, its life and its end. It knows nothing of what the guest does.

import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, statSync } from 'node:fs'
import type { Duplex, Readable } from 'node:stream'

import { type Clock, systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { startProcess } from '../base/start-process.ts'
import { consoleTail, panicReason } from './console-text.ts'
import { diagnose } from './diagnose.ts'
import { hostTscKhz } from './host-tsc.ts'
import { Fd, type QemuFacts, qemuArguments } from './qemu.ts'
import { type QemuProgram, spawnQemu } from './qemu-program.ts'
import { Qmp, type QmpEvent } from './qmp.ts'
import type { Condemnation, Diagnosis, RunningVm, VmEnd, VmEndKind, VmEvent, VmSpec } from './spec.ts'
import { describeEnd, endError } from './vm-end.ts'

export interface StartOptions {
  readonly qemu: QemuProgram
  readonly onEvent?: (event: VmEvent) => void
  /** Descriptor of a saved state that QMP will name (`restoredFd`) before the processors run; for snapshot.ts. */
  readonly stateFd?: number
  readonly clock?: Clock
}

/** QEMU greets within 0.1 s, on a loaded machine within a few. */
const GREETING_MS = 20_000
const COMMAND_MS = 10_000
/** From a panic to the restart: the stacks are printed meanwhile. */
const RESTART_MS = 20_000
/** What QEMU said last on standard error is kept. */
const WORDS_BYTES_MAX = 4096
/** Its last words are in the pipes when it ends. */
const LAST_WORDS_MS = 1_000

export class MicroVm implements RunningVm {
  readonly spec: VmSpec
  readonly pid: number
  readonly poweredOnNs: bigint
  readonly nics: ReadonlyMap<number, Duplex>
  readonly ended: Promise<VmEnd>
  /** For snapshots; QEMU's other commands are wrapped here. */
  readonly qmp: Qmp
  readonly #child: ChildProcess
  readonly #options: StartOptions
  readonly #clock: Clock
  readonly #exit: Promise<ProcessExit>
  readonly #panicked: Promise<void>
  /** Where this boot's text begins in the console's file. */
  #bootOffset: number
  #qemuWords = ''
  #shutdownReason: string | null = null
  #hasPanicked = false
  #askedDown = false
  #verdict: { kind: VmEndKind; words: string } | null = null
  #diagnosis: Promise<Diagnosis> | null = null
  #onPanic = (): void => {}

  /**
   * Switches a VM on; resolves when QEMU runs it. Throws VM_FAILED with QEMU's words where it does not, DISK_REFUSED
   * where the console can't be written, and KERNEL_REFUSED where no process can be made.
   */
  static async start(spec: VmSpec, options: StartOptions): Promise<MicroVm> {
    const vm = new MicroVm(spec, options)
    const timer = setTimeout(() => vm.#end('qemu_died', 'has a QEMU that does not greet'), GREETING_MS)
    try {
      await vm.qmp.ready
      return vm
    } catch {
      throw endError(spec.name, await vm.ended)
    } finally {
      clearTimeout(timer)
    }
  }

  private constructor(spec: VmSpec, options: StartOptions) {
    this.spec = spec
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#bootOffset = makeConsole(spec.consoleFile)
    const facts: QemuFacts = { tscKhz: hostTscKhz(), waitsForState: options.stateFd !== undefined }
    const nics = (spec.nics ?? []).map(({ to }) => (to === 'stream' ? ('pipe' as const) : to.tapFd))
    const state = options.stateFd === undefined ? [] : [options.stateFd]
    const live = spec.deterministic === undefined ? ('pipe' as const) : ('ignore' as const)
    const stdio = [
      'ignore' as const,
      'ignore' as const,
      'pipe' as const,
      'pipe' as const,
      live,
      live,
      ...nics,
      ...state,
    ]
    this.poweredOnNs = this.#clock.nowNs()
    this.#child = startProcess(spec.name, () =>
      spawnQemu(options.qemu.path, qemuArguments(spec, facts), stdio, spec.runId),
    )
    this.pid = this.#child.pid ?? 0
    const streams = this.#child.stdio as unknown as (Duplex | null)[]
    this.nics = new Map(
      nics.flatMap((to, index) => (to === 'pipe' ? [[index, streams[Fd.firstNic + index] as Duplex]] : [])),
    )
    // A stream that breaks tells its reader by its end; without a listener it would end the process.
    for (const stream of streams.slice(Fd.qmp)) stream?.on('error', () => {})
    this.#panicked = new Promise(resolve => {
      this.#onPanic = resolve
    })
    this.qmp = new Qmp(spec.name, streams[Fd.qmp] as Duplex, event => this.#observe(event))
    this.#exit = exitOf(this.#child)
    this.ended = this.#awaitEnd()
  }

  /** The number by which QEMU knows the descriptor of its state. */
  get restoredFd(): number {
    return Fd.firstNic + (this.spec.nics ?? []).length
  }

  get name(): string {
    return this.spec.name
  }

  get ctl(): Duplex {
    return this.#live(Fd.ctl)
  }

  get shell(): Duplex {
    return this.#live(Fd.shell)
  }

  async stop(): Promise<void> {
    await this.qmp.execute('stop', {}, COMMAND_MS)
  }

  async cont(): Promise<void> {
    await this.qmp.execute('cont', {}, COMMAND_MS)
  }

  async powerdown(ask: () => void, deadlineMs: number): Promise<VmEnd> {
    this.#askedDown = true
    ask()
    const words = `did not switch itself off within ${deadlineMs / 1000} s`
    const timer = setTimeout(() => void this.condemn('powerdown_deadline', words), deadlineMs)
    return this.ended.finally(() => clearTimeout(timer))
  }

  kill(): Promise<VmEnd> {
    return this.#end('killed', 'was switched off')
  }

  condemn(kind: Condemnation, words: string): Promise<VmEnd> {
    // Set at once: what follows from the interrupt is not how it ended.
    this.#verdict ??= { kind, words }
    this.#diagnosis ??= diagnose(
      this.qmp,
      this.#panicked,
      this.#exit.then(() => {}),
    ).finally(() => this.#child.kill('SIGKILL'))
    return this.ended
  }

  #end(kind: VmEndKind, words: string): Promise<VmEnd> {
    this.#verdict ??= { kind, words }
    this.#child.kill('SIGKILL')
    return this.ended
  }

  #live(fd: number): Duplex {
    const stream = (this.#child.stdio as unknown as (Duplex | null)[])[fd]
    if (stream == null || this.spec.deterministic !== undefined) {
      throw new Error(`${this.name}: a deterministic VM has no live channel`)
    }
    return stream
  }

  #observe({ event, data }: QmpEvent): void {
    if (event === 'SHUTDOWN') this.#shutdownReason = String(data.reason)
    else if (event === 'GUEST_PANICKED') {
      this.#hasPanicked = true
      this.#onPanic()
      // The restart that follows ends QEMU; a guest that is not told to restart stays where it is.
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), RESTART_MS)
      void this.#exit.then(() => clearTimeout(timer))
      this.#tell('panicked')
    } else if (event === 'STOP') this.#tell('paused')
    else if (event === 'RESUME') this.#tell('resumed')
    else if (event === 'RESET' && data.guest === true) this.#onReset()
  }

  /** A reset that is allowed; one after a panic is none, or the guest would boot and panic for ever. */
  #onReset(): void {
    const { consoleFile } = this.spec
    // Early at boot, the console alone tells.
    if (this.#hasPanicked || panicReason(consoleTail(consoleFile, this.#bootOffset)) !== null) {
      this.#shutdownReason = 'guest-reset'
      this.#child.kill('SIGKILL')
      return
    }
    this.#bootOffset = statSync(consoleFile, { throwIfNoEntry: false })?.size ?? 0
    this.#tell('reset')
  }

  #tell(is: VmEvent['is']): void {
    this.#options.onEvent?.({ is, atNs: this.#clock.nowNs() })
  }

  /** A stream that somebody reads closes by itself when all of it was read; one that nobody reads never would. */
  #closeUnread(): void {
    for (const stream of (this.#child.stdio as unknown as (Duplex | null)[]).slice(Fd.qmp))
      if (stream?.readableFlowing !== true) stream?.destroy()
  }

  /** Resolves when the process has ended and its last words are read. */
  async #awaitEnd(): Promise<VmEnd> {
    const child = this.#child
    const said = child.stderr as Readable
    said.setEncoding('utf8').on('data', (text: string) => {
      this.#qemuWords = (this.#qemuWords + text).slice(-WORDS_BYTES_MAX)
    })
    const silent = new Promise<void>(resolve => said.once('close', resolve))
    const { code, signal } = await this.#exit
    const atNs = this.#clock.nowNs()
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), LAST_WORDS_MS)
    await Promise.race([
      Promise.all([this.qmp.closed, silent]),
      new Promise(resolve => late.signal.addEventListener('abort', resolve)),
    ])
    clearTimeout(timer)
    this.#closeUnread()
    return describeEnd({
      verdict: this.#verdict,
      code,
      signal,
      shutdownReason: this.#shutdownReason,
      panicked: this.#hasPanicked,
      askedDown: this.#askedDown,
      console: consoleTail(this.spec.consoleFile, this.#bootOffset),
      qemuWords: this.#qemuWords,
      diagnosis: await this.#diagnosis,
      atNs,
    })
  }
}

/** Makes sure that the console can be written, and says how much is there already. */
function makeConsole(path: string): number {
  try {
    closeSync(openSync(path, 'a'))
    return statSync(path).size
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    throw new NslabError('DISK_REFUSED', { path, reason }, { cause: error })
  }
}

interface ProcessExit {
  readonly code: number | null
  readonly signal: string | null
}

/** Of a process that did not start, the signal says why. */
function exitOf(child: ChildProcess): Promise<ProcessExit> {
  return new Promise(resolve => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', error => {
      if (child.pid === undefined) resolve({ code: null, signal: `no start: ${error.message}` })
    })
  })
}
