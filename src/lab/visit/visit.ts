// One client of lab.sock: what it asks, its commands in the guests, and their end with it.

import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Channel } from '../../base/channel.ts'
import { NslabError } from '../../base/errors.ts'
import { RUN_VARIABLE } from '../../base/run-mark.ts'
import { ByteStreams } from '../../protocol/byte-streams.ts'
import type { FromLab, LabAnswers, LabCall, ToLab } from '../../protocol/lab.ts'
import { sentError } from '../../protocol/sent-error.ts'
import { type GuestCommand, startCommand } from './command.ts'
import type { CaptureEnd, Lab, LabVm, LinkSteering, OpenCapture } from './lab.ts'
import { resizeShell, startShell } from './shell.ts'

/** A guest that is well ends its commands in milliseconds, in seconds where it is emulated and busy. */
const END_LIMIT_MS = 10_000

type Call<Name extends LabCall['call']> = Extract<LabCall, { readonly call: Name }>

export class LabVisit {
  readonly #socket: Socket
  readonly #lab: Lab
  readonly #consoles: Set<Duplex>
  readonly #channel: Channel<FromLab, ToLab>
  readonly #streams: ByteStreams
  /** By the id of the call that starts it. */
  readonly #running = new Map<number, Promise<GuestCommand>>()
  /** By the id of the call that began it. */
  readonly #captures = new Map<number, Promise<OpenCapture>>()
  /** Answers and ends that are still to be told. */
  readonly #telling = new Set<Promise<void>>()
  #isOver = false
  /** Why commands were ended, by VM. */
  readonly #whys = new Map<string, string>()

