// The guest's agent: answers the calls of a runner over one stream, and tells what the guest is like. It starts fast:
// what only some calls need is loaded when one of them is made.

import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { Channel } from '../../base/channel.ts'
import { NslabError } from '../../base/errors.ts'
import { kernelError } from '../../native/error.ts'
import type { ByteStream } from '../../protocol/byte-streams.ts'
import type { SentError } from '../../protocol/sent-error.ts'
import type { Answer, Ask, FromGuest, GuestCall, GuestCallName, ToGuest } from '../../vm/guest-calls.ts'
import { heartbeat, helloOf } from './facts.ts'
import type { KernelLog } from './kernel-log.ts'
import type { Machine } from './machine.ts'
import type { ExecStreams } from './process-calls.ts'
import { Session } from './session.ts'
import type { GuestSite } from './site-calls.ts'

export interface AgentOptions {
  /** The port; it stays open while runners come and go. */
  readonly stream: Duplex
  readonly machine: Machine
  /** Asked when hello has been said; null where it can't be read. */
  readonly openKernelLog: () => KernelLog | null
  readonly heartbeatS: number
  /** The agent's files, and those of the site. */
  readonly folder: string
}

/** What nobody has read is not worth more memory than this. */
const UNREAD_BYTES_MAX = 64 * 1024

/** Streams that a call names, by their keys; those of files go the way the call does. */
const STREAM_WAYS = { channel: 'both', output: 'out', stdin: 'in', stdout: 'out', stderr: 'out' } as const
type Streams = { [Key in keyof typeof STREAM_WAYS | 'stream']?: ByteStream }

type Handlers = {
  readonly [Name in GuestCallName]: (
    ask: Ask<Name>,
    streams: Streams,
    session: Session,
  ) => Answer<Name> | Promise<Answer<Name>>
}

export class Agent {
  /** Resolves when the stream has closed and all that was started is ended. */
  readonly ended: Promise<void>
  readonly #options: AgentOptions
  readonly #channel: Channel<FromGuest, ToGuest>
  readonly #kernelLog: KernelLog | null
  readonly #timer: NodeJS.Timeout
  #session: Session
  #site: GuestSite | null = null
  #identityCount = 0

