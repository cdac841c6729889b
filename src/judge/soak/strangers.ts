// Namespaces that an observer told of and churn never made: those that were there before it, those that were made in
// passing, and those that never were.

import type { ChurnLine } from '../../protocol/churn.ts'
import type { SeenSocket } from '../../protocol/observed.ts'
import { Findings } from './findings.ts'
import { foundWords, type Life } from './join.ts'
import type { There } from './truth.ts'

/**
 * What was found before churning was told by then, or soon after: polls that followed it were waited for. An observer
 * that only says so later has made it up, or has another clock.
 */
const TOLD_LATE_S = 3
/** More than these that were never found are not looked up, and count as if they were somebody's. */
const UNFOUND_MAX = 100_000

const COOKIES = /"cookie":"(\d+)"/g

export interface StrangerRules {
  /** When churning began. Null: not known yet. */
  readonly beginS: () => number | null
  /** Until when the truth is told: what was found later, in a run that was killed, nobody can judge. */
  readonly toldUntilS: () => number
  /** What was there before churn made any. Null: nobody listed it, and what was found before churning began counts. */
  readonly there: () => There | null
}

export class Strangers {
  readonly #rules: StrangerRules
  readonly #passing = new Set<string>()
  /** Sockets were told under them, and nobody found them: the first, by cookie. Churn's own are looked up. */
  readonly #unfound = new Map<string, number>()
  #unlistedCount = 0
  readonly foundBefore = new Findings()
  /** Found of those that churn made in passing. */
  passedCount = 0
  readonly #foundFalse = new Findings()

  constructor(rules: StrangerRules) {
    this.#rules = rules
  }

  /** Namespaces that were made on the way to a fault, or in vain: to find one is right, and so is not to. */
  passing(cookies: readonly string[]): void {
    for (const cookie of cookies) this.#passing.add(cookie)
  }

  settle(life: Life): void {
    const { cookie, foundS, toldS, seen } = life
    if (foundS === null) {
      if (seen.length > 0) this.#unfoundWith(cookie, seen)
      return
    }
    if (foundS > this.#rules.toldUntilS()) return
    if (this.#passing.delete(cookie)) {
      this.passedCount++
      return
    }
    const beginS = this.#rules.beginS()
    const words = (): string => `namespace ${cookie} (${foundWords(life)})`
    const isEarly = beginS === null || (foundS < beginS && toldS < beginS + TOLD_LATE_S)
    if (this.#wasThere(cookie, isEarly)) this.foundBefore.add(foundS, words)
    // By its own clock it may be of any time.
    else
      this.#foundFalse.add(
        Math.max(foundS, Math.min(toldS, beginS ?? foundS)),
        () => `${words()} was found, and churn never made it`,
      )
  }

  /** One of churn's own, found as what it is not. */
  mistaken(timeS: number, words: () => string): void {
    this.#foundFalse.add(timeS, words)
  }

  /** Whether a line of the truth may be about one of those that nobody found. */
  mayConcern(text: string): boolean {
    return !this.isSure && [...text.matchAll(COOKIES)].some(([, cookie = '']) => this.#unfound.has(cookie))
  }

  /** Nobody asks about a namespace any more. */
  get isSure(): boolean {
    return this.#unfound.size === 0
  }

  /** Holds a line of the truth against them: its own namespace, of which everything was known before that was told. */
  ask(line: ChurnLine): void {
    if (line.is === 'made') this.#unfound.delete(line.cookie)
  }

  /** Known once the truth was asked. */
  get false(): Findings {
    const all = new Findings()
    all.addAll(this.#foundFalse)
    for (const [cookie, t_s] of this.#unfound)
      all.add(t_s, () => `sockets were told under namespace ${cookie}, which nobody found and churn never made`)
    return all
  }

  /**
   * Where nobody listed what was there, its time has to do. What the kernel counts beside the list may be any: as many
   * as those are let pass.
   */
  #wasThere(cookie: string, isEarly: boolean): boolean {
    const there = this.#rules.there()
    if (there === null) return isEarly
    return there.cookies.has(cookie) || (isEarly && ++this.#unlistedCount <= there.unseenCount)
  }

  #unfoundWith(cookie: string, seen: readonly SeenSocket[]): void {
    const firstS = seen.reduce((one, socket) => Math.min(one, socket[5]), Number.POSITIVE_INFINITY)
    const { there, beginS, toldUntilS } = this.#rules
    const listed = there()?.cookies ?? null
    const isExcused = listed === null ? firstS < (beginS() ?? Number.POSITIVE_INFINITY) : listed.has(cookie)
    if (isExcused || firstS > toldUntilS() || this.#passing.has(cookie) || this.#unfound.size === UNFOUND_MAX) return
    this.#unfound.set(cookie, Math.min(firstS, this.#unfound.get(cookie) ?? firstS))
  }
}
