// A soak under a program that tells nothing of what it finds: gates of that do not apply, and what is left must prove
// that the program lived under a churn that was.

import type { GateConfig } from '../../config/types.ts'
import type { Metrics } from '../metric.ts'
import type { GateVerdict } from '../types.ts'
import { isOfChurn } from './metrics.ts'
import type { SoakPlan } from './plan.ts'
import { sutDerivations } from './sut.ts'

/**
 * Why gates that all pass prove nothing, a sentence; null: they do, or none was left out for what the program does not
 * tell. Its threads or memory alone were those of a program that ended at once, and so would no kill for want of memory
 * be: that it lived shows in its ends, or in a page of its own that was there throughout.
 */
export function whyProvesNothing(
  gates: readonly GateConfig[],
  verdicts: readonly GateVerdict[],
  metrics: Metrics,
  { sutMetrics }: SoakPlan,
): string | null {
  const metricOf = (name: string) => (Object.hasOwn(metrics, name) ? metrics[name] : undefined)
  const isUntold = ({ metric }: GateConfig, index: number): boolean => {
    const found = metricOf(metric)
    return found?.known === false && found.untold === true && verdicts[index]?.verdict === 'not_applicable'
  }
  if (!gates.some(isUntold)) return null
  const told = sutDerivations(sutMetrics)
  const countOf = (name: string): number => {
    const found = metricOf(name)
    return found?.known === true ? found.value : Number.NaN
  }
  // A gate may allow ends: after the last one it was started again.
  const wasThere = countOf('observer_starts_count') > countOf('observer_exits_count')
  const isOfLife = (metric: string): boolean =>
    (metric === 'observer_exits_count' && wasThere) || Object.hasOwn(told, metric)
  const passes = (isOf: (metric: string) => boolean): boolean =>
    gates.some(({ metric }, index) => isOf(metric) && verdicts[index]?.verdict === 'pass')
  const missing = [
    ...(passes(isOfLife) ? [] : ['that the program lived (observer_exits_count, or metrics of its own page)']),
    ...(passes(isOfChurn) ? [] : ['the churn itself (churn_failed_count and others)']),
  ]
  if (missing.length === 0) return null
  return `the program tells no sockets, and no gate that passes is about ${missing.join(', or about ')}: nothing is proven`
}
