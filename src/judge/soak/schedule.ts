// What the schedule asked for by the time that churning ended, against what was done.

import type { SoakFacts } from './read.ts'

/** Below this share of the schedule too little was done for a pass to mean anything. */
const DONE_RATIO_MIN = 0.95

/**
 * An observer whose polls stood still for longer than a half of the churning, ten seconds and three of its intervals
 * has seen too little of it.
 */
const STILL_RATIO_MAX = 0.5
const STILL_LEAST_S = 10
const STILL_INTERVALS = 3

/** So much later than its phase churning may begin, s: an emulated machine that is busy hears of it late. */
const BEGIN_LATE_S = 2

/** Operations, the first fill aside, that were due by the end of churning. */
export function requestedOps({ plan, churned, truth }: SoakFacts): number {
  if (churned === null) return 0
  const lastedS = churned.toS - churned.fromS
  if (plan.operations !== null)
    return plan.operations.filter(operation => operation.due_s <= lastedS && !('fill' in operation && operation.fill))
      .length
  // Where churning was cut short the whole schedule was never due.
  return Math.min(Math.floor(plan.ratePerS * lastedS), Math.max(0, plan.opsCount - truth.fillCount))
}

/** 1 where nothing was asked for. */
export function doneRatio(facts: SoakFacts): number {
  const requested = requestedOps(facts)
  return requested === 0 ? 1 : facts.truth.doneCount / requested
}

/** Why a pass would prove nothing; null: enough was done. */
export function whyTooLittle(facts: SoakFacts): string | null {
  if (facts.churned === null) return 'churning never began'
  const lastedS = facts.churned.toS - facts.churned.fromS
  const { holdS } = facts.plan
  if (lastedS < DONE_RATIO_MIN * holdS - BEGIN_LATE_S)
    return `too little was done: it churned for ${lastedS.toFixed(1)} s of ${holdS} s`
  const requested = requestedOps(facts)
  if (requested === 0) return 'no operation was due'
  const still = whyTooStill(facts, facts.churned)
  if (still !== null) return still
  if (doneRatio(facts) >= DONE_RATIO_MIN) return null
  return `too little was done: ${facts.truth.doneCount} of ${requested} operations (at least ${100 * DONE_RATIO_MIN} %)`
}

function whyTooStill({ plan, polls }: SoakFacts, { fromS, toS }: NonNullable<SoakFacts['churned']>): string | null {
  if (polls.wholeCount === 0) return null
  const { lengthS, sinceS } = polls.silence(fromS, toS)
  const lastedS = toS - fromS
  if (lengthS <= Math.max(STILL_RATIO_MAX * lastedS, STILL_LEAST_S, STILL_INTERVALS * plan.intervalS)) return null
  const [length, lasted] = [lengthS.toFixed(1), lastedS.toFixed(1)]
  return `too little was seen: no poll ended for ${length} s of ${lasted} s, from ${sinceS.toFixed(3)} s on`
}
