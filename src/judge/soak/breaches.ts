// Of a gate that failed: when it was first broken, by what, and what else happened around that time.

import type { GateConfig } from '../../config/types.ts'
import type { NetnsKind } from '../../protocol/churn.ts'
import type { RunEvent } from '../../protocol/events.ts'
import { comparisons } from '../gates.ts'
import type { GateVerdict, History } from '../types.ts'
import type { Finding } from './findings.ts'
import { namespacesOf, OBSERVER, observedSamples, observerPids, quantityOf } from './processes.ts'
import type { SoakFacts } from './read.ts'
import type { Moment } from './series.ts'
import { netnsKinds } from './truth.ts'

export interface Breach {
  readonly gate: GateVerdict
  /** Null: it has no single moment, as growth over an hour. */
  readonly t_s: number | null
  /** In the order of their times: what broke it, and what happened meanwhile. */
  readonly evidence: readonly (Finding & { readonly isCause: boolean })[]
}

/** What a metric is made of: single findings, or values over time of which one is beyond the limit. */
interface Trail {
  readonly findings: readonly Finding[]
  readonly overTime?: readonly Moment[]
}

const CAUSES_MAX = 10
const MEANWHILE_MAX = 15
/** Of what else happened, so long before the breach and after it is shown. */
const BEFORE_S = 15
const AFTER_S = 15

/** Breaches of all gates that failed, the earliest first, those without a moment last. */
export function breachesOf(
  gates: readonly GateConfig[],
  verdicts: readonly GateVerdict[],
  history: History,
  facts: SoakFacts,
): Breach[] {
  const breaches = verdicts.flatMap((verdict, index) => {
    const gate = gates[index]
    return gate === undefined || verdict.verdict !== 'fail' ? [] : [breachOf(gate, verdict, history, facts)]
  })
  const placeOf = ({ t_s }: Breach): number => t_s ?? Number.POSITIVE_INFINITY
  return breaches.sort((one, other) => (placeOf(one) === placeOf(other) ? 0 : placeOf(one) - placeOf(other)))
}

function breachOf(gate: GateConfig, verdict: GateVerdict, history: History, facts: SoakFacts): Breach {
  const { findings, overTime = [] } = trailOf(gate.metric, history, facts)
  const holds = comparisons[gate.operator]
  const beyond = overTime.find(([, value]) => !holds(value, gate.limit))
  const inOrder = [...findings].sort((one, other) => one.t_s - other.t_s)
  const t_s = beyond?.[0] ?? inOrder[0]?.t_s ?? null
  if (t_s === null) return { gate: verdict, t_s, evidence: [] }
  const causes = inOrder.filter(finding => finding.t_s >= t_s - 1e-9).slice(0, CAUSES_MAX)
  const untilS = Math.max(t_s, causes.at(-1)?.t_s ?? t_s) + AFTER_S
  const meanwhile = happenings(history, facts)
    .filter(one => one.t_s >= t_s - BEFORE_S && one.t_s <= untilS && !causes.some(({ words }) => words === one.words))
    .slice(0, MEANWHILE_MAX)
  const evidence = [
    ...causes.map(finding => ({ ...finding, isCause: true })),
    ...meanwhile.map(finding => ({ ...finding, isCause: false })),
  ]
  return { gate: verdict, t_s, evidence: evidence.sort((one, other) => one.t_s - other.t_s) }
}

