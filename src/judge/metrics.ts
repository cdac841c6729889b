// Every metric of a run, from its saved data: pure, and each with where it was read. A metric that can't be known, or
// whose sources contradict each other, says why and has no value.

import { hasTraffic } from '../config/has-traffic.ts'
import type { Plan } from '../plan.ts'
import { faultsCount, faultsFeltCount, rowsKeptCount } from './fault-metrics.ts'
import { crashWords, known, type Metric, type Metrics, unknown } from './metric.ts'
import { heldMemoryNoise } from './noise.ts'
import { rssAtWired, threadsMost } from './process-metrics.ts'
import { linksProven, listedMetrics, Proofs, proofDerivations } from './proof/metrics.ts'
import { computeSoakMetrics } from './soak/metrics.ts'
import { readTimeline, type Timeline } from './timeline.ts'
import { computeTrafficMetrics } from './traffic/metrics.ts'
import type { History } from './types.ts'
import { toNanosecond, unitOf } from './units.ts'

/** What a metric is made from. */
interface Facts {
  readonly history: History
  readonly plan: Plan
  readonly time: Timeline
  readonly proofs: Proofs
  readonly measured: (name: string) => Metric
}

/** Name → how it is derived. What only the run could measure comes from outcome.json. */
const derivations: Readonly<Record<string, (facts: Facts) => Metric>> = {
  nodes_count: nodesCount,
  connected_count: ({ time }) => known(time.connected.size, 'node_connected events'),
  links_count: linksCount,
  all_connected_s: f =>
    whenConnected(f, span('first arrival', f.time.firstArrivalS, 'all_connected', f.time.allConnectedS)),
  all_wired_s: f => whenWired(f, span('first arrival', f.time.firstArrivalS, 'all_wired', f.time.allWiredS)),
  nextmini_wiring_s: f =>
    whenConnected(f, span('first arrival', f.time.firstArrivalS, 'flows_sent', f.time.flowsSentS)),
  fabric_to_wired_s: f => whenWired(f, span('fabric_started', fabricStartedS(f), 'all_wired', f.time.allWiredS)),
  total_s: f => whenWired(f, span('start of the run', 0, 'all_wired', f.time.allWiredS)),
  fabric_s: fabricS,
  memory_before_bytes: f => f.measured('memory_before_bytes'),
  memory_after_bytes: f => f.measured('memory_after_bytes'),
  memory_per_node_bytes: memoryPerNode,
  dataplane_rss_bytes: f =>
    orElse(f.measured('dataplane_rss_bytes'), rssAtWired(f.history.samples, 'dataplane', f.time)),
  controller_rss_bytes: f =>
    orElse(f.measured('controller_rss_bytes'), rssAtWired(f.history.samples, 'controller', f.time)),
  database_rss_bytes: f => f.measured('database_rss_bytes'),
  threads_count: f => orElse(f.measured('threads_count'), threadsMost(f.history.samples, 'dataplane')),
  controller_threads_count: f =>
    orElse(f.measured('controller_threads_count'), threadsMost(f.history.samples, 'controller')),
  teardown_s: f => f.measured('teardown_s'),
  residue_count: residueCount,
  refusals_count: ({ time }) => known(time.counts.refused, 'refused events'),
  link_refusals_count: ({ time }) => known(time.counts.link_refused, 'link_refused events'),
  restarts_count: ({ time }) => known(time.counts.node_restarted, 'node_restarted events'),
  lost_count: ({ time }) => known(time.counts.node_lost, 'node_lost events'),
  database_losses_count: ({ time }) => known(time.counts.database_lost, 'database_lost events'),
  warnings_count: ({ time }) => known(time.counts.warning, 'warning events'),
  errors_count: ({ time }) => known(time.counts.error, 'error events'),
  faults_count: ({ history }) => known(faultsCount(history.events), 'fault_ended events'),
  faults_felt_count: ({ history, plan }) =>
    known(
      faultsFeltCount(history.events, plannedNodes(plan), plan.scenario.faults),
      'walks sent while a fault lasted, and frames that it took or kept back',
    ),
  rows_kept_count: ({ history }) => {
    const rows = rowsKeptCount(history.events)
    return rows === null ? unknown('no controller came back to its database') : known(rows, 'database_ready event')
  },
  ...Object.fromEntries(
    Object.entries(proofDerivations).map(([name, derive]) => [name, (f: Facts): Metric => derive(f.proofs)]),
  ),
}

/** Where metrics come from: those in neither set are read from events.ndjson, and damage to it makes them unknown. */
const measuredOnly = new Set([
  'memory_before_bytes',
  'memory_after_bytes',
  'database_rss_bytes',
  'teardown_s',
  'residue_count',
])
const sampled = new Set(['dataplane_rss_bytes', 'controller_rss_bytes', 'threads_count', 'controller_threads_count'])

/** Names of the metrics that every run of a fleet has, known or not. */
export const metricNames: readonly string[] = Object.keys(derivations)

