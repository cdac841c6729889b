// The shell of a program that `nslab run` steers over a channel, or that ends by a signal where nobody steers it:
// when it shall stop, why it can't go on, and how that is told. What the program does in between is its own.

import type { Duplex } from 'node:stream'
import { Channel } from '../base/channel.ts'
import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import type { RunEvent } from './events.ts'
import type { Command, Notice } from './steering.ts'

/** How long a program that nobody can tell a deadline may take to end. */
const STOP_DEADLINE_S = 10

/**
 * How long an event may wait for company: a write, and a wake-up of the other side, cost more than many events. What
 * every node of a fleet says, once each, is counted and shown, and nobody acts on one of it: it may wait for longer.
 */
const LINGER_MS = 20
const COUNTED_LINGER_MS = 200
const counted: ReadonlySet<RunEvent['kind']> = new Set(['node_up', 'node_connected', 'node_ready'] as const)

/** How a program ended: numbers for the outcome, and names of what it could not remove. */
export interface ProgramEnd {
  readonly facts: Readonly<Record<string, number>>
  readonly remaining: readonly string[]
}

/** What is left to do once `stop` is dealt with. */
export type OwnCommand = Exclude<Command, { do: 'stop' }>

export interface SteeredOptions<Asked> {
  /** The channel to `nslab run`; absent: the program is on its own. */
  readonly stream: Duplex | undefined
  /** Ends the program in order. */
  readonly signal: AbortSignal
  readonly obey: (command: Asked) => void
}

export interface SteeredLife {
  readonly begin: () => Promise<void>
  /** Ends what was begun, however far that came; called again where the first time threw. */
  readonly end: (deadlineS: number) => Promise<ProgramEnd>
  /** All has ended in order; events may still be sent. */
  readonly ended: () => void
}

type Stop = Extract<Command, { do: 'stop' }>

/** `Asked`: the commands beside `stop`. `Said`: what the program says beside Notice. */
export class Steered<
  Asked extends { readonly do: string } = OwnCommand,
  Said extends { readonly is: string } = Notice,
> {
  readonly #stream: Duplex | undefined
  readonly #channel: Channel<Notice | Said, Asked | Stop> | null
  /** Settles once: with a deadline in s when the program shall stop, with an error when it can't go on. */
  readonly #done: Promise<number>
  /** Waiting for company. */
  #events: RunEvent[] = []
  #flushTimer: NodeJS.Timeout | null = null
  #flushDueMs = Number.POSITIVE_INFINITY
  readonly #ending = new AbortController()
  #stop: (deadlineS: number) => void = () => {}
  #fail: (error: unknown) => void = () => {}

  constructor({ stream, signal, obey }: SteeredOptions<Asked>) {
    this.#stream = stream
    this.#done = new Promise((resolve, reject) => {
      this.#stop = resolve
      this.#fail = reject
    })
    const ending = (): void => this.#ending.abort(new NslabError('INTERRUPTED', { signal: 'stop' }))
    this.#done.then(ending, ending)
    const stop = (): void => this.#stop(STOP_DEADLINE_S)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    const onCommand = (command: Asked | Stop): void => {
      if (isStop(command)) this.#stop(command.deadline_s)
      else obey(command)
    }
    const onEnd = (error?: Error): void => (isFault(error) ? this.#fail(error) : stop())
    this.#channel = stream === undefined ? null : new Channel<Notice | Said, Asked | Stop>(stream, onCommand, onEnd)
  }

  get isSteered(): boolean {
    return this.#channel !== null
  }

  /** Aborted when the program is to end, or can't go on: for what takes long to begin. */
  get ending(): AbortSignal {
    return this.#ending.signal
  }

  /** The program can't go on. Only the first call, of this or of what makes it stop, counts. */
  fail(error: unknown): void {
    this.#fail(error)
  }

  send(notice: Notice | Said): void {
    this.#flush()
    this.#channel?.send(notice)
  }

  /** An event: it says itself when it was, so it may wait for company. */
  post(event: RunEvent): void {
    if (this.#channel === null) return
    this.#events.push(event)
    const dueMs = performance.now() + (counted.has(event.kind) ? COUNTED_LINGER_MS : LINGER_MS)
    if (dueMs >= this.#flushDueMs) return
    this.#flushDueMs = dueMs
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer)
    this.#flushTimer = setTimeout(() => this.#flush(), dueMs - performance.now())
  }

  /** Hands on the events that wait. */
  #flush(): void {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer)
    this.#flushTimer = null
    this.#flushDueMs = Number.POSITIVE_INFINITY
    if (this.#events.length === 0) return
    this.#channel?.send({ is: 'events', events: this.#events })
    this.#events = []
  }

  /**
   * Begins, waits to be told to stop, ends. Throws what made the program unable to go on, after it has ended and told
   * so.
   */
  async live({ begin, end, ended }: SteeredLife): Promise<ProgramEnd> {
    try {
      await begin()
      const how = await end(await this.#done)
      ended()
      this.send({ is: 'stopped', ...how })
      return how
    } catch (error) {
      await end(STOP_DEADLINE_S).catch(() => {})
      this.send(failureOf(error))
      throw error
    } finally {
      this.#flush()
      await this.#channel?.close()
      this.#stream?.destroy()
    }
  }
}

const isStop = (command: { readonly do: string }): command is Stop => command.do === 'stop'

/** Whether a channel ended for what was said in it (a bug of either side), and not because the other side went away. */
export function isFault(error: Error | undefined): error is Error {
  return error !== undefined && (error instanceof NslabError || (error as NodeJS.ErrnoException).code === undefined)
}

function failureOf(error: unknown): Notice {
  if (!(error instanceof NslabError)) {
    const message = `a bug in nslab: ${error instanceof Error ? error.stack : String(error)}`
    return { is: 'failed', code: 'BUG', message, exit_code: ExitCode.bug }
  }
  const { code, message, hint, exitCode } = error
  return { is: 'failed', code, message, ...(hint === undefined ? {} : { hint }), exit_code: exitCode }
}
