// Whether the machine let the soak's times mean anything: what others took of its processors while it churned.

import { EMULATOR } from '../../base/soak-metrics.ts'
import type { Sample } from '../../protocol/sample.ts'
import { siteOf } from '../process-metrics.ts'
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
 * The same beneath a guest, which cannot see it: of the time that its emulator was ready to run, that in which others
 * had all processors. Beyond this they had as much of them as the guest.
 */
const VM_WAITED_RATIO_MAX = 0.5

/**
 * No sample for so long, s: nothing ran, or as good as nothing. The sampler asks for one every half second or so, and
 * has nothing else to do.
 */
const STANDSTILL_S = 10

export interface Noise {
  /** Null: the samples do not say. */
  readonly stealRatio: number | null
  readonly pressureMaxRatio: number | null
  /** Null also where nothing is emulated. */
  readonly vmWaitedRatio: number | null
  /** What makes times unknown; null: nothing. */
  readonly why: string | null
}

export function noiseOf(all: readonly Sample[], facts: SoakFacts): Noise {
  const { churned } = facts
  if (churned === null) return { stealRatio: null, pressureMaxRatio: null, vmWaitedRatio: null, why: null }
  const isDuring = ({ t_s }: Sample): boolean => t_s >= churned.fromS && t_s <= churned.toS
  const samples = observedSamples(all).filter(isDuring)
  const times = samples.flatMap(({ cpu }) => cpu ?? [])
  const [first, last] = [times[0], times.at(-1)]
  const stealRatio =
    first && last && last.total_s > first.total_s
      ? (last.steal_s - first.steal_s) / (last.total_s - first.total_s)
      : null
  const pressures = samples.flatMap(({ pressure }) => (pressure === null ? [] : pressure.cpu_some / 100))
  const pressureMaxRatio = pressures.length === 0 ? null : pressures.reduce((one, other) => Math.max(one, other))
  const vmWaitedRatio = waitedRatio(all.filter(isDuring), new Set(samples.map(siteOf)))
  const why = standstillIn(samples, churned, facts) ?? whyNoisy(stealRatio, pressures, vmWaitedRatio)
  return { stealRatio, pressureMaxRatio, vmWaitedRatio, why }
}

/** What the emulators of these VMs waited for a processor; null: samples show none of them. */
function waitedRatio(samples: readonly Sample[], vms: ReadonlySet<string>): number | null {
  const names = new Set([...vms].map(vm => `${EMULATOR}:${vm}`))
  const ends = new Map<number, { readonly first: Waiting; last: Waiting }>()
  for (const { pid, name, cpu_s, waited_s } of samples.flatMap(({ processes }) => processes)) {
    if (waited_s === undefined || !names.has(name)) continue
    const now: Waiting = { cpuS: cpu_s, waitedS: waited_s }
    const known = ends.get(pid)
    if (known === undefined) ends.set(pid, { first: now, last: now })
    else known.last = now
  }
  let [waitedS, readyS] = [0, 0]
  for (const { first, last } of ends.values()) {
    waitedS += last.waitedS - first.waitedS
    readyS += last.waitedS - first.waitedS + last.cpuS - first.cpuS
  }
  return readyS > 0 ? waitedS / readyS : null
}

interface Waiting {
  readonly cpuS: number
  readonly waitedS: number
}

const percent = (ratio: number): string => `${(100 * ratio).toFixed(1)} %`

/** The longest time without a sample, in words; null: none was long. */
function standstillIn(
  samples: readonly Sample[],
  churned: NonNullable<SoakFacts['churned']>,
  { plan }: SoakFacts,
): string | null {
  const { lengthS, fromS, last } = longestGap(samples, churned)
  // Who asks for fewer samples is told less.
  if (lengthS <= Math.max(STANDSTILL_S, 2.5 * plan.sampleIntervalS)) return null
  const left =
    last === null
      ? ''
      : ` (${Math.round((100 * last.memory_available_bytes) / last.memory_total_bytes)} % of memory was available before)`
  return `the machine stood still: no sample was taken for ${lengthS.toFixed(1)} s from ${fromS.toFixed(1)} s on${left}`
}

function whyNoisy(
  stealRatio: number | null,
  pressures: readonly number[],
  vmWaitedRatio: number | null,
): string | null {
  if (stealRatio !== null && stealRatio > STEAL_RATIO_MAX)
    return `the machine was too noisy: ${percent(stealRatio)} of processor time was stolen (at most ${percent(STEAL_RATIO_MAX)})`
  const usual = pressures.length === 0 ? 0 : median(pressures)
  if (usual > PRESSURE_RATIO_MAX)
    return `the machine was too noisy: tasks waited for a processor ${percent(usual)} of the time (at most ${percent(PRESSURE_RATIO_MAX)})`
  if (vmWaitedRatio !== null && vmWaitedRatio > VM_WAITED_RATIO_MAX)
    return `the machine beneath the VM was too noisy: its emulator waited for a processor ${percent(vmWaitedRatio)} of the time that it was ready to run (at most ${percent(VM_WAITED_RATIO_MAX)})`
  return null
}