/** Those of them that a soak and a run of connections have, too. */
const soakHas: readonly string[] = [
  'memory_before_bytes',
  'database_rss_bytes',
  'teardown_s',
  'residue_count',
  'database_losses_count',
  'faults_count',
  'warnings_count',
  'errors_count',
]

/**
 * Computes all metrics. Never throws: a derivation that crashes makes its metric unknown. Metrics of outcome.json that
 * have no derivation here are passed on as measured.
 */
export function computeMetrics(history: History): Metrics {
  const metrics: Record<string, Metric> = {}
  let facts: Facts
  try {
    const measured = (name: string): Metric => measuredBy(history, name)
    const time = readTimeline(history.events)
    facts = { history, plan: history.plan as Plan, time, proofs: new Proofs(history), measured }
  } catch (error) {
    for (const name of metricNames) metrics[name] = unknown(crashWords(error))
    return metrics
  }
  const hasNodes = !history.soak && facts.plan.scenario.connections === undefined
  for (const [name, derive] of Object.entries(derivations)) {
    if (!hasNodes && !soakHas.includes(name)) continue
    try {
      metrics[name] = distrustDamage(history, name, agreeing(facts, name, derive(facts)))
    } catch (error) {
      metrics[name] = unknown(crashWords(error))
    }
  }
  if (history.soak) Object.assign(metrics, computeSoakMetrics(history, history.soak))
  if (hasNodes && hasTraffic(facts.plan.scenario)) Object.assign(metrics, computeTrafficMetrics(history))
  for (const name of Object.keys(history.outcome?.metrics ?? {})) metrics[name] ??= facts.measured(name)
  return metrics
}

function measuredBy(history: History, name: string): Metric {
  if (history.outcome === null) return unknown('the run did not end, so outcome.json was never written')
  const metrics: Readonly<Record<string, unknown>> = history.outcome.metrics
  if (!Object.hasOwn(metrics, name)) return unknown('the run did not measure it')
  const value = metrics[name]
  if (typeof value !== 'number' || !Number.isFinite(value))
    return unknown(`outcome.json says ${String(value)}, not a number`)
  return known(value, 'measured by the run (outcome.json)')
}

/** Two observers of one exact fact must say the same: what the run measured against what the events say. */
function agreeing(facts: Facts, name: string, derived: Metric): Metric {
  const measured = facts.measured(name)
  if (!derived.known || !measured.known || sampled.has(name)) return derived
  if (Math.abs(derived.value - measured.value) <= tolerance(name)) return derived
  return unknown(
    `two sources disagree: ${measured.value} ${measured.evidence}, ${derived.value} from ${derived.evidence}`,
  )
}

/** How far two readings of one fact may lie apart: clocks are read twice, pages are whole, counts are counts. */
function tolerance(name: string): number {
  const unit = unitOf(name)
  return unit === 's' ? 0.001 : unit === 'bytes' ? 4096 : 0
}

/** The files that a metric is read from; which proof counts is in the events. */
function filesOf(name: string): readonly string[] {
  if (sampled.has(name)) return ['samples.ndjson']
  return listedMetrics.has(name) ? ['events.ndjson', 'links.ndjson'] : ['events.ndjson']
}

function distrustDamage(history: History, name: string, metric: Metric): Metric {
  if (!metric.known || measuredOnly.has(name)) return metric
  const files = filesOf(name)
  if (files.includes('events.ndjson') && history.events.length === 0) return unknown('no event was recorded')
  const damage = history.damage?.find(
    d => files.includes(d.file) && (d.kind === 'corrupt' || (d.kind === 'cut' && history.outcome)),
  )
  if (!damage) return metric
  return unknown(`${damage.file}${damage.line ? ` line ${damage.line}` : ''} is damaged: ${damage.problem}`)
}

/** The first of two that is known; a known second one is kept as another observer's word. */
function orElse(first: Metric, second: Metric): Metric {
  if (!first.known) return second.known ? second : first
  return second.known ? known(first.value, first.evidence, [second]) : first
}

function span(fromName: string, fromS: number | null, toName: string, toS: number | null): Metric {
  if (fromS === null) return unknown(`no ${fromName} was seen`)
  if (toS === null) return unknown(`no ${toName} was seen`)
  if (toS < fromS) return unknown(`${toName} at ${toS} s precedes ${fromName} at ${fromS} s`)
  return known(toNanosecond(toS - fromS), `${fromName} at ${seconds(fromS)}, ${toName} at ${seconds(toS)}`)
}

const seconds = (value: number): string => `${value.toFixed(3)} s`

function plannedNodes(plan: Plan): number {
  return plan.topology.nodes_count
}

/** A time up to all_connected counts only when every planned node had been seen to connect. */
function whenConnected({ plan, time }: Facts, metric: Metric): Metric {
  if (!metric.known || time.connected.size === plannedNodes(plan)) return metric
  return unknown(`all_connected was said with ${time.connected.size} of ${plannedNodes(plan)} nodes connected`)
}

