// Reads a soak's truth and sightings from its run folder, once, side by side, in bounded memory; the truth a second
// time where sockets were seen that need their owner looked up.

import type { ChurnLine } from '../../protocol/churn.ts'
import type { RunEvent } from '../../protocol/events.ts'
import type { Parsed } from '../../protocol/line-shape.ts'
import { readPhases } from '../phases.ts'
import type { Damage } from '../types.ts'
import { Children } from './children.ts'
import { Join } from './join.ts'
import { parseChurnLine, parseObservedLine } from './line-shapes.ts'
import { parsedLines } from './lines.ts'
import { ObserverFacts } from './observer.ts'
import { PageAccounts } from './page-accounts.ts'
import { type SoakPlan, soakPlanOf } from './plan.ts'
import { Polls } from './polls.ts'
import { SutScrapes } from './sut.ts'
import { Tally } from './tally.ts'
import { ToldOperations } from './told-operations.ts'
import { Truth } from './truth.ts'

export const CHURN_FILE = 'churn.ndjson'
/** When churning ended, and what the kernels of guests said. */
export const EVENTS_FILE = 'events.ndjson'
export const OBSERVED_FILE = 'observed.ndjson'

/** Everything that a soak is judged by, beside events, samples and outcome. Not changed once it was read. */
export interface SoakFacts {
  readonly plan: SoakPlan
  readonly truth: Truth
  readonly tally: Tally
  readonly polls: Polls
  readonly observer: ObserverFacts
  readonly children: Children
  readonly pages: PageAccounts
  readonly sut: SutScrapes
  /** Churning: from its first line to the end of its phase; null where it never began. */
  readonly churned: { readonly fromS: number; readonly toS: number } | null
  /** Rows of all sockets, by the sockets' own count. */
  readonly rowsSeenCount: number
  /** The observer said something of namespaces or polls. */
  readonly wasObserving: boolean
  /** The most namespaces that were held in memory while reading. */
  readonly livesMost: number
}

/**
 * Null where the plan is none of a soak's. Damage to the files is added to `damage`. `inOrder`: the run came to its end,
 * so churn did.
 */
export function readSoak(
  folder: string,
  plan: unknown,
  { events, inOrder }: { readonly events: readonly RunEvent[]; readonly inOrder: boolean },
  damage: Damage[],
): SoakFacts | null {
  const soakPlan = soakPlanOf(plan)
  if (soakPlan === null) return null
  const phaseEndS = phaseEndOf(events, 'churn')
  // Lost with a disk, whole lines: among them may be what a guest's kernel said.
  if (inOrder && !Number.isFinite(phaseEndOf(events, 'drain')) && !damage.some(({ file }) => file === EVENTS_FILE))
    damage.push({ file: EVENTS_FILE, kind: 'corrupt', problem: 'the run came to its end, and they do not' })
  return new Reading(folder, soakPlan, phaseEndS, damage).read(inOrder)
}

/** When a phase ended; infinite where it did not. Operations begin in that of churn. */
function phaseEndOf(events: readonly RunEvent[], name: 'churn' | 'drain'): number {
  const { phases, open } = readPhases(events)
  const found = phases.find(phase => phase.name === name)
  if (found === undefined || open.includes(name)) return Number.POSITIVE_INFINITY
  return found.start_s + found.duration_s
}

class Reading {
  readonly #folder: string
  readonly #plan: SoakPlan
  readonly #phaseEndS: number
  readonly #damage: Damage[]
  /** The truth was read, and has no last line. */
  #wasKilled = false
  readonly #truth: Truth
  readonly #told: ToldOperations
  readonly #polls = new Polls()
  readonly #tally: Tally
  readonly #observer = new ObserverFacts()
  readonly #children = new Children()
  readonly #pages = new PageAccounts()
  readonly #sut: SutScrapes
  readonly #join: Join
  #rowsSeen = 0
  #wasObserving = false
  #livesMost = 0

