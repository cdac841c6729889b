// A shorter schedule that still breaks what a longer one broke: a shorter beginning of it, then fewer namespaces, by
// delta debugging (A. Zeller, R. Hildebrandt: "Simplifying and Isolating Failure-Inducing Input", 2002). Pure: whether
// a schedule breaks is asked of an oracle.

import type { Operation } from '../../protocol/churn.ts'

/** Operations in the order of their times, numbered from 1, and how long it churns. */
export interface Schedule {
  readonly operations: readonly Operation[]
  readonly durationS: number
}

export type Step = 'beginning' | 'namespaces' | 'fill' | 'rest'

/** over: nothing was tried, and nothing more will be. */
export type Answer = 'breaks' | 'holds' | 'over'

export interface ShrinkOptions {
  /** Tries a schedule once. */
  readonly oracle: (schedule: Schedule, step: Step) => Promise<Answer>
  /** Whether there is time to try one of this length at all. */
  readonly fits?: (durationS: number) => boolean
  /** How often one is tried before it is said to hold: what breaks now and then has to break once. */
  readonly triesCount?: number
}

export interface Shrunk {
  readonly schedule: Schedule
  /** Whether the search came to its end: no namespace can go alone. */
  readonly isWhole: boolean
}

const TRIES_COUNT = 2
/** A beginning that is shorter by less than this share, or this time, is not worth trying. */
const LEAST_SHARE = 0.125
const LEAST_S = 0.5
/** After the last operation: an observer finds, or forgets, what it did. */
const REST_S = 1

/** The smallest schedule found that breaks, which is `start` where none of those that were tried did. */
export async function shrinkSchedule(start: Schedule, options: ShrinkOptions): Promise<Shrunk> {
  const search = new Search(start, options)
  try {
    await search.shorten()
    await search.thin('namespaces')
    await search.thin('fill')
    await search.cutRest()
    return { schedule: search.best, isWhole: true }
  } catch (error) {
    if (error instanceof Over) return { schedule: search.best, isWhole: false }
    throw error
  }
}

/** Namespaces by how they begin: those that churning made, or those of the first fill. */
export function namespacesOf({ operations }: Schedule, of: 'namespaces' | 'fill'): number[] {
  return operations.flatMap(op => (op.do === 'make' && op.fill === (of === 'fill') ? [op.id] : []))
}

/** The beginning of a schedule. */
export function beginningOf({ operations }: Schedule, durationS: number): Schedule {
  return { operations: operations.filter(({ due_s }) => due_s <= durationS), durationS }
}

/** Without these namespaces: neither made nor dropped. */
export function without({ operations, durationS }: Schedule, ids: ReadonlySet<number>): Schedule {
  const kept = operations.filter(({ id }) => !ids.has(id))
  return { operations: kept.map((operation, index) => ({ ...operation, op: index + 1 })), durationS }
}

class Over extends Error {}

class Search {
  best: Schedule
  readonly #options: ShrinkOptions
  /** What was tried in vain. */
  readonly #holding = new Set<string>()

  constructor(start: Schedule, options: ShrinkOptions) {
    this.best = start
    this.#options = options
  }

  /** Halves its time while it breaks, then looks between what holds and what breaks. */
  async shorten(): Promise<void> {
    const { fits = () => true } = this.#options
    for (let holdsS = 0; ; ) {
      const breaksS = this.best.durationS
      let durationS = (holdsS + breaksS) / 2
      // What is too long to be tried is passed over for what is not.
      while (!fits(durationS) && durationS - holdsS >= LEAST_S) durationS = (holdsS + durationS) / 2
      if (durationS - holdsS < LEAST_S || breaksS - durationS < Math.max(LEAST_S, LEAST_SHARE * breaksS)) return
      const beginning = beginningOf(this.best, toMicrosecond(durationS))
      if (!(await this.#breaks(beginning, 'beginning'))) holdsS = durationS
    }
  }

  /** Delta debugging over namespaces. */
  async thin(of: 'namespaces' | 'fill'): Promise<void> {
    let ids = namespacesOf(this.best, of)
    const keep = async (kept: readonly number[]): Promise<boolean> => {
      const keptIds = new Set(kept)
      const breaks = await this.#breaks(without(this.best, new Set(ids.filter(id => !keptIds.has(id)))), of)
      if (breaks) ids = [...kept]
      return breaks
    }
    if (ids.length === 0 || (await keep([]))) return
    for (let parts = 2; ids.length >= 2; ) {
      const pieces = split(ids, parts)
      if (await firstOf(pieces, keep)) parts = 2
      else if (
        parts > 2 &&
        (await firstOf(
          pieces.map(piece => minus(ids, piece)),
          keep,
        ))
      )
        parts--
      else if (parts >= ids.length) return
      else parts = Math.min(ids.length, 2 * parts)
    }
  }

  /** Ends it soon after its last operation. */
  async cutRest(): Promise<void> {
    const lastS = (this.best.operations.at(-1)?.due_s ?? 0) + REST_S
    if (lastS < this.best.durationS) await this.#breaks({ ...this.best, durationS: lastS }, 'rest')
  }

  /** Whether it breaks; it is then the best. */
  async #breaks(schedule: Schedule, step: Step): Promise<boolean> {
    const { oracle, fits = () => true, triesCount = TRIES_COUNT } = this.#options
    const key = `${schedule.durationS} ${schedule.operations.map(({ do: what, id }) => `${what}${id}`).join(' ')}`
    if (this.#holding.has(key)) return false
    if (!fits(schedule.durationS)) throw new Over()
    for (let attempt = 1; attempt <= triesCount; attempt++) {
      const answer = await oracle(schedule, step)
      if (answer === 'over') throw new Over()
      if (answer === 'holds') continue
      this.best = schedule
      return true
    }
    this.#holding.add(key)
    return false
  }
}

/** Times of a schedule are whole microseconds. */
const toMicrosecond = (timeS: number): number => Math.round(timeS * 1e6) / 1e6

/** In `parts` pieces, as equal as may be. */
function split<T>(items: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, part) =>
    items.slice(Math.floor((part * items.length) / parts), Math.floor(((part + 1) * items.length) / parts)),
  )
}

function minus(items: readonly number[], others: readonly number[]): number[] {
  const gone = new Set(others)
  return items.filter(item => !gone.has(item))
}

async function firstOf<T>(items: readonly T[], holds: (item: T) => Promise<boolean>): Promise<boolean> {
  for (const item of items) if (await holds(item)) return true
  return false
}
