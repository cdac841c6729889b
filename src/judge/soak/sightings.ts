// How often a socket was told, against how often it had to be: by every poll of all namespaces that began and ended
// while it was there and the observer knew its namespace. To have been seen once in a long life proves little.

import type { SeenSocket } from '../../protocol/observed.ts'
import type { Life } from './join.ts'
import type { Polls } from './polls.ts'

interface Period {
  readonly fromS: number
  readonly toS: number
}

/**
 * When one and the same process of the observer knew the namespace. What it calls gone it has known, however early that
 * was; of one that nobody has forgotten no socket was told yet.
 */
export function knownTimes({ finds, endings, forgotS }: Pick<Life, 'finds' | 'endings' | 'forgotS'>): Period[] {
  const rising = (one: number, other: number): number => one - other
  const ends = [...endings].sort(rising)
  const periods: Period[] = []
  for (const fromS of [...finds].sort(rising)) {
    if (fromS < (periods.at(-1)?.toS ?? Number.NEGATIVE_INFINITY)) continue
    const toS = ends.find(endS => endS >= fromS) ?? (forgotS === null ? null : Number.POSITIVE_INFINITY)
    if (toS !== null) periods.push({ fromS, toS })
  }
  return periods
}

export interface Sightings {
  readonly due: number
  /** Of those, not told: at least so many, since a namespace's own first poll tells its sockets, too. */
  readonly missed: number
}

/**
 * `life`: of the socket. `marginS`: what was found so shortly before a poll began may not have been in it yet, while
 * others were opened.
 */
export function sightingsOf(
  life: Period,
  { known, seen }: { readonly known: readonly Period[]; readonly seen: readonly SeenSocket[] },
  polls: Polls,
  marginS: number,
): Sightings {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
  const due = sum(
    known.map(({ fromS, toS }) => polls.countWithin(Math.max(life.fromS, fromS + marginS), Math.min(life.toS, toS))),
  )
  const told = sum(seen.map(socket => socket[7]))
  // Between its first row and its last nothing but a poll that left it out explains a gap.
  const gaps = seen.map(([, , , , , firstS, lastS, rows]) =>
    Math.max(0, polls.countWithin(firstS + marginS, lastS) - Math.max(0, rows - 2)),
  )
  return { due, missed: Math.min(due, Math.max(due - told, sum(gaps))) }
}