/** A time up to all_wired counts only when every planned node had reported that its links are up. */
function whenWired({ plan, time }: Facts, metric: Metric): Metric {
  if (metric.known && time.ready.size !== plannedNodes(plan)) {
    return unknown(`all_wired was said with ${time.ready.size} of ${plannedNodes(plan)} nodes ready`)
  }
  if (!metric.known && time.allWiredS === null) {
    return unknown(`${metric.why}; ${time.ready.size} of ${plannedNodes(plan)} nodes reported ready`)
  }
  return metric
}

function nodesCount({ plan, time }: Facts): Metric {
  const planned = plannedNodes(plan)
  const inFleets = plan.fleets.reduce((sum, fleet) => sum + fleet.nNodes, 0)
  if (inFleets !== planned) return unknown(`the plan's fleets hold ${inFleets} nodes, its topology ${planned}`)
  const stray = [...time.ready].filter(id => id > planned)
  if (stray.length > 0) return unknown(`nodes outside the plan reported ready: ${stray.slice(0, 5).join(', ')}`)
  if (time.allWiredS !== null && time.ready.size !== planned) {
    return unknown(`all_wired was said, but ${time.ready.size} of ${planned} nodes had reported ready`)
  }
  return known(time.ready.size, `node_ready events; ${planned} planned`)
}

/**
 * Links whose ends agreed at the last proof, with one fleet beside its own count of ends as the run ended. Without a
 * proof that count; where it did not say, planned edges between ready nodes: a node is ready when all its links are up.
 * A topology without edges proves nothing by the latter alone.
 */
function linksCount({ plan, time, proofs, measured }: Facts): Metric {
  const ends = measured('links_up_count')
  const proven = linksProven(proofs)
  if (proven !== null) {
    // Of several fleets the first to end takes links of the others with it.
    const others = ends.known && plan.fleets.length === 1 ? [{ ...ends, value: ends.value / 2 }] : []
    return known(proven, 'links whose two ends agree (links.ndjson)', others)
  }
  if (ends.known) return known(ends.value / 2, 'link ends up when the run ended, by two')
  const wired = plan.topology.edges.filter(([a, b]) => time.ready.has(a) && time.ready.has(b)).length
  return known(wired, `planned edges with both ends ready; ${plan.topology.edges.length} planned`)
}

function fabricStartedS({ time }: Facts): number | null {
  const starts = [...time.fabrics.values()].map(fabric => fabric.startedS)
  return starts.length === 0 ? null : Math.min(...starts)
}

/** First kernel call of any fleet to the end of the last fleet's. */
function fabricS(facts: Facts): Metric {
  const fabrics = [...facts.time.fabrics.values()]
  const ends = fabrics.flatMap(fabric => (fabric.endedS === null ? [] : [fabric.endedS]))
  const fleets = facts.plan.fleets.length
  if (ends.length !== fleets) return unknown(`${ends.length} of ${fleets} fleets finished their fabric`)
  return span('fabric_started', fabricStartedS(facts), 'fabric_ended', Math.max(...ends))
}

/**
 * The whole system's growth by nodes, without a database server of the run, whose own figure is apart. What memory
 * moved by while the run only held is kept as other readings: a limit within it proves nothing.
 */
function memoryPerNode(facts: Facts): Metric {
  const before = facts.measured('memory_before_bytes')
  const after = facts.measured('memory_after_bytes')
  const nodes = nodesCount(facts)
  if (!before.known) return unknown(`memory_before_bytes: ${before.why}`)
  if (!after.known) return unknown(`memory_after_bytes: ${after.why}`)
  if (!nodes.known) return unknown(`nodes_count: ${nodes.why}`)
  if (nodes.value === 0) return unknown('no node was wired')
  const database = facts.measured('database_rss_bytes')
  const databaseBytes = database.known ? database.value : 0
  const grownBytes = after.value - before.value - databaseBytes
  if (grownBytes <= 0) return unknown(`memory in use fell by ${-grownBytes} bytes: the machine was too noisy`)
  const less = databaseBytes > 0 ? ', less database_rss_bytes,' : ''
  const evidence = `memory_after_bytes less memory_before_bytes${less} by ${nodes.value} nodes`
  const noiseBytes = heldMemoryNoise(facts.history) ?? 0
  const noisy = `the noise: memory moved by ±${Math.round(noiseBytes)} bytes while the run only held`
  const others = noiseBytes === 0 ? [] : [-noiseBytes, noiseBytes]
  return known(
    grownBytes / nodes.value,
    evidence,
    others.map(bytes => ({ value: (grownBytes + bytes) / nodes.value, evidence: noisy })),
  )
}

/** Zero is proven only by a census that was taken, and its count and its list must be of one length. */
function residueCount({ history, measured }: Facts): Metric {
  const counted = measured('residue_count')
  if (!counted.known || history.outcome === null) return counted
  const { residue } = history.outcome
  if (residue.length !== counted.value) return unknown(`the census counts ${counted.value} and lists ${residue.length}`)
  return known(
    counted.value,
    residue.length === 0 ? 'census before and after' : `left: ${residue.slice(0, 10).join(', ')}`,
  )
}
