// A churn that runs: its schedule is handed to the native threads ahead of time, and what they say comes back in order.

import { type Clock, secondsSince } from '../../base/clock.ts'
import type { Churner } from '../../native/churner.ts'
import type { ChurnLine, Operation } from '../../protocol/churn.ts'

/** How far ahead of their times operations are handed over, and how often: JavaScript may be late by the difference. */
const AHEAD_S = 4
const FEED_MS = 1000
/** Operations of one call. */
const CHUNK_COUNT = 1000
/** From the word to the first operation's time zero: the threads have got their first operations by then. */
const BEGIN_NS = 20_000_000n

export interface Filled {
  readonly namespaces_count: number
  readonly failed_count: number
}

export interface ChurningOptions {
  readonly schedule: Iterable<Operation>
  readonly clock: Clock
  readonly originNs: bigint
  readonly onLines: (lines: readonly ChurnLine[]) => void
}

/** Fill, churn, drain, in this order; drain at any time. */
export class Churning {
  readonly #options: ChurningOptions
  readonly #schedule: Iterator<Operation>
  #churner: Churner | null = null
  /** Taken from the schedule, and not handed over. */
  #next: Operation | undefined
  #beginNs = 0n
  #feeding: NodeJS.Timeout | null = null
  #fill = { last: 0, made: 0, failed: 0, resolve: (): void => {} }

  constructor(options: ChurningOptions) {
    this.#options = options
    this.#schedule = options.schedule[Symbol.iterator]()
    this.#next = this.#take()
  }

  /** Lines of `churner` come to take(). */
  begin(churner: Churner): void {
    this.#churner = churner
  }

  /** What the churner says. */
  take(lines: readonly ChurnLine[]): void {
    this.#options.onLines(lines)
    const fill = this.#fill
    for (const line of lines) {
      if (!('op' in line) || line.op > fill.last) continue
      if (line.is === 'made') fill.made++
      else if (line.is === 'failed') fill.failed++
    }
    if (fill.made + fill.failed >= fill.last) fill.resolve()
  }

  /** Makes what is there at the start. Resolves when all of it is made, or has failed. */
  async fill(): Promise<Filled> {
    const done = new Promise<void>(resolve => {
      this.#fill.resolve = resolve
    })
    const operations: Operation[] = []
    while (this.#next?.do === 'make' && this.#next.fill) operations.push(this.#pop())
    this.#fill.last = operations.at(-1)?.op ?? 0
    this.#add(operations)
    if (operations.length > 0) await done
    return { namespaces_count: this.#fill.made, failed_count: this.#fill.failed }
  }

  /** The schedule's time begins. */
  churn(): void {
    const { clock, originNs } = this.#options
    this.#beginNs = clock.nowNs() + BEGIN_NS
    this.#options.onLines([{ is: 'begin', t_s: Number(this.#beginNs - originNs) / 1e9 }])
    this.#feed()
    this.#feeding = setInterval(() => this.#feed(), FEED_MS)
  }

  /** Ends the churn; what the kernel had not removed by the deadline. The line `end` is the last. */
  async drain(deadlineS: number): Promise<readonly string[]> {
    if (this.#feeding !== null) clearInterval(this.#feeding)
    const { clock, originNs, onLines } = this.#options
    const churner = this.#churner
    if (churner === null) return []
    const left = await churner.drain(Math.max(0, Math.round(deadlineS * 1000)))
    onLines([{ is: 'end', t_s: secondsSince(clock, originNs), ops_count: churner.figures().ops }])
    return left.map(id => `namespace ${id}`)
  }

  async close(): Promise<void> {
    if (this.#feeding !== null) clearInterval(this.#feeding)
    const churner = this.#churner
    this.#churner = null
    await churner?.close()
  }

  #feed(): void {
    const untilS = secondsSince(this.#options.clock, this.#beginNs) + AHEAD_S
    const operations: Operation[] = []
    while (this.#next !== undefined && this.#next.due_s <= untilS) operations.push(this.#pop())
    this.#add(operations)
    if (this.#next === undefined && this.#feeding !== null) clearInterval(this.#feeding)
  }

  #add(operations: readonly Operation[]): void {
    for (let at = 0; at < operations.length; at += CHUNK_COUNT)
      this.#churner?.add(operations.slice(at, at + CHUNK_COUNT), this.#beginNs)
  }

  #pop(): Operation {
    const operation = this.#next as Operation
    this.#next = this.#take()
    return operation
  }

  #take(): Operation | undefined {
    const { done, value } = this.#schedule.next()
    return done ? undefined : value
  }
}
