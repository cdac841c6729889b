// When polls begin: at fixed distances from one origin of CLOCK_MONOTONIC, so that neither a late timer nor a long poll
// shifts those that follow. A poll that takes longer than the interval is not begun twice: its beats are skipped, and
// counted.

import type { Clock } from '../../base/clock.ts'

export interface Beat {
  readonly dueNs: bigint
  /** How much later than due the poll began. */
  readonly lateS: number
}

/** A timer of Node.js takes no more. */
const TIMER_MS_MAX = 2 ** 31 - 1

export class Schedule {
  readonly #clock: Clock
  readonly #onBeat: (beat: Beat) => Promise<void>
  #intervalNs: bigint
  #nextNs: bigint
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isStopped = false
  #skipped = 0
  #beats = 0

  /** The first beat is due now. `onBeat` never rejects: what went wrong is for it to tell. */
  constructor(clock: Clock, intervalS: number, onBeat: (beat: Beat) => Promise<void>) {
    this.#clock = clock
    this.#onBeat = onBeat
    this.#intervalNs = nanoseconds(intervalS)
    this.#nextNs = clock.nowNs()
  }

  get intervalS(): number {
    return Number(this.#intervalNs) / 1e9
  }

  /** Beats that fell into a poll which was still going on. */
  get skippedCount(): number {
    return this.#skipped
  }

  get beatsCount(): number {
    return this.#beats
  }

  start(): void {
    this.#arm()
  }

  /** Beats come at this distance from now on; the first when the shorter of the two would have had it come. */
  setInterval(intervalS: number): void {
    const lastNs = this.#nextNs - this.#intervalNs
    this.#intervalNs = nanoseconds(intervalS)
    const nowNs = this.#clock.nowNs()
    this.#nextNs = lastNs + this.#intervalNs
    if (this.#nextNs < nowNs) this.#nextNs = nowNs
    if (this.#running === undefined) this.#arm()
  }

  /** No poll begins any more; resolves when the one that is going on has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  #arm(): void {
    clearTimeout(this.#timer)
    if (this.#isStopped) return
    const waitMs = Number(this.#nextNs - this.#clock.nowNs()) / 1e6
    this.#timer = setTimeout(() => this.#onTimer(), Math.min(TIMER_MS_MAX, Math.max(0, Math.ceil(waitMs))))
  }

  #onTimer(): void {
    const nowNs = this.#clock.nowNs()
    // Timers count whole milliseconds of the event loop's own time, which may run behind.
    if (nowNs < this.#nextNs) {
      this.#arm()
      return
    }
    const dueNs = this.#nextNs
    this.#beats++
    this.#nextNs = dueNs + this.#intervalNs
    this.#running = this.#onBeat({ dueNs, lateS: Number(nowNs - dueNs) / 1e9 }).then(() => {
      this.#running = undefined
      this.#skip()
      this.#arm()
    })
  }

  /** Passes over the beats that are in the past. */
  #skip(): void {
    const behindNs = this.#clock.nowNs() - this.#nextNs
    if (behindNs <= 0n) return
    const missed = (behindNs + this.#intervalNs - 1n) / this.#intervalNs
    this.#skipped += Number(missed)
    this.#nextNs += missed * this.#intervalNs
  }
}

const nanoseconds = (seconds: number): bigint => BigInt(Math.round(seconds * 1e9))
