// Whether the machine let the soak's times mean anything: what others took of its processors while it churned.

import type { Sample } from '../types.ts'
import { median } from './floats.ts'
import { longestGap, observedSamples } from './processes.ts'
import type { SoakFacts } from './read.ts'

/** Beyond this share of processor time, taken by other guests of the same hardware, times are others' doing. */
const STEAL_RATIO_MAX = 0.05
/**
 * Beyond this share of time, half of the churning, some task waited for a processor: too small a machine, or others.
 */
const PRESSURE_RATIO_MAX = 0.95

/**
 * No sample for so long, s: nothing ran, or as good as nothing. The sampler asks for one every half second or so, and
 * has nothing else to do.
 */
const STANDSTILL_S = 10

export interface Noise {
  /** Null: the samples do not say. */
  readonly stealRatio: number | null
  readonly pressureMaxRatio: number | null
  /** What makes times unknown; null: nothing. */
  readonly why: string | null
}

export function noiseOf(all: readonly Sample[], facts: SoakFacts): Noise {
  const { churned } = facts
  if (churned === null) return { stealRatio: null, pressureMaxRatio: null, why: null }
  const samples = observedSamples(all).filter(({ t_s }) => t_s >= churned.fromS && t_s <= churned.toS)
  const times = samples.flatMap(({ cpu }) => cpu ?? [])
  const [first, last] = [times[0], times.at(-1)]
  const stealRatio =
    first && last && last.total_s > first.total_s
      ? (last.steal_s - first.steal_s) / (last.total_s - first.total_s)
      : null
  const pressures = samples.flatMap(({ pressure }) => (pressure === null ? [] : pressure.cpu_some / 100))
  const pressureMaxRatio = pressures.length === 0 ? null : pressures.reduce((one, other) => Math.max(one, other))
  return { stealRatio, pressureMaxRatio, why: standstillIn(all, facts) ?? whyNoisy(stealRatio, pressures) }
}

const percent = (ratio: number): string => `${(100 * ratio).toFixed(1)} %`

/** The longest time without a sample, in words; null: none was long. */
function standstillIn(samples: readonly Sample[], { churned, plan }: SoakFacts): string | null {
  if (churned === null) return null
  const { lengthS, fromS, last } = longestGap(samples, churned)
  // Who asks for fewer samples is told less.
  if (lengthS <= Math.max(STANDSTILL_S, 2.5 * plan.sampleIntervalS)) return null
  const left =
    last === null
      ? ''
      : ` (${Math.round((100 * last.memory_available_bytes) / last.memory_total_bytes)} % of memory was available before)`
  return `the machine stood still: no sample was taken for ${lengthS.toFixed(1)} s from ${fromS.toFixed(1)} s on${left}`
}

function whyNoisy(stealRatio: number | null, pressures: readonly number[]): string | null {
  if (stealRatio !== null && stealRatio > STEAL_RATIO_MAX)
    return `the machine was too noisy: ${percent(stealRatio)} of processor time was stolen (at most ${percent(STEAL_RATIO_MAX)})`
  const usual = pressures.length === 0 ? 0 : median(pressures)
  if (usual > PRESSURE_RATIO_MAX)
    return `the machine was too noisy: tasks waited for a processor ${percent(usual)} of the time (at most ${percent(PRESSURE_RATIO_MAX)})`
  return null
}
