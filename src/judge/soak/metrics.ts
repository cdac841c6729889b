// Every metric of a soak, from its saved data: pure, and each with where it was read. Too little work done makes a pass
// unknown, a machine too noisy every verdict on a time; a failure that much work would only have shown better stands.

import { crashWords, known, type Metric, type Metrics, unknown, untold } from '../metric.ts'
import type { History } from '../types.ts'
import { toNanosecond, unitOf } from '../units.ts'
import { churnCounts, type Derive, joinedCounts, lifeCounts, observedCounts } from './count-metrics.ts'
import type { Finding } from './findings.ts'
import type { Floats } from './floats.ts'
import { growthMetrics, shown } from './growth.ts'
import { noiseOf } from './noise.ts'
import {
  growthOf,
  longestGap,
  namespacesOf,
  OBSERVER,
  observedSamples,
  ownMemoryOf,
  type Quantity,
  quantityOf,
} from './processes.ts'
import { CHURN_FILE, EVENTS_FILE, OBSERVED_FILE, type SoakFacts } from './read.ts'
import { whyTooLittle } from './schedule.ts'
import type { Moment } from './series.ts'
import { sutDerivations } from './sut.ts'
import type { Latencies } from './tally.ts'

/** Beyond this a forecast is no longer one: ten years. */
const FORECAST_H_MAX = 87_600
const S_PER_H = 3600
/** Samples that miss more of the churning, as a whole at a time, do not tell the most that there was of anything. */
const UNSAMPLED_RATIO = 0.1
/** Of a short one, and half of a very short one: a busy machine takes samples late. */
const UNSAMPLED_S = 10

const shares = { p50: 0.5, p99: 0.99, max: 1 } as const
type Share = keyof typeof shares

function quantile(values: Floats, share: Share, of: string, worst: readonly Finding[]): Metric {
  const value = values.quantile(shares[share])
  if (value === null) return unknown(`no ${of}`)
  const [first] = worst
  const most = share === 'p50' || first === undefined ? '' : `; the most at ${first.t_s.toFixed(3)} s: ${first.words}`
  return known(toNanosecond(value), `${values.length} ${of}${most}`)
}

const byShare = (stem: string, derive: (share: Share) => Derive): Record<string, Derive> =>
  Object.fromEntries((['p50', 'p99', 'max'] as const).map(share => [`${stem}_${share}_s`, derive(share)]))

const latency = (latencies: Latencies, share: Share, of: string): Metric =>
  quantile(latencies.all, share, of, latencies.worst.findings)

function forgetting(facts: SoakFacts, share: Share): Metric {
  const { tally, truth } = facts
  const metric = latency(tally.forgetting, share, 'namespaces that were found and dropped')
  if (!metric.known) return metric
  const never = tally.neverForgotten.count
  const error = `; when they were gone is known to ${(1000 * truth.goneErrorMaxS).toFixed(1)} ms`
  const censored =
    never === 0
      ? ''
      : `; ${never} were never forgotten, and count, where they are judged, until the observer's last word`
  return { ...metric, evidence: `${metric.evidence}${error}${censored}` }
}

const churnTimes: Readonly<Record<string, Derive>> = {
  churn_late_p99_s: ({ truth }) => quantile(truth.lateness, 'p99', 'operations', truth.latest.findings),
  churn_late_max_s: ({ truth }) => quantile(truth.lateness, 'max', 'operations', truth.latest.findings),
  removal_kernel_p99_s: ({ truth }) => {
    const metric = quantile(truth.removal, 'p99', 'namespaces that were dropped', truth.slowestRemovals.findings)
    if (!metric.known) return metric
    return { ...metric, evidence: `${metric.evidence}; known to ${(1000 * truth.goneErrorMaxS).toFixed(1)} ms` }
  },
}

const joinedTimes: Readonly<Record<string, Derive>> = {
  ...byShare(
    'discovery',
    share =>
      ({ tally }) =>
        latency(tally.discovery, share, 'namespaces made while it churned'),
  ),
  ...byShare('forgetting', share => facts => forgetting(facts, share)),
  ...byShare(
    'letting_go',
    share =>
      ({ tally }) =>
        latency(tally.letGo, share, 'namespaces that were found and dropped'),
  ),
}

const observedTimes: Readonly<Record<string, Derive>> = byShare(
  'poll',
  share =>
    ({ polls }) =>
      quantile(polls.took, share, 'polls of all namespaces', polls.worst.findings),
)

