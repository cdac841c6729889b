// Processes that a user's program in the observer's place has started, and whether those that it was made of as
// churning began lived on: behind a shell it is one of them that observes. A helper that comes later may go.

import type { ObservedLine } from '../../protocol/observed.ts'
import type { Finding } from './findings.ts'

/** A program whose processes come and go by the thousand is none of which one is missed. */
const CHILDREN_MAX = 20_000
/** An observer that is started while it churns has so long to start its own. */
const START_S = 5

type Stays = Extract<ObservedLine, { is: 'child_stays' }>
type Ended = Extract<ObservedLine, { is: 'child_ended' }>

interface Child {
  readonly stays: Stays
  ended: Ended | null
  /** When the observer of its time was started. */
  readonly observerS: number
}

export interface Churned {
  readonly fromS: number
  readonly toS: number
}

export class Children {
  /** By pid and start, in the order of their lines. */
  readonly #all = new Map<string, Child>()
  #observerS = 0

  add(line: ObservedLine): void {
    if (line.is === 'observer_started') this.#observerS = line.t_s
    if (line.is === 'child_stays' && this.#all.size < CHILDREN_MAX)
      this.#all.set(keyOf(line), { stays: line, ended: null, observerS: this.#observerS })
    if (line.is === 'child_ended') {
      const child = this.#all.get(keyOf(line))
      if (child !== undefined) child.ended = line
    }
  }

  /**
   * Of those that were there when churning began, or some seconds after a later start of the observer, and of those
   * that came in their places: ends while it churned that what had started them outlived, and who came after such an
   * end.
   */
  lost(churned: Churned | null): { readonly ends: readonly Finding[]; readonly restarts: readonly Finding[] } {
    const ends: Finding[] = []
    const restarts: Finding[] = []
    if (churned === null) return { ends, restarts }
    /** By place: since when the one of the beginning is no more. */
    const lostS = new Map<string, number>()
    const ended = [...this.#all.values()].filter(({ ended }) => isLoss(ended, churned))
    for (const child of ended)
      if (isOfTheBeginning(child, churned)) {
        const place = placeOf(child)
        lostS.set(place, Math.min(lostS.get(place) ?? Number.POSITIVE_INFINITY, (child.ended as Ended).last_s))
      }
    for (const child of this.#all.values()) {
      const sinceS = lostS.get(placeOf(child))
      if (sinceS === undefined) continue
      const { stays, ended } = child
      if (isLoss(ended, churned) && ended.last_s >= sinceS)
        ends.push({ t_s: ended.t_s, words: `${wordsOf(stays)} ended, and what had started it lived on` })
      // Within one look the one may have ended, and the other come.
      if (stays.first_s >= sinceS && stays.first_s <= churned.toS)
        restarts.push({ t_s: stays.first_s, words: `${wordsOf(stays)} came where another had ended` })
    }
    return { ends: ends.sort(byTime), restarts: restarts.sort(byTime) }
  }
}

const byTime = (one: Finding, other: Finding): number => one.t_s - other.t_s

const keyOf = ({ pid, start_ticks }: Stays | Ended): string => `${pid} ${start_ticks}`

const placeOf = ({ stays }: Child): string => `${stays.parent_pid} ${stays.name}`

const wordsOf = ({ pid, name }: Stays): string => `process ${pid} (${name}) of the observer's`

const isLoss = (ended: Ended | null, { fromS, toS }: Churned): ended is Ended =>
  ended?.parent_lives === true && ended.t_s >= fromS && ended.t_s <= toS

/** An end before that is no loss. */
const isOfTheBeginning = ({ stays, observerS }: Child, { fromS }: Churned): boolean =>
  stays.first_s <= Math.max(fromS, observerS + START_S)
