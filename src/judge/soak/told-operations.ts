// Whether churn's lines tell each of its operations, and none twice: what is written again after a disk was full, or
// lost with one, has the right shape.

import type { ChurnLine } from '../../protocol/churn.ts'

const FIRST_LENGTH = 1024

export class ToldOperations {
  /** By number of the operation: 1, some line tells of it; 2, that it was done. A byte each. */
  #told = new Uint8Array(FIRST_LENGTH)
  #count = 0
  #twice: number | null = null
  /** By churn's own count, at its end; null: it did not come to that. */
  #ownCount: number | null = null
  readonly #planOps: number

  /** `planOps`: how many operations the schedule has; others are the drain's. */
  constructor(planOps: number) {
    this.#planOps = planOps
  }

  add(line: ChurnLine): void {
    if (line.is === 'end') this.#ownCount = line.ops_count
    else if (line.is === 'made' || line.is === 'dropped') this.#add(line.op, 2)
    // One that was done may tell of a failure, too.
    else if (line.is === 'failed') this.#add(line.op, 1)
  }

  /** What is wrong with the file as a whole; null: nothing. */
  get problem(): string | null {
    if (this.#twice !== null) return `operation ${this.#twice} is told twice`
    if (this.#ownCount === null || this.#ownCount === this.#count) return null
    return `it tells of ${this.#count} operations, and churn did ${this.#ownCount}`
  }

  #add(op: number, mark: 1 | 2): void {
    if (op < 1 || op > this.#planOps) return
    if (op >= this.#told.length) {
      const grown = new Uint8Array(Math.max(op + 1, 2 * this.#told.length))
      grown.set(this.#told)
      this.#told = grown
    }
    const before = this.#told[op] as number
    if (before === 0) this.#count++
    if (before === 2 && mark === 2) this.#twice ??= op
    this.#told[op] = Math.max(before, mark)
  }
}