  /** Says hello at once. */
  constructor(options: AgentOptions) {
    this.#options = options
    const { stream, heartbeatS } = options
    let end = (): void => {}
    this.ended = new Promise(resolve => {
      end = resolve
    })
    this.#channel = new Channel<FromGuest, ToGuest>(
      stream,
      message => this.#receive(message),
      () => void this.#close().then(end),
      // The first half of what an earlier runner said.
      () => {},
    )
    this.#session = this.#newSession()
    this.#channel.send({ is: 'hello', hello: helloOf(0, options.folder) })
    // Ends what this guest said last before it booted anew.
    stream.write('\n')
    this.#channel.flush()
    this.#kernelLog = options.openKernelLog()
    this.#timer = setInterval(() => this.#beat(), heartbeatS * 1000)
  }

  #newSession(): Session {
    return new Session(message => this.#channel.send(message))
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#session.end()
  }

  #beat(): void {
    if (this.#options.stream.writableLength > UNREAD_BYTES_MAX) return
    for (const message of this.#kernelLog?.poll() ?? []) this.#session.tell({ is: 'kernel', ...message })
    this.#session.tell(heartbeat())
    this.#channel.flush()
  }

  #receive(message: ToGuest): void {
    if ('p' in message) this.#session.streams.receive(message)
    else void this.#obey(message)
  }

  async #obey({ id, call, ask }: GuestCall): Promise<void> {
    const former = this.#session
    // At once: the calls behind this one are the new runner's.
    if (call === 'hello') this.#session = this.#newSession()
    const session = this.#session
    try {
      if (call === 'hello') await former.end()
      const streams = openStreams(session, call, ask)
      const handler = this.#handlers[call] as (ask: unknown, streams: Streams, session: Session) => unknown
      if (handler === undefined) throw new Error(`the agent knows no call ${call}`)
      try {
        this.#reply(session, { re: id, value: await handler(ask, streams, session) })
      } catch (error) {
        for (const stream of Object.values(streams)) stream.destroy()
        throw error
      }
    } catch (error) {
      this.#reply(session, { re: id, error: sentError(error) })
    }
  }

  #reply(session: Session, message: FromGuest): void {
    if (session.isOver) return
    this.#channel.send(message)
    this.#channel.flush()
  }

  get #openSite(): GuestSite {
    if (this.#site === null) throw new Error('the guest is no site of a run yet: open_site')
    return this.#site
  }

  readonly #handlers: Handlers = {
    hello: () => {
      this.#site = null
      return helloOf(this.#identityCount, this.#options.folder)
    },
    clock: () => ({ monotonic_ns: String(process.hrtime.bigint()) }),
    identity: async ask => {
      this.#options.machine.requireGuest('identity')
      await this.#options.machine.setIdentity(ask)
      this.#identityCount += 1
      return helloOf(this.#identityCount, this.#options.folder)
    },
    warm: async () => {
      await Promise.all([import('./site-calls.ts'), import('./process-calls.ts')])
      this.#options.machine.requireGuest('warm')
      const { prepareDatabase } = await import('../../controller/open-store.ts')
      await prepareDatabase(join(this.#options.folder, 'database-template'))
      return null
    },

    open_site: async (ask, _streams, session) => {
      const { GuestSite } = await import('./site-calls.ts')
      await this.#site?.site.end()
      this.#site = await GuestSite.open(session, ask, this.#options.folder)
      return null
    },
    baseline: ask => this.#openSite.site.baseline(ask),
    create_root: ask => this.#openSite.site.createRoot(ask),
    close_root: ({ host }) => nothing(this.#openSite.site.closeRoot(host)),
    start: (ask, { channel, output }) => this.#openSite.start(ask, channel as ByteStream, output as ByteStream),
    sample_every: ask => this.#openSite.sampleEvery(ask),
    sample_now: () => nothing(this.#openSite.site.sampleNow()),
    measure: () => this.#openSite.site.measure(),
    observe: () => nothing(this.#openSite.site.observe()),
    verify: ask => this.#openSite.site.verify(ask),
    end_site: () => nothing(this.#site?.site.end()),

    exec: async (ask, streams, session) => (await processCalls()).exec(session, ask, streams as ExecStreams),
    kill: ({ process, signal }, _streams, session) => {
      session.kill(process, signal as NodeJS.Signals)
      return null
    },
    write_file: async (ask, { stream }) => (await processCalls()).writeFile(ask, stream as ByteStream),
    read_file: async (ask, { stream }) => (await processCalls()).readFile(ask, stream as ByteStream),
    open_shell: async (ask, _streams, session) => (await processCalls()).openShell(session, ask),

    power_off: () => this.#later('power off', machine => machine.powerOff()),
    reboot: () => this.#later('reboot', machine => machine.reboot()),
    panic: () => {
      this.#options.machine.requireGuest('panic')
      this.#options.machine.panic()
      return null
    },
    stall: () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      return null
    },
  }

  /** Does it once the answer has left. */
  #later(operation: string, work: (machine: Machine) => void): null {
    const { machine, stream } = this.#options
    machine.requireGuest(operation)
    // The stream takes writes in their order, and the answer is before this one.
    setImmediate(() => stream.write('\n', () => work(machine)))
    return null
  }
}

const processCalls = (): Promise<typeof import('./process-calls.ts')> => import('./process-calls.ts')

async function nothing(work: Promise<void> | undefined): Promise<null> {
  await work
  return null
}

/** At once: their first pieces may be right behind the call. */
function openStreams(session: Session, call: GuestCallName, ask: object): Streams {
  const numbers = ask as Readonly<Record<string, unknown>>
  const opened = new Map<number, ByteStream>()
  const streams: Streams = {}
  const ways = { ...STREAM_WAYS, stream: call === 'write_file' ? 'in' : 'out' } as const
  for (const [key, way] of Object.entries(ways) as [keyof Streams, 'in' | 'out' | 'both'][]) {
    const number = numbers[key]
    if (typeof number !== 'number') continue
    const stream = opened.get(number) ?? session.stream(number, way)
    opened.set(number, stream)
    streams[key] = stream
  }
  return streams
}

function sentError(error: unknown): SentError {
  const known = error instanceof NslabError ? error : kernelError(error)
  if (known !== undefined) {
    const { code, facts, message, hint } = known
    return { code, facts, message, ...(hint === undefined ? {} : { hint }) }
  }
  return { code: 'BUG', facts: {}, message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