function trailOf(metric: string, history: History, facts: SoakFacts): Trail {
  const { truth, tally, polls, observer } = facts
  const { samples } = history
  const lost = () => facts.children.lost(facts.churned)
  const kind = /^netns_recall_(.*)_ratio$/.exec(metric)?.[1] as NetnsKind | undefined
  const kinds = kind === undefined ? netnsKinds.filter(one => !observer.blindKinds.has(one)) : [kind]
  const group = metric.replace(/_(p50|p99|max)_s$/, '')
  const trails: Readonly<Record<string, () => Trail>> = {
    churn_ops_per_s: () => ({ findings: [], overTime: within(truth.rates(), facts) }),
    churn_failed_count: () => ({ findings: truth.failed.earliest }),
    churn_late: () => ({ findings: truth.latest.findings, overTime: truth.latenessOverTime.moments() }),
    removal_kernel: () => ({ findings: truth.slowestRemovals.findings }),
    netns_recall_ratio: () => ({ findings: kinds.flatMap(one => tally.missed[one].earliest) }),
    netns_precision_ratio: () => ({ findings: tally.strangers.false.earliest }),
    netns_forgotten_early_count: () => ({ findings: tally.forgottenEarly.earliest }),
    netns_forgotten_never_count: () => ({ findings: tally.neverForgotten.earliest }),
    socket_recall_ratio: () => ({ findings: kinds.flatMap(one => tally.missedSockets[one].earliest) }),
    socket_sightings_ratio: () => ({ findings: tally.missedSightings.earliest }),
    socket_precision_ratio: () => ({ findings: tally.falseSockets.earliest }),
    sockets_misattributed_count: () => ({ findings: tally.suspects.misattributed.earliest }),
    discovery: () => ({ findings: tally.discovery.worst.findings, overTime: tally.discovery.overTime.moments() }),
    forgetting: () => ({ findings: tally.forgetting.worst.findings, overTime: tally.forgetting.overTime.moments() }),
    letting_go: () => ({ findings: tally.letGo.worst.findings, overTime: tally.letGo.overTime.moments() }),
    rows_lost_count: () => ({ findings: polls.rowsLost.earliest }),
    rows_doubled_count: () => ({ findings: polls.rowsDoubled.earliest }),
    rows_dropped_count: () => ({ findings: polls.rowsDropped.earliest }),
    dumps_incomplete_count: () => ({ findings: polls.incomplete.earliest }),
    poll: () => ({ findings: polls.worst.findings, overTime: polls.tookOverTime.moments() }),
    poll_silence: () => ({ findings: silences(facts) }),
    observer_starts_count: () => ({ findings: [...restarts(history, facts), ...lost().restarts] }),
    observer_exits_count: () => ({
      findings: [...observer.unwantedExits.earliest, ...restarts(history, facts), ...lost().ends],
    }),
    oom_kills_count: () => ({ findings: observer.oomKills.earliest }),
    log_matches_count: () => ({ findings: observer.logMatches.earliest }),
    lines_malformed_count: () => ({ findings: observer.malformed.earliest }),
    observer_threads_max_count: () => ({ findings: [], overTime: quantityOf(samples, OBSERVER, 'threads_count') }),
    observer_descriptors_max_count: () => ({
      findings: [],
      overTime: quantityOf(samples, OBSERVER, 'descriptors_count'),
    }),
    observer_rss_max_bytes: () => ({ findings: [], overTime: quantityOf(samples, OBSERVER, 'rss_bytes') }),
    kernel_namespaces_left_count: () => ({ findings: [], overTime: namespacesOf(samples).slice(-1) }),
    pressure_cpu_max_ratio: () => ({
      findings: [],
      overTime: observedSamples(samples).flatMap(({ t_s, pressure }): Moment[] =>
        pressure === null ? [] : [[t_s, pressure.cpu_some / 100]],
      ),
    }),
  }
  const trail = trails[kind === undefined ? metric : 'netns_recall_ratio'] ?? trails[group]
  return trail?.() ?? { findings: [] }
}

const within = (moments: readonly Moment[], { churned }: SoakFacts): Moment[] =>
  moments.filter(([t_s]) => churned !== null && t_s >= churned.fromS && t_s <= churned.toS)

function silences({ polls, churned }: SoakFacts): Finding[] {
  if (churned === null) return []
  const { lengthS, sinceS } = polls.silence(churned.fromS, churned.toS)
  return [{ t_s: sinceS, words: `no poll of all namespaces ended for ${lengthS.toFixed(3)} s` }]
}

function restarts({ samples }: History, { observer }: SoakFacts): Finding[] {
  const seen = observerPids(samples).slice(1)
  return [
    ...observer.starts.earliest.slice(1),
    ...seen.map(({ pid, t_s }) => ({ t_s, words: `process ${pid} of the observer was first seen in a sample` })),
  ]
}

/** What happened in the run that may explain something else. */
function happenings({ events }: History, { observer, truth }: SoakFacts): Finding[] {
  return [
    ...events.flatMap(event => {
      const words = wordsOf(event)
      return words === null ? [] : [{ t_s: event.t_s, words }]
    }),
    ...observer.starts.earliest,
    ...observer.exits.earliest,
    ...observer.logMatches.earliest,
    ...observer.malformed.earliest,
    ...truth.failed.earliest,
  ].sort((one, other) => one.t_s - other.t_s)
}

function wordsOf(event: RunEvent): string | null {
  switch (event.kind) {
    case 'phase_started':
      return `phase ${event.phase} began`
    case 'fault_started':
    case 'fault_ended':
      return `fault ${event.op} ${event.kind === 'fault_started' ? 'began' : 'was over'}`
    case 'warning':
    case 'error':
      return `${event.kind}: ${event.message}`
    case 'kernel_message':
      return `the kernel of ${event.host}: ${event.message}`
    case 'database_lost':
    case 'database_back':
      return event.kind === 'database_lost' ? 'the database went away' : 'the database was back'
    default:
      return null
  }
}
