// Two runs, or two sets of repeated runs, side by side: each metric with its ratio and what is known of its noise.

import { heldMemoryNoise } from '../judge/noise.ts'
import type { History, Report } from '../judge/types.ts'
import type { Plan } from '../plan.ts'

export interface Run {
  readonly report: Report
  readonly history: History
}

/** Median and range of a metric over the runs of one side. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
  readonly runs: number
  /**
   * Half the width, in the metric's unit, that one run's own samples moved by while nothing changed; null: not known.
   */
  readonly noise: number | null
}

export interface ComparedMetric {
  readonly name: string
  readonly a: Spread | null
  readonly b: Spread | null
  /** Median of B by median of A; null where A is 0 or one of them is missing. */
  readonly ratio: number | null
  /** differs: the ranges don't meet. within_noise: they do. unknown: one run a side, and nothing says how it varies. */
  readonly difference: 'equal' | 'differs' | 'within_noise' | 'unknown'
}

export interface Difference {
  readonly what: string
  readonly a: string
  readonly b: string
}

export interface Comparison {
  readonly a: Side
  readonly b: Side
  /** Set-ups that make the two something else than repetitions of each other: scenario, topology, nodes, gates. */
  readonly setup: readonly Difference[]
  readonly environment: readonly Difference[]
  readonly metrics: readonly ComparedMetric[]
}

export interface Side {
  readonly runs: number
  readonly verdicts: readonly string[]
}

/** Compares the runs of two sides; each side has at least one. */
export function compareRuns(a: readonly Run[], b: readonly Run[]): Comparison {
  const names = [...new Set([...a, ...b].flatMap(run => Object.keys(run.report.metrics)))]
  return {
    a: sideOf(a),
    b: sideOf(b),
    setup: differences(a, b, setupOf),
    environment: differences(a, b, environmentOf),
    metrics: names.map(name => compareMetric(name, spreadOf(a, name), spreadOf(b, name))),
  }
}

function sideOf(runs: readonly Run[]): Side {
  return { runs: runs.length, verdicts: [...new Set(runs.map(run => run.report.verdict))] }
}

function spreadOf(runs: readonly Run[], name: string): Spread | null {
  const values = runs.flatMap(run => run.report.metrics[name] ?? []).sort((one, other) => one - other)
  const least = values[0]
  const most = values.at(-1)
  if (least === undefined || most === undefined) return null
  const middle = values.length / 2
  const median =
    values.length % 2 === 1
      ? (values[Math.floor(middle)] as number)
      : ((values[middle - 1] as number) + (values[middle] as number)) / 2
  const noises = runs.flatMap(run => noiseOf(run, name) ?? [])
  return { median, least, most, runs: values.length, noise: noises.length > 0 ? Math.max(...noises) : null }
}

function compareMetric(name: string, a: Spread | null, b: Spread | null): ComparedMetric {
  const ratio = a && b && a.median !== 0 ? b.median / a.median : null
  return { name, a, b, ratio, difference: differenceOf(name, a, b) }
}

function differenceOf(name: string, a: Spread | null, b: Spread | null): ComparedMetric['difference'] {
  if (!a || !b) return 'unknown'
  if (a.median === b.median && a.least === b.least && a.most === b.most) return 'equal'
  const [fromA, toA] = rangeOf(a)
  const [fromB, toB] = rangeOf(b)
  if (fromA <= toB && fromB <= toA) return 'within_noise'
  const measuresNoise = [a, b].every(side => side.runs > 1 || side.noise !== null)
  return measuresNoise || name.endsWith('_count') ? 'differs' : 'unknown'
}

/** What a side covers: the range of its runs, and at least what a run's own samples moved by. */
function rangeOf({ median, least, most, noise }: Spread): [number, number] {
  return [Math.min(least, median - (noise ?? 0)), Math.max(most, median + (noise ?? 0))]
}

/**
 * Memory in use while the run only holds shows how much it moves without cause; times have no such witness in one run.
 */
function noiseOf({ report, history }: Run, name: string): number | null {
  const memory = name === 'memory_before_bytes' || name === 'memory_after_bytes'
  if (!memory && name !== 'memory_per_node_bytes') return null
  const noise = heldMemoryNoise(history)
  return noise === null || memory ? noise : noise / Math.max(1, report.metrics.nodes_count ?? 1)
}

function differences(a: readonly Run[], b: readonly Run[], facts: (run: Run) => Record<string, string>): Difference[] {
  const [ofA, ofB] = [a.map(facts), b.map(facts)]
  const names = [...new Set([...ofA, ...ofB].flatMap(record => Object.keys(record)))]
  const shown = (records: readonly Record<string, string>[], name: string): string =>
    [...new Set(records.map(record => record[name] ?? 'none'))].sort().join(' or ')
  return names
    .map(what => ({ what, a: shown(ofA, what), b: shown(ofB, what) }))
    .filter(({ a: one, b: other }) => one !== other)
}

function setupOf({ report, history }: Run): Record<string, string> {
  const { topology, fleets, scenario } = history.plan as Plan
  const { soak } = scenario
  const common = { scenario: report.scenario, seed: String(report.seed) }
  if (soak !== undefined)
    return {
      ...common,
      namespaces: String(soak.churn.namespaces),
      'operations a second': String(soak.churn.ratePerS),
      duration: `${scenario.run.holdS} s`,
      observer: soak.observer.command?.join(' ') ?? 'nslab collect',
    }
  return {
    ...common,
    topology: topology.name,
    nodes: String(topology.nodes_count),
    edges: String(topology.edges.length),
    hosts: String(fleets.length),
    'MTU between hosts': String(report.hosts[0]?.uplink_mtu_bytes ?? 'none'),
  }
}

function environmentOf({ report: { environment } }: Run): Record<string, string> {
  const { versions, lock_digests: locks, limits } = environment
  const prefixed = (prefix: string, record: Readonly<Record<string, string | number>>): [string, string][] =>
    Object.entries(record).map(([name, value]) => [`${prefix} ${name}`, String(value)])
  return {
    level: environment.level,
    accelerator: environment.accelerator,
    kernel: environment.kernel,
    processor: environment.cpu,
    processors: String(environment.cpus_count),
    memory: String(environment.memory_bytes),
    rootless: String(environment.rootless),
    commit: environment.commit ?? 'not known',
    ...Object.fromEntries([
      ...prefixed('version of', versions),
      ...prefixed('digest of', locks),
      ...prefixed('limit', limits),
    ]),
  }
}
