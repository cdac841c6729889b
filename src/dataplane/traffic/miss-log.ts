// Packets without a route, in the fleet's log: the first at once, and those after it ever more rarely.

import type { Clock } from '../../base/clock.ts'
import type { RouteMissed } from '../../native/engine.ts'
import { MISSES_APART_MAX_MS, MISSES_APART_MS } from './limits.ts'

export interface MissLogOptions {
  readonly clock: Pick<Clock, 'nowNs'>
  readonly warn: (message: string) => void
}

export class MissLog {
  readonly #options: MissLogOptions
  /** Dropped since the last line. */
  #packets = 0
  #apartMs = MISSES_APART_MS
  #nextMs = Number.NEGATIVE_INFINITY

  constructor(options: MissLogOptions) {
    this.#options = options
  }

  see(missed: readonly RouteMissed[]): void {
    for (const { packets } of missed) this.#packets += packets
    const last = missed.at(-1)
    const nowMs = Number(this.#options.clock.nowNs() / 1_000_000n)
    if (last === undefined || nowMs < this.#nextMs) return
    // After a long silence it is news again.
    const isNews = nowMs > this.#nextMs + MISSES_APART_MAX_MS
    this.#apartMs = isNews ? MISSES_APART_MS : Math.min(this.#apartMs * 2, MISSES_APART_MAX_MS)
    this.#nextMs = nowMs + this.#apartMs
    const { nodeId, source, destination, isGroup } = last
    const way = `from node ${source} to ${isGroup ? 'group' : 'node'} ${destination}`
    const packets = `${this.#packets} ${this.#packets === 1 ? 'packet' : 'packets'}`
    this.#packets = 0
    this.#options.warn(`no route: node ${nodeId} has none ${way}; dropped, with others like it: ${packets}`)
  }
}