function mostOf(quantity: Quantity): Derive {
  return (facts, { samples }) => {
    const moments = quantityOf(samples, OBSERVER, quantity)
    const [first] = moments
    if (first === undefined) return unknown('no sample of the observer says it')
    const [t, most] = moments.reduce((one, other) => (other[1] > one[1] ? other : one), first)
    const metric = known(most, `the most of ${moments.length} samples, at ${t.toFixed(1)} s`)
    const why = whyUnsampled(samples, facts)
    return why === null ? metric : { ...metric, doubt: { of: 'pass', why } }
  }
}

/** Why the most of all samples need not be the most that there was; null: they cover the churning. */
function whyUnsampled(samples: History['samples'], { churned }: SoakFacts): string | null {
  if (churned === null) return null
  const { lengthS, fromS } = longestGap(samples, churned)
  const lastedS = churned.toS - churned.fromS
  if (lengthS <= Math.max(Math.min(UNSAMPLED_S, lastedS / 2), UNSAMPLED_RATIO * lastedS)) return null
  return `no sample was taken for ${lengthS.toFixed(1)} s from ${fromS.toFixed(1)} s on`
}

/** By their usual names. */
const growth = (
  stem: string,
  unit: string,
  momentsOf: (history: History) => readonly Moment[],
): Readonly<Record<string, Derive>> =>
  growthMetrics(
    { middle: `${stem}_${unit}`, lower: `${stem}_lower_${unit}`, upper: `${stem}_upper_${unit}` },
    momentsOf,
  )

const ofObserver =
  (quantity: Quantity) =>
  ({ samples }: History) =>
    quantityOf(samples, OBSERVER, quantity)

/** Of the machine, or of the observer's own group where that has less. */
function freeBytes({ observer }: SoakFacts, { samples }: History): number {
  const last = observedSamples(samples).at(-1)
  const free = last?.memory_available_bytes ?? 0
  const own = quantityOf(samples, OBSERVER, 'rss_bytes').at(-1)?.[1] ?? 0
  return observer.memoryMaxBytes === null ? free : Math.max(0, Math.min(free, observer.memoryMaxBytes - own))
}

function memoryLimit(facts: SoakFacts, history: History): Metric {
  const found = growthOf(ownMemoryOf(history.samples), facts)
  if ('why' in found) return unknown(found.why)
  const free = freeBytes(facts, history)
  const perH = found.slope.upperPerS * S_PER_H
  const words = `${(free / 1e6).toFixed(0)} MB were free at the end; grows by at most ${shown(perH / 1e6)} MB an hour`
  const hours = perH > 0 ? free / perH : Number.POSITIVE_INFINITY
  if (hours >= FORECAST_H_MAX) return known(FORECAST_H_MAX, `${words}: not within ten years`)
  return known(hours, words)
}

const sampled: Readonly<Record<string, Derive>> = {
  observer_threads_max_count: mostOf('threads_count'),
  observer_descriptors_max_count: mostOf('descriptors_count'),
  observer_rss_max_bytes: mostOf('rss_bytes'),
  ...growth('observer_rss_slope', 'bytes_per_h', ({ samples }) => ownMemoryOf(samples)),
  ...growth('observer_threads_slope', 'count_per_h', ofObserver('threads_count')),
  ...growth('observer_descriptors_slope', 'count_per_h', ofObserver('descriptors_count')),
  ...growth('kernel_namespaces_slope', 'count_per_h', ({ samples }) => namespacesOf(samples)),
  memory_limit_in_h: memoryLimit,
  vm_waited_ratio: (facts, { samples }) => {
    const { vmWaitedRatio } = noiseOf(samples, facts)
    return vmWaitedRatio === null
      ? unknown('samples show no emulator')
      : known(vmWaitedRatio, 'samples while it churned')
  },
  steal_ratio: (facts, { samples }) => {
    const { stealRatio } = noiseOf(samples, facts)
    return stealRatio === null ? unknown('samples do not say') : known(stealRatio, 'samples while it churned')
  },
  pressure_cpu_max_ratio: (facts, { samples }) => {
    const { pressureMaxRatio } = noiseOf(samples, facts)
    return pressureMaxRatio === null
      ? unknown('samples do not say')
      : known(pressureMaxRatio, 'samples while it churned')
  },
}

