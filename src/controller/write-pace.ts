// When states that were noted are written: not in a fleet's busiest second, on whose processors the database works too,
// and not much later. Pure.

/** Written when none was noted for so long: a fleet's joins share a few statements. */
export const WRITE_QUIET_MS = 250

/** However busy, no state waits longer. */
const WRITE_LATEST_MS = 2000

export class WritePace {
  #oldestMs = 0
  #newestMs = 0

  /** A state was noted; `isFirst`: no other waits. */
  noted(nowMs: number, isFirst: boolean): void {
    this.#newestMs = nowMs
    if (isFirst) this.#oldestMs = nowMs
  }

  /** How long what was noted waits still; 0 or less: write now. */
  waitMs(nowMs: number): number {
    return Math.min(this.#newestMs + WRITE_QUIET_MS, this.#oldestMs + WRITE_LATEST_MS) - nowMs
  }
}
