// An observer's polls: how long they took, how long there was none, what became of their rows, and whether a socket was
// there throughout one.

import type { ObservedLine } from '../../protocol/observed.ts'
import { Findings, Worst } from './findings.ts'
import { Floats } from './floats.ts'
import { Extremes } from './series.ts'

export type Polled = Extract<ObservedLine, { is: 'polled' }>

export class Polls {
  /** Whole polls, by when they began. */
  readonly #begun: { readonly fromS: number; readonly toS: number }[] = []
  /** When they ended, in order. */
  readonly #ends: number[] = []
  readonly took = new Floats()
  readonly worst = new Worst()
  readonly tookOverTime = new Extremes()
  /** Namespaces that polls were of. */
  readonly namespacesOverTime = new Extremes()
  readonly rowsLost = new Findings()
  readonly rowsDoubled = new Findings()
  readonly rowsDropped = new Findings()
  readonly incomplete = new Findings()
  rowsSentCount = 0
  rowsStoredCount = 0

  /** Polls of all namespaces. */
  get wholeCount(): number {
    return this.#begun.length
  }

  /** A poll of one new namespace counts for its rows alone: the caller keeps its times with the namespace. */
  add(line: Polled): void {
    this.#addRows(line)
    if (line.first_of !== null) return
    const poll = { fromS: line.t_s, toS: line.t_s + line.took_s }
    let at = this.#begun.length
    while (at > 0 && (this.#begun[at - 1] as typeof poll).fromS > poll.fromS) at--
    this.#begun.splice(at, 0, poll)
    at = this.#ends.length
    while (at > 0 && (this.#ends[at - 1] as number) > poll.toS) at--
    this.#ends.splice(at, 0, poll.toS)
    this.took.push(line.took_s)
    this.tookOverTime.add(line.t_s, line.took_s)
    this.namespacesOverTime.add(line.t_s, line.namespaces_count)
    this.worst.add([line.t_s, line.took_s], () => `poll ${line.poll} took ${line.took_s.toFixed(3)} s`)
  }

  /** Whether a whole poll began at `fromS` or later and had ended by `untilS`. */
  hasWithin(fromS: number, untilS: number): boolean {
    const next = this.#begun[firstPlace(this.#begun, poll => poll.fromS >= fromS)]
    return next !== undefined && next.toS <= untilS
  }

  /** Whether a whole poll began after `fromS`, and at `untilS` at the latest. */
  hasBegun(fromS: number, untilS: number): boolean {
    const next = this.#begun[firstPlace(this.#begun, poll => poll.fromS > fromS)]
    return next !== undefined && next.fromS <= untilS
  }

  /** How many whole polls began at `fromS` or later and had ended by `untilS`; fewer where some overlap. */
  countWithin(fromS: number, untilS: number): number {
    const before = firstPlace(this.#begun, poll => poll.fromS >= fromS)
    return Math.max(0, firstPlace(this.#ends, endS => endS > untilS) - before)
  }

  /** The longest time between `fromS` and `toS` in which no whole poll ended, and when it began. */
  silence(fromS: number, toS: number): { readonly lengthS: number; readonly sinceS: number } {
    const ends = this.#begun.map(poll => poll.toS).filter(endS => endS > fromS && endS < toS)
    ends.sort((one, other) => one - other)
    let longest = { lengthS: 0, sinceS: fromS }
    let sinceS = fromS
    for (const endS of [...ends, toS]) {
      if (endS - sinceS > longest.lengthS) longest = { lengthS: endS - sinceS, sinceS }
      sinceS = endS
    }
    return longest
  }

  #addRows(line: Polled): void {
    const { rows_sent_count: sent, rows_stored_count: stored, rows_doubled_count: doubled } = line
    const { rows_dropped_count: dropped, incomplete_count: incomplete } = line
    this.rowsSentCount += sent
    this.rowsStoredCount += stored
    const lost = sent - dropped - (stored - doubled)
    const say = (findings: Findings, count: number, what: string): void => {
      if (count > 0) findings.add(line.t_s, () => `poll ${line.poll}: ${count} ${what}`, count)
    }
    say(this.rowsLost, lost, `of ${sent} rows were never stored`)
    say(this.rowsDoubled, doubled, 'rows were stored more than once')
    say(this.rowsDropped, dropped, `of ${sent} rows were dropped, the sink being slow`)
    say(this.incomplete, incomplete, 'dumps stayed incomplete')
  }
}

/** Of items in order, the place of the first for which `is` holds, as it does for all that follow. */
function firstPlace<T>(items: readonly T[], is: (item: T) => boolean): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (is(items[middle] as T)) high = middle
    else low = middle + 1
  }
  return low
}