  constructor(folder: string, plan: SoakPlan, phaseEndS: number, damage: Damage[]) {
    this.#folder = folder
    this.#plan = plan
    this.#sut = new SutScrapes(plan.sutMetrics)
    this.#phaseEndS = phaseEndS
    this.#damage = damage
    const churnEndS = (): number => this.#churnEndS()
    this.#truth = new Truth(plan.opsCount, churnEndS)
    this.#told = new ToldOperations(plan.opsCount)
    const rules = {
      minLifeS: plan.minLifeS,
      churnEndS,
      beginS: () => this.#truth.beginS,
      there: () => this.#truth.there,
      toldUntilS: () => (this.#wasKilled ? this.#truth.lastS : Number.POSITIVE_INFINITY),
      filter: plan.filter,
    }
    this.#tally = new Tally(rules, this.#polls)
    this.#join = new Join({
      settle: life => this.#tally.settle(life),
      seenElsewhere: (netns, sockets) => this.#tally.seenElsewhere(netns, sockets),
    })
  }

  read(inOrder: boolean): SoakFacts {
    this.#readSideBySide()
    this.#join.finish()
    this.#checkWhole(inOrder)
    this.#readAgain()
    const { beginS } = this.#truth
    return {
      plan: this.#plan,
      truth: this.#truth,
      tally: this.#tally,
      polls: this.#polls,
      observer: this.#observer,
      children: this.#children,
      pages: this.#pages,
      sut: this.#sut,
      churned: beginS === null ? null : { fromS: beginS, toS: Math.min(this.#churnEndS(), this.#truth.lastS) },
      rowsSeenCount: this.#rowsSeen,
      wasObserving: this.#wasObserving,
      livesMost: this.#livesMost,
    }
  }

  /** For the few of which the truth was let go of before it was asked. */
  #readAgain(): void {
    const { suspects, strangers } = this.#tally
    if (suspects.isEmpty && strangers.isSure) return
    const ofThem = (text: string): Parsed<ChurnLine> =>
      suspects.mayConcern(text) || strangers.mayConcern(text) ? parseChurnLine(text) : null
    for (const line of parsedLines(this.#folder, CHURN_FILE, ofThem, [])) {
      suspects.ask(line)
      strangers.ask(line)
    }
  }

  /** A line that is damaged, or none at all, says enough. */
  #checkWhole(inOrder: boolean): void {
    if (this.#damage.some(({ file }) => file === CHURN_FILE)) return
    const noEnd = inOrder && this.#truth.end === null ? 'its last line is missing' : null
    const problem = this.#told.problem ?? this.#join.problem(this.#truth.end !== null) ?? noEnd
    if (problem !== null) this.#damage.push({ file: CHURN_FILE, kind: 'corrupt', problem })
  }

  /** With its phase, or when the schedule is through: what comes later is the drain's. */
  #churnEndS(): number {
    const { beginS } = this.#truth
    const { holdS } = this.#plan
    if (beginS === null || holdS === 0) return this.#phaseEndS
    return Math.min(this.#phaseEndS, beginS + holdS)
  }

  #readSideBySide(): void {
    const truth = parsedLines(this.#folder, CHURN_FILE, parseChurnLine, this.#damage)
    const observed = parsedLines(this.#folder, OBSERVED_FILE, parseObservedLine, this.#damage)
    let [moreTruth, moreObserved] = [true, true]
    while (moreTruth || moreObserved) {
      if (moreTruth && (!moreObserved || this.#join.isTruthBehind)) {
        const { value: line, done } = truth.next()
        if (done) {
          moreTruth = false
          this.#wasKilled = this.#truth.end === null
          this.#join.endOf('truth')
          continue
        }
        this.#truth.add(line)
        this.#told.add(line)
        if (line.is === 'passed') this.#tally.strangers.passing(line.cookies)
        this.#join.truth(line)
      } else {
        const { value: line, done } = observed.next()
        if (done) {
          moreObserved = false
          this.#join.endOf('observed')
          continue
        }
        this.#see(line)
      }
      this.#livesMost = Math.max(this.#livesMost, this.#join.livesCount)
    }
  }

  #see(line: Parameters<Join['observed']>[0]): void {
    if ('t_s' in line) this.#tally.observedUntilS = Math.max(this.#tally.observedUntilS, line.t_s)
    if (line.is === 'forgot') for (const socket of line.sockets) this.#rowsSeen += socket[7]
    if (line.is === 'found' || line.is === 'polled') this.#wasObserving = true
    if (line.is === 'scraped') this.#sut.add(line)
    this.#pages.add(line)
    if (line.is === 'polled') this.#polls.add(line)
    else {
      this.#observer.add(line)
      this.#children.add(line)
    }
    this.#join.observed(line)
  }
}
