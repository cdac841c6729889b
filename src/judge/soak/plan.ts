// What the judge needs of a soak's plan.

import type { Operation } from '../../protocol/churn.ts'
import type { SocketFilter } from './sockets.ts'

export interface SoakPlan {
  /** Of the whole schedule, the fill's too. */
  readonly opsCount: number
  /** A schedule that is no seed's, as a shrunk one: its operations. */
  readonly operations: readonly Operation[] | null
  readonly ratePerS: number
  readonly minLifeS: number
  readonly holdS: number
  /** Between the collector's polls; a program of the user's has its own. */
  readonly intervalS: number
  /** Between samples. */
  readonly sampleIntervalS: number
  /** Least steady churning over which growth is told. */
  readonly growthLeastS: number
  readonly filter: SocketFilter
  /** What it tells of itself that gates may name. */
  readonly sutMetrics: readonly string[]
  /** Whether the observer says what it finds. */
  readonly observes: boolean
}

/** Of runs whose plan says nothing of it. */
const GROWTH_LEAST_S = 300

interface Given {
  readonly churn?: { readonly ops_count?: number; readonly operations?: readonly Operation[] } | null
  readonly scenario?: {
    readonly run?: { readonly holdS?: number; readonly sampleIntervalS?: number; readonly growthLeastS?: number }
    readonly soak?: {
      readonly churn?: { readonly ratePerS?: number; readonly minLifeS?: number }
      readonly collector?: Partial<SocketFilter> & { readonly intervalS?: number }
      readonly observer?: {
        readonly command?: readonly string[] | null
        readonly output?: string
        readonly metrics?: readonly string[]
      }
    }
  }
}

/** Null: the plan is none of a soak's. */
export function soakPlanOf(plan: unknown): SoakPlan | null {
  const { churn, scenario } = plan as Given
  if (churn === undefined || churn === null) return null
  const { churn: spec, collector, observer } = scenario?.soak ?? {}
  const isOurs = (observer?.command ?? null) === null
  return {
    opsCount: churn.ops_count ?? Number.POSITIVE_INFINITY,
    operations: churn.operations ?? null,
    ratePerS: spec?.ratePerS ?? 0,
    minLifeS: spec?.minLifeS ?? 1,
    holdS: scenario?.run?.holdS ?? 0,
    intervalS: isOurs ? (collector?.intervalS ?? 0) : 0,
    sampleIntervalS: scenario?.run?.sampleIntervalS ?? 0,
    growthLeastS: scenario?.run?.growthLeastS ?? GROWTH_LEAST_S,
    filter: isOurs ? { states: collector?.states ?? [], ports: collector?.ports ?? [] } : { states: [], ports: [] },
    sutMetrics: observer?.metrics ?? [],
    observes: isOurs || observer?.output === 'nslab.collect/1',
  }
}
