// A gate holds one metric against one limit. What was not proven is unknown, never a pass.

import type { GateConfig, Level } from '../config/types.ts'
import { crashWords, type Metric, type Metrics, type Reading } from './metric.ts'
import type { GateVerdict } from './types.ts'
import { unitOf } from './units.ts'

/** Whether an observed value is within a limit. */
export const comparisons: Readonly<Record<GateConfig['operator'], (observed: number, limit: number) => boolean>> = {
  '<=': (observed, limit) => observed <= limit,
  '<': (observed, limit) => observed < limit,
  '>=': (observed, limit) => observed >= limit,
  '>': (observed, limit) => observed > limit,
  '==': (observed, limit) => observed === limit,
  '!=': (observed, limit) => observed !== limit,
}

/** How the evidence of a gate begins that holds at other levels than the run's. */
export const BEYOND_LEVEL = 'holds at level'

/** What of a run a gate may be bound to. */
export interface GateRun {
  /** Null where the run did not say it. */
  readonly level: Level | null
  readonly holdS: number
}

/** Judges one gate. A crash in here is an unknown verdict. */
export function judgeGate(gate: GateConfig, metrics: Metrics, run: GateRun): GateVerdict {
  const frame = {
    name: String(gate?.name),
    observed: null,
    limit: `${gate?.operator} ${gate?.limit}`,
    unit: unitOf(String(gate?.metric)),
  }
  try {
    return { ...frame, ...verdictOf(gate, metrics, run) }
  } catch (error) {
    return { ...frame, verdict: 'unknown', evidence: crashWords(error) }
  }
}

type Outcome = Pick<GateVerdict, 'verdict' | 'evidence'> & { readonly observed?: number }

function verdictOf(gate: GateConfig, metrics: Metrics, { level, holdS }: GateRun): Outcome {
  if (gate.levels && level === null) return { verdict: 'unknown', evidence: 'the level of the run is not known' }
  if (gate.levels && level && !gate.levels.includes(level)) {
    return {
      verdict: 'not_applicable',
      evidence: `${BEYOND_LEVEL} ${gate.levels.join(', ')}; this run was at level ${level}`,
    }
  }
  if (gate.minHoldS !== undefined && holdS < gate.minHoldS) {
    return { verdict: 'not_applicable', evidence: `holds for ${gate.minHoldS} s or longer; this run, ${holdS} s` }
  }
  const holds = comparisons[gate.operator]
  if (!holds || !Number.isFinite(gate.limit)) return { verdict: 'unknown', evidence: 'the gate itself is not valid' }
  const metric: Metric | undefined = Object.hasOwn(metrics, gate.metric) ? metrics[gate.metric] : undefined
  if (!metric) return { verdict: 'unknown', evidence: `no metric ${gate.metric} in this run` }
  if (!metric.known && metric.untold) return { verdict: 'not_applicable', evidence: metric.why }
  if (!metric.known) return { verdict: 'unknown', evidence: `${gate.metric}: ${metric.why}` }
  if (!Number.isFinite(metric.value)) return { verdict: 'unknown', evidence: `${gate.metric} is ${metric.value}` }
  const passes = holds(metric.value, gate.limit)
  const dissenter = metric.others.find(other => holds(other.value, gate.limit) !== passes)
  const { doubt } = metric
  if (doubt && (passes || doubt.of === 'both'))
    return { verdict: 'unknown', observed: metric.value, evidence: `${doubt.why}; ${metric.evidence}` }
  if (dissenter) return { verdict: 'unknown', observed: metric.value, evidence: disagreement(metric, dissenter) }
  return { verdict: passes ? 'pass' : 'fail', observed: metric.value, evidence: metric.evidence }
}

function disagreement(one: Reading, other: Reading): string {
  return `two sources disagree: ${one.value} ${one.evidence}, ${other.value} in ${other.evidence}`
}