  constructor(socket: Socket, lab: Lab, consoles: Set<Duplex>) {
    this.#socket = socket
    this.#lab = lab
    this.#consoles = consoles
    this.#channel = new Channel<FromLab, ToLab>(
      socket,
      message => this.#receive(message),
      () => this.#leave(),
    )
    this.#streams = new ByteStreams(piece => this.#channel.send(piece))
  }

  /** Ends its commands, tells the client `why` (a clause whose subject is the VM), and hangs up. */
  async end(why: string): Promise<void> {
    this.#isOver = true
    for (const { facts } of this.#lab.vms) this.endCommands(facts.name, why)
    for (const id of this.#captures.keys()) this.#tell(this.#endCapture(id).catch(() => {}))
    const told = this.#allTold().then(() => this.#channel.close())
    let timer: NodeJS.Timeout | undefined
    // A client may have stopped reading.
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, END_LIMIT_MS)
    })
    await Promise.race([told, late])
    clearTimeout(timer)
    this.#socket.destroy()
  }

  /** Resolves when nothing is left to be told: what ended the visit may be the answer to one of its calls. */
  async #allTold(): Promise<void> {
    do await Promise.all(this.#telling)
    while (this.#telling.size > 0)
  }

  /** Ends its commands in a VM, those too that are just being started, and tells the client `why`. */
  endCommands(vm: string, why: string): void {
    this.#whys.set(vm, why)
    for (const running of this.#running.values())
      running.then(
        command => command.channel.vm === vm && killed(command),
        () => {},
      )
  }

  /** The client has gone. */
  #leave(): void {
    this.#isOver = true
    for (const running of this.#running.values()) running.then(killed, () => {})
    for (const id of this.#captures.keys()) this.#endCapture(id).catch(() => {})
    this.#streams.destroy()
  }

  #receive(message: ToLab): void {
    if ('p' in message) this.#streams.receive(message)
    else if (message.call === 'exec') this.#run(message.id, this.#exec(message))
    else if (message.call === 'shell') this.#run(message.id, this.#shell(message))
    else this.#tell(this.#reply(message.id, this.#answer(message)))
  }

  /** Streams are opened in the turn of the call: their first pieces follow at once. */
  async #exec(call: Call<'exec'>): Promise<GuestCommand> {
    const near = {
      stdin: this.#streams.open(call.stdin, 'in'),
      stdout: this.#streams.open(call.stdout, 'out'),
      stderr: this.#streams.open(call.stderr, 'out'),
    }
    try {
      const { vm, argv } = await this.#placeOf(call)
      const env = { [RUN_VARIABLE]: this.#lab.runId }
      return await startCommand({ channel: this.#vm(vm).channel, argv, env }, near)
    } catch (error) {
      for (const stream of Object.values(near)) stream.destroy()
      throw error
    }
  }

  async #placeOf({ in: place, argv }: Call<'exec'>): Promise<{ readonly vm: string; readonly argv: string[] }> {
    const { launcher } = this.#lab
    if ('vm' in place) return { vm: place.vm, argv: [launcher, '--', ...argv] }
    const { vm, pid, fd, cookie } = await this.#lab.whereIs(place.node_id)
    // The node may be made anew before the launcher is there, and its descriptor be another's.
    const same = cookie === undefined ? [] : ['--net-cookie', cookie]
    const options = ['--join-net', `/proc/${pid}/fd/${fd}`, ...same, '--close-fds-except', '', '--pid']
    return { vm, argv: [launcher, ...options, '--', ...argv] }
  }

  async #shell({ tty, vm, rows, columns, term }: Call<'shell'>): Promise<GuestCommand> {
    const near = this.#streams.open(tty, 'both')
    try {
      return await startShell(this.#vm(vm), { rows, columns, term }, near, this.#consoles)
    } catch (error) {
      near.destroy()
      throw error
    }
  }

  #run(id: number, command: Promise<GuestCommand>): void {
    this.#running.set(id, command)
    this.#tell(this.#follow(id, command))
  }

  async #follow(id: number, starting: Promise<GuestCommand>): Promise<void> {
    const isStarted = await this.#reply(
      id,
      starting.then(({ pid }) => ({ pid })),
    )
    if (isStarted) {
      const command = await starting
      // What was to end it came while it was being started.
      if (this.#isOver) killed(command)
      await this.#tellEnd(id, command)
    }
    this.#running.delete(id)
  }

  async #tellEnd(of: number, command: GuestCommand): Promise<void> {
    try {
      const end = await command.ended
      const { vm } = command.channel
      const why = this.#whys.get(vm)
      if (why !== undefined) throw new NslabError('GUEST_LOST', { vm, reason: why })
      this.#channel.send({ is: 'exit', of, end })
    } catch (error) {
      this.#channel.send({ is: 'exit', of, error: sentError(error) })
    }
  }

  #tell(telling: Promise<unknown>): void {
    const told = telling.then(() => void this.#telling.delete(told))
    this.#telling.add(told)
  }

  /** False: it was an error. */
  async #reply(id: number, answer: Promise<unknown>): Promise<boolean> {
    try {
      this.#channel.send({ re: id, value: await answer })
      return true
    } catch (error) {
      this.#channel.send({ re: id, error: sentError(error) })
      return false
    }
  }

  get #links(): LinkSteering {
    const { links } = this.#lab
    if (links !== null) return links
    throw new NslabError('USAGE', {
      problem: 'the run has no links, or no more',
      hint: 'See nslab run ring --duration.',
    })
  }

  async #capture({ id, node_id, peer_id, bytes_max }: Call<'capture'>): Promise<LabAnswers['capture']> {
    const capture = this.#links.capture({ nodeId: node_id, peerId: peer_id, bytesMax: bytes_max })
    this.#captures.set(id, capture)
    try {
      const { path } = await capture
      if (this.#isOver) await this.#endCapture(id)
      return { path }
    } catch (error) {
      this.#captures.delete(id)
      throw error
    }
  }

  async #endCapture(id: number): Promise<CaptureEnd> {
    const capture = this.#captures.get(id)
    if (capture === undefined) throw new NslabError('USAGE', { problem: 'no such capture' })
    try {
      return await (await capture).end()
    } finally {
      this.#captures.delete(id)
    }
  }

  async #answer(call: Exclude<LabCall, Call<'exec' | 'shell'>>): Promise<LabAnswers[typeof call.call]> {
    switch (call.call) {
      case 'link': {
        const { node_id: nodeId, peer_id: peerId, both, change, clear } = call
        return this.#links.link({ nodeId, peerId, both, change, clear })
      }
      case 'probe': {
        const { node_id: nodeId, peer_id: peerId, both, bytes } = call
        return this.#links.probe({ nodeId, peerId, both, bytes })
      }
      case 'capture':
        return this.#capture(call)
      case 'end_capture':
        return this.#endCapture(call.of)
      case 'vms':
        return this.#lab.vms.map(({ facts }) => facts)
      case 'stop':
        if (call.vm !== null) this.#vm(call.vm)
        return this.#lab.stop(call.vm, call.at_once)
      case 'signal': {
        const command = await this.#commandOf(call.of)
        await command?.signal(call.signal)
        return null
      }
      case 'resize': {
        const shell = await this.#commandOf(call.of)
        if (shell !== undefined) await resizeShell(shell.channel, call)
        return null
      }
    }
  }

  /** Undefined where it has ended, or never began. */
  async #commandOf(id: number): Promise<GuestCommand | undefined> {
    return this.#running.get(id)?.catch(() => undefined)
  }

  /** Throws USAGE where there is no such VM now. */
  #vm(name: string): LabVm {
    const { vms } = this.#lab
    const vm = vms.find(({ facts }) => facts.name === name)
    if (vm !== undefined) return vm
    const known = vms.map(({ facts }) => facts.name)
    const problem = `the run has no VM ${name} now; it has ${known.length === 0 ? 'none' : known.join(', ')}`
    throw new NslabError('USAGE', { problem, hint: 'See nslab vms.', known })
  }
}

function killed(command: GuestCommand): void {
  // One whose guest does not answer ends with its VM.
  command.signal('SIGKILL').catch(() => {})
}
