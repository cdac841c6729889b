// What went wrong, one by one: the few of each sort that a reader needs to begin with.

import type { Moment } from './series.ts'

export interface Finding {
  /** When, in s from the run's origin. */
  readonly t_s: number
  /** One sentence: what, which, how much. */
  readonly words: string
}

const KEPT = 20

/** Counts findings and keeps the earliest. */
export class Findings {
  #count = 0
  #earliest: Finding[] = []

  get count(): number {
    return this.#count
  }

  /** The first ones, in the order of their times. */
  get earliest(): readonly Finding[] {
    return this.#earliest
  }

  /** All of another one, of which those that it kept are known by their words. */
  addAll({ count, earliest }: Findings): void {
    for (const { t_s, words } of earliest) this.add(t_s, () => words)
    this.#count += count - earliest.length
  }

  /** `words` is asked only of those that are kept. */
  add(timeS: number, words: () => string, count = 1): void {
    this.#count += count
    const last = this.#earliest.at(-1)
    if (this.#earliest.length === KEPT && last && timeS >= last.t_s) return
    this.#earliest.push({ t_s: timeS, words: words() })
    this.#earliest.sort((one, other) => one.t_s - other.t_s || (one.words < other.words ? -1 : 1))
    this.#earliest.length = Math.min(KEPT, this.#earliest.length)
  }
}

/** Keeps the findings of the greatest values. */
export class Worst {
  #kept: { readonly value: number; readonly finding: Finding }[] = []

  add([timeS, value]: Moment, words: () => string): void {
    const last = this.#kept.at(-1)
    if (this.#kept.length === KEPT && last && value <= last.value) return
    this.#kept.push({ value, finding: { t_s: timeS, words: words() } })
    this.#kept.sort((one, other) => other.value - one.value || one.finding.t_s - other.finding.t_s)
    this.#kept.length = Math.min(KEPT, this.#kept.length)
  }

  /** The greatest first. */
  get findings(): readonly Finding[] {
    return this.#kept.map(({ finding }) => finding)
  }
}
