// From a history to its report: a pure function, so the same run folder gives the same report at any time and place.

import type { GateConfig } from '../config/types.ts'
import type { Plan } from '../plan.ts'
import { digestOf } from './digest.ts'
import { judgeGate } from './gates.ts'
import type { Metrics } from './metric.ts'
import { computeMetrics } from './metrics.ts'
import { notesOf } from './notes.ts'
import { readPhases } from './phases.ts'
import { whyProvesNothing } from './soak/silent.ts'
import { readTimeline } from './timeline.ts'
import type { Environment, GateVerdict, History, Report } from './types.ts'
import { errorOf, verdictOf } from './verdict.ts'

/** Judges a run. `history.plan` is a Plan: readHistory has checked it. */
export function judge(history: History): Report {
  const plan = history.plan as Plan
  const { environment } = history
  const { phases, open } = readPhases(history.events)
  const metrics = computeMetrics(history)
  const level = environment.run_id === '' ? null : environment.level
  const holdS = plan.scenario.run?.holdS ?? 0
  const gates = plan.scenario.gates.map(gate => ({
    ...judgeGate(gate, metrics, { level, holdS }),
    ...seenRed(environment, gate),
  }))
  const error = errorOf(history, open.at(-1))
  const doubt = history.soak ? whyProvesNothing(plan.scenario.gates, gates, metrics, history.soak.plan) : null
  const notApplicable = notApplicableOf(gates)
  const body: Omit<Report, 'digest'> = {
    schema: 'nslab.report/1',
    ...verdictOf(gates, error, doubt),
    scenario: plan.scenario.name,
    seed: plan.scenario.seed,
    level: environment.level,
    gates,
    ...(notApplicable.length > 0 ? { not_applicable: notApplicable } : {}),
    phases,
    metrics: knownValues(metrics),
    hosts: plan.fleets.map((fleet, index) => ({
      name: fleet.host,
      level: environment.level,
      nodes_count: fleet.nNodes,
      node_id_offset: fleet.nodeIdOffset,
      ...uplinkFacts(plan, index),
    })),
    environment,
    ...(error ? { error } : {}),
    notes: [...(doubt === null ? [] : [doubt]), ...notesOf(history, readTimeline(history.events), open)],
  }
  return { ...body, digest: digestOf(body) }
}

/** Of the host of a fleet, where there are others. Plans of before do not say it: their reports stay as they are. */
function uplinkFacts({ hosts }: Plan, fleet: number): Pick<Report['hosts'][number], 'uplink_mtu_bytes'> {
  const mtu = hosts.find(host => host.fleet === fleet)?.uplink?.mtu
  return mtu === undefined ? {} : { uplink_mtu_bytes: mtu }
}

/** By their reasons, each with how many gates it keeps out, the most first. */
function notApplicableOf(gates: readonly GateVerdict[]): NonNullable<Report['not_applicable']> {
  const counts = new Map<string, number>()
  for (const { verdict, evidence } of gates)
    if (verdict === 'not_applicable') counts.set(evidence, (counts.get(evidence) ?? 0) + 1)
  return [...counts].map(([why, gates_count]) => ({ why, gates_count })).sort((a, b) => b.gates_count - a.gates_count)
}

/** Of a soak, which keeps what the machine knew of its gates. */
function seenRed({ gates_seen_red: seen }: Environment, { metric }: GateConfig): Pick<GateVerdict, 'seen_red'> {
  return seen === undefined ? {} : { seen_red: seen[metric] ?? null }
}

function knownValues(metrics: Metrics): Record<string, number> {
  const values: Record<string, number> = {}
  for (const [name, metric] of Object.entries(metrics)) if (metric.known) values[name] = metric.value
  return values
}
