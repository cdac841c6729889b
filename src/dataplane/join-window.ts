// How many nodes may be joining at once. More than the controller can serve in time would all be late, and begin again:
// so each round of late ones halves the number, and each that lands widens it again. Pure.

import { JOINS_IN_FLIGHT } from './limits.ts'

export class JoinWindow {
  #limit = JOINS_IN_FLIGHT
  #underWay = 0
  /** Joins under way that were begun before the last halving: that they are late, too, says nothing new. */
  #older = 0

  get limit(): number {
    return this.#limit
  }

  get hasRoom(): boolean {
    return this.#underWay < this.#limit
  }

  get isIdle(): boolean {
    return this.#underWay === 0
  }

  begun(): void {
    this.#underWay++
  }

  /** One has joined. */
  landed(): void {
    this.#limit = Math.min(JOINS_IN_FLIGHT, this.#limit + 1)
    this.#end()
  }

  /** One was not answered in time. */
  late(): void {
    const isNews = this.#older === 0
    this.#end()
    if (!isNews) return
    this.#limit = Math.max(1, this.#limit >>> 1)
    this.#older = this.#underWay
  }

  /** One was given up for another reason. */
  ended(): void {
    this.#end()
  }

  #end(): void {
    this.#underWay--
    if (this.#older > 0) this.#older--
  }
}