interface Group {
  /** That they are read from, beside the events: damage to one makes its metrics unknown. */
  readonly files: readonly string[]
  /** They are of what the observer says that it finds. */
  readonly ofSightings?: true
  readonly derivations: Readonly<Record<string, Derive>>
}

const groups: readonly Group[] = [
  { files: [CHURN_FILE], derivations: { ...churnCounts, ...churnTimes } },
  { files: [CHURN_FILE, OBSERVED_FILE], ofSightings: true, derivations: { ...joinedCounts, ...joinedTimes } },
  { files: [OBSERVED_FILE], ofSightings: true, derivations: { ...observedCounts, ...observedTimes } },
  { files: [OBSERVED_FILE], derivations: lifeCounts },
  { files: ['samples.ndjson'], derivations: sampled },
]

/** Names of the metrics that every soak has, known or not; what any run can measure beside them is passed on. */
export const soakMetricNames: readonly string[] = groups.flatMap(({ derivations }) => Object.keys(derivations))

/** About churn itself. */
export const isOfChurn = (name: string): boolean => Object.hasOwn(churnCounts, name) || Object.hasOwn(churnTimes, name)

const NOISE: ReadonlySet<string> = new Set(['steal_ratio', 'pressure_cpu_max_ratio', 'vm_waited_ratio'])

/** They mean something however little was done. */
const isOfLittle = (name: string): boolean => isOfChurn(name) || NOISE.has(name)

/** Of a program of the user's that claims to tell nothing of what it finds. What claims it and is silent is unknown. */
export const TELLS_NO_SOCKETS = 'the program tells no sockets ([sut] has no output)'

/** Computes all metrics of a soak. Never throws: a derivation that crashes makes its metric unknown. */
export function computeSoakMetrics(history: History, facts: SoakFacts): Metrics {
  const metrics: Record<string, Metric> = {}
  const tooLittle = attemptWords(() => whyTooLittle(facts))
  const noisy = noiseOf(history.samples, facts).why
  const told: Group = { files: [CHURN_FILE, OBSERVED_FILE], derivations: sutDerivations(facts.plan.sutMetrics) }
  const unseen = whyUnseen(facts)
  for (const { files, ofSightings, derivations } of [...groups, told]) {
    const missing = damageOf(history, [...files, EVENTS_FILE]) ?? (ofSightings ? unseen : null)
    for (const [name, derive] of Object.entries(derivations)) {
      const metric = missing ?? attempt(() => derive(facts, history))
      metrics[name] = doubted(name, metric, tooLittle, noisy)
    }
  }
  return metrics
}

/** What it sees is known where it said so in its form: what stands in a line of none may be what is missed. */
function whyUnseen({ observer: { malformed, malformedFirst }, plan, wasObserving }: SoakFacts): Metric | null {
  if (malformed.count > 0)
    return unknown(
      `lines of the observer's output are none of its format: ${malformed.count}, the first ${malformedFirst}`,
    )
  return plan.observes || wasObserving ? null : untold(TELLS_NO_SOCKETS)
}

function attempt(derive: () => Metric): Metric {
  try {
    return derive()
  } catch (error) {
    return unknown(crashWords(error))
  }
}

/** Where it can't be told that enough was done, a pass is none. */
function attemptWords(why: () => string | null): string | null {
  try {
    return why()
  } catch (error) {
    return crashWords(error)
  }
}

function doubted(name: string, metric: Metric, tooLittle: string | null, noisy: string | null): Metric {
  if (!metric.known || metric.doubt?.of === 'both') return metric
  if (noisy !== null && unitOf(name) === 's') return { ...metric, doubt: { of: 'both', why: noisy } }
  if (tooLittle !== null && !isOfLittle(name)) return { ...metric, doubt: { of: 'pass', why: tooLittle } }
  return metric
}

/** A run that was killed cuts its last lines short, and that is no damage. */
function damageOf({ damage, outcome }: History, files: readonly string[]): Metric | null {
  const found = damage?.find(({ file, kind }) => files.includes(file) && (kind !== 'cut' || outcome !== null))
  if (found === undefined) return null
  const line = found.line === undefined ? '' : ` line ${found.line}`
  return unknown(`${found.file}${line} is ${found.kind === 'missing' ? 'missing' : 'damaged'}: ${found.problem}`)
}
