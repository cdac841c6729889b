// The runner's side of the channel to a guest's agent: calls with deadlines, notices, byte streams, and the watch over
// the agent's heartbeat. It outlives a guest that reboots, and ends with its stream, or with the VM.

import { randomInt } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { Channel } from '../base/channel.ts'
import { type ErrorCode, errorTable, NslabError } from '../base/errors.ts'
import { type ByteStream, ByteStreams } from '../protocol/byte-streams.ts'
import type { SentError } from '../protocol/sent-error.ts'
import {
  type Answer,
  type Ask,
  type FromGuest,
  GUEST_PROTOCOL,
  type GuestCallName,
  type GuestNotice,
  type GuestReply,
  type Hello,
  type ToGuest,
} from './guest-calls.ts'

/** A VM's stream closes some moments before all that it said last was read. */
const EXPLANATION_LIMIT_MS = 10_000

/** An agent that is well answers in milliseconds, in seconds where its processor is emulated and shared by many. */
const CALL_LIMIT_S = 60

/**
 * Numbers of calls, streams and processes start anywhere: what a guest still says to a runner of its past, or of the
 * snapshot it was restored from, is then nobody's.
 */
const firstNumber = (): number => randomInt(2 ** 40)

export interface GuestChannelOptions {
  /** The VM's name, for messages. */
  readonly vm: string
  /** The port. Its owner ends it; the channel does when it can't go on. */
  readonly stream: Duplex
  /** The guest has booted again: all that was under way is lost. */
  readonly onReboot?: (hello: Hello) => void
  /** Nothing was heard for so long. Called once a silence; what to do about it is the caller's. */
  readonly onSilent?: (silentS: number) => void
  readonly silentAfterS?: number
  /** Resolves when the VM has ended, with how: every call under way rejects with it. */
  readonly vmEnded?: Promise<NslabError>
}

interface Pending {
  readonly call: GuestCallName
  readonly resolve: (value: never) => void
  readonly reject: (error: Error) => void
}

/** How a guest's process ended: notice `exit`. */
export type GuestExit = Extract<GuestNotice, { is: 'exit' }>

export class GuestChannel {
  readonly vm: string
  /** Resolves with the reason when the channel can't be used any more. */
  readonly ended: Promise<NslabError>
  readonly #options: GuestChannelOptions
  readonly #channel: Channel<ToGuest, FromGuest>
  readonly #streams: ByteStreams
  readonly #pending = new Map<number, Pending>()
  readonly #listeners = new Set<(notice: GuestNotice) => void>()
  readonly #exits = new Map<number, { resolve: (exit: GuestExit) => void; reject: (error: Error) => void }>()
  #end: (reason: NslabError) => void = () => {}
  #endReason: NslabError | null = null
  #number = firstNumber()
  readonly #awaitingHello: ((hello: Hello) => void)[] = []
  #hello: Hello | null = null
  /** The first that a guest says by itself. */
  readonly #greeting: Promise<Hello>
  #greet: (hello: Hello) => void = () => {}
  #heardMs = 0
  #isSilent = false
  /** Who waits, each within a deadline of its own, for something that takes a guest's voice away. */
  #excuses = 0
  #watch: NodeJS.Timeout | null = null

