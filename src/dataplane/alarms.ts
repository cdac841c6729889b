// One timer for many: each item has at most one alarm. A healthy fleet has none, and then there is no timer either.

import type { Clock } from '../base/clock.ts'

/** Alarms that fall due within this many ms of each other ring together. */
const GRAIN_MS = 20

export class Alarms<Item> {
  #clock: Clock
  #ring: (item: Item) => void
  #due = new Map<Item, number>()
  #timer: NodeJS.Timeout | undefined
  #timerDueMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, ring: (item: Item) => void) {
    this.#clock = clock
    this.#ring = ring
  }

  get size(): number {
    return this.#due.size
  }

  /** Rings for `item` in `delayMs`, and not when it was set to before. */
  set(item: Item, delayMs: number): void {
    const dueMs = this.#nowMs() + delayMs
    this.#due.set(item, dueMs)
    if (dueMs + GRAIN_MS < this.#timerDueMs) this.#arm(dueMs)
  }

  clear(item: Item): void {
    this.#due.delete(item)
  }

  clearAll(): void {
    this.#due.clear()
    clearTimeout(this.#timer)
    this.#timerDueMs = Number.POSITIVE_INFINITY
  }

  #nowMs(): number {
    return Number(this.#clock.nowNs() / 1_000_000n)
  }

  #arm(dueMs: number): void {
    clearTimeout(this.#timer)
    this.#timerDueMs = dueMs
    this.#timer = setTimeout(() => this.#sweep(), Math.max(1, dueMs - this.#nowMs()))
  }

  #sweep(): void {
    this.#timerDueMs = Number.POSITIVE_INFINITY
    const nowMs = this.#nowMs()
    const ringing: Item[] = []
    let nextMs = Number.POSITIVE_INFINITY
    for (const [item, dueMs] of this.#due) {
      if (dueMs <= nowMs + GRAIN_MS) ringing.push(item)
      else if (dueMs < nextMs) nextMs = dueMs
    }
    for (const item of ringing) this.#due.delete(item)
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs)
    for (const item of ringing) this.#ring(item)
  }
}