  constructor(options: GuestChannelOptions) {
    const { stream, vm } = options
    this.vm = vm
    this.#options = options
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
    this.#greeting = new Promise(resolve => {
      this.#greet = resolve
    })
    this.#channel = new Channel<ToGuest, FromGuest>(
      stream,
      message => this.#receive(message),
      error => this.#closed(error === undefined ? 'closed its channel' : `broke its channel: ${error.message}`),
      // The rest of what the guest said in an earlier life, or to an earlier runner.
      () => {},
    )
    this.#streams = new ByteStreams(piece => this.#channel.send(piece))
    // Ends whatever half line an earlier runner has left.
    stream.write('\n')
    options.vmEnded?.then(reason => this.fail(reason))
  }

  /** What the guest said of itself last; null before the first hello. */
  get hello(): Hello | null {
    return this.#hello
  }

  /**
   * Begins a session: waits for the agent, as long as a boot takes. Throws DEADLINE, or why the channel ended.
   * What an earlier runner had started in the guest is ended.
   */
  async begin(deadlineS: number): Promise<Hello> {
    const asked = this.call('hello', {}, deadlineS)
    asked.catch(() => {})
    // A guest that boots says it by itself, a moment earlier; one that was restored is asked.
    const hello = await Promise.race([asked, this.#greeting])
    if (hello.protocol !== GUEST_PROTOCOL) {
      const versions = `speaks version ${hello.protocol} of the agent's protocol, not ${GUEST_PROTOCOL}`
      throw this.#lost(`${versions}: its image is not of this nslab`)
    }
    this.#hello = hello
    this.#startWatch()
    return hello
  }

  /** The guest may be silent, until the returned function is called: who waits for it has a deadline of its own. */
  excuseSilence(): () => void {
    this.#excuses++
    return () => {
      this.#excuses--
      this.#heardMs = performance.now()
    }
  }

  /** Resolves when the guest has booted again and its agent speaks; rejects when the channel ends before. */
  nextHello(): Promise<Hello> {
    const hello = new Promise<Hello>(resolve => this.#awaitingHello.push(resolve))
    return Promise.race([hello, this.ended.then(reason => Promise.reject(reason))])
  }

  /** Asks and waits. Rejects with the agent's own error, with DEADLINE, or with why the channel ended. */
  call<Name extends GuestCallName>(call: Name, ask: Ask<Name>, deadlineS = CALL_LIMIT_S): Promise<Answer<Name>> {
    if (this.#endReason !== null) return Promise.reject(this.#endReason)
    const id = this.newNumber()
    const answer = new Promise<Answer<Name>>((resolve, reject) => this.#pending.set(id, { call, resolve, reject }))
    this.#channel.send({ id, call, ask } as ToGuest)
    // A clock that is asked wants the question to leave now.
    this.#channel.flush()
    return this.within(answer, call, deadlineS, () => this.#pending.delete(id))
  }

  /** Waits for `work` of the guest's no longer than this; then gives it up, and throws DEADLINE. */
  async within<T>(work: Promise<T>, what: string, deadlineS: number, giveUp: () => void): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        giveUp()
        const facts = { waitingFor: `${this.vm}: ${what}`, limitS: deadlineS, missing: "the guest's answer" }
        reject(new NslabError('DEADLINE', facts))
      }, deadlineS * 1000)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Hands every notice to `listener`, until the returned function is called: heartbeats, samples, deeds, the kernel's
   * words.
   */
  onNotice(listener: (notice: GuestNotice) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A number for a process. */
  newNumber(): number {
    this.#number += 1
    return this.#number
  }

  /** A stream whose number is then told to the agent by a call. */
  openStream(way: 'in' | 'out' | 'both'): { readonly number: number; readonly stream: ByteStream } {
    const number = this.newNumber()
    return { number, stream: this.#streams.open(number, way) }
  }

  /** Resolves when the process with this number has ended; ask before it is started. Rejects with the channel's end. */
  exitOf(process: number): Promise<GuestExit> {
    const exit = new Promise<GuestExit>((resolve, reject) => {
      if (this.#endReason === null) this.#exits.set(process, { resolve, reject })
      else reject(this.#endReason)
    })
    // Nobody waits for a process that could not be started.
    exit.catch(() => {})
    return exit
  }

  /** Nobody waits for this process any more: it could not be started. */
  forget(process: number): void {
    this.#exits.delete(process)
  }

  /** Ends the channel: everything under way rejects with this reason. The first one counts. */
  fail(reason: NslabError): void {
    if (this.#endReason !== null) return
    this.#endReason = reason
    if (this.#watch !== null) clearInterval(this.#watch)
    this.#abandon(reason)
    this.#options.stream.destroy()
    this.#end(reason)
  }

  /** Only the VM knows why. */
  #closed(words: string): void {
    const fail = (): void => this.fail(this.#lost(words))
    if (this.#options.vmEnded === undefined) fail()
    else setTimeout(fail, EXPLANATION_LIMIT_MS).unref()
  }

  #abandon(reason: NslabError): void {
    for (const { reject } of this.#pending.values()) reject(reason)
    this.#pending.clear()
    for (const { reject } of this.#exits.values()) reject(reason)
    this.#exits.clear()
    this.#streams.destroy()
  }

  #receive(message: FromGuest): void {
    this.#heardMs = performance.now()
    this.#isSilent = false
    if ('p' in message) this.#streams.receive(message)
    else if ('re' in message) this.#answer(message)
    else if (message.is === 'hello') this.#greeted(message.hello)
    else if (message.is === 'exit' && this.#exits.has(message.process)) {
      this.#exits.get(message.process)?.resolve(message)
      this.#exits.delete(message.process)
    } else for (const listener of this.#listeners) listener(message)
  }

  #answer(reply: GuestReply): void {
    const pending = this.#pending.get(reply.re)
    if (pending === undefined) return
    this.#pending.delete(reply.re)
    if ('error' in reply) pending.reject(errorFrom(this.vm, reply.error))
    else pending.resolve(reply.value as never)
  }

  /** Agents say hello by themselves when they start: the first time is the boot that begin() waits for. */
  #greeted(hello: Hello): void {
    const isFirst = this.#hello === null
    this.#hello = hello
    if (isFirst) {
      this.#greet(hello)
      return
    }
    this.#abandon(this.#lost('rebooted'))
    this.#options.onReboot?.(hello)
    for (const told of this.#awaitingHello.splice(0)) told(hello)
  }

  #startWatch(): void {
    const { onSilent, silentAfterS } = this.#options
    if (onSilent === undefined || silentAfterS === undefined || this.#watch !== null) return
    const periodMs = silentAfterS * 250
    let lookedMs = performance.now()
    this.#watch = setInterval(() => {
      const nowMs = performance.now()
      // While this process stood still nobody listened: what was said meanwhile is read after this.
      this.#heardMs += Math.max(0, nowMs - lookedMs - periodMs)
      lookedMs = nowMs
      const silentS = (nowMs - this.#heardMs) / 1000
      if (this.#isSilent || this.#excuses > 0 || silentS < silentAfterS) return
      this.#isSilent = true
      onSilent(silentS)
    }, periodMs).unref()
  }

  #lost(reason: string): NslabError {
    return new NslabError('GUEST_LOST', { vm: this.vm, reason })
  }
}

/** An error of the agent's, as the one it threw. What is no NslabError there is a bug, and stays one. */
function errorFrom(vm: string, { code, facts, message }: SentError): Error {
  return code in errorTable ? new NslabError(code as ErrorCode, facts) : new Error(`in ${vm}: ${message}`)
}
