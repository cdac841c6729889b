// The observer's process as the sampler saw it: its most of everything, and how fast it grows once the soak is warm.

import type { Sample } from '../../protocol/sample.ts'
import { siteOf } from '../process-metrics.ts'
import type { SoakFacts } from './read.ts'
import type { Moment } from './series.ts'
import { type Slope, slopeOf } from './slope.ts'

/**
 * Of churning, which is left out before growth is measured: heaps and caches fill up, and code is compiled, first. A
 * collector's memory rose by 0.6 MB (of 25) in 20 minutes of the stock churn, and by nothing in the next 40.
 */
const WARM_RATIO = 0.25
const WARM_S_MAX = 900

export const OBSERVER = 'observer'

export type Quantity = 'rss_bytes' | 'threads_count' | 'descriptors_count'

/**
 * A quantity of a process over time, of all processes with that name together. None is none of a process that lives: it
 * was not to be had, as the descriptors of one that nobody may look into.
 */
export function quantityOf(samples: readonly Sample[], name: string, quantity: Quantity): Moment[] {
  return samples.flatMap((sample): Moment[] => {
    const found = sample.processes.filter(process => process.name === name)
    const sum = found.reduce((total, process) => total + process[quantity], 0)
    return sum === 0 ? [] : [[sample.t_s, sum]]
  })
}

/**
 * The memory of the observer that can leak: what no file has, where samples tell it throughout, else all of it.
 */
export function ownMemoryOf(samples: readonly Sample[]): Moment[] {
  const told = samples.flatMap(({ t_s, processes }): [number, number | undefined][] => {
    const found = processes.filter(({ name, rss_bytes }) => name === OBSERVER && rss_bytes > 0)
    const sum = found.reduce<number | undefined>(
      (total, { own_bytes: own }) => (total === undefined || own === undefined ? undefined : total + own),
      0,
    )
    return found.length === 0 ? [] : [[t_s, sum]]
  })
  const known = told.flatMap(([t, own]): Moment[] => (own === undefined ? [] : [[t, own]]))
  return known.length === told.length ? known : quantityOf(samples, OBSERVER, 'rss_bytes')
}

/** Namespaces of the kernel that the observer is on. */
export function namespacesOf(samples: readonly Sample[]): Moment[] {
  return observedSamples(samples).flatMap(({ t_s, kernel_namespaces_count: count }): Moment[] =>
    count === undefined || count === null ? [] : [[t_s, count]],
  )
}

/** Samples of the kernel that the observer is on; without any of it, all. */
export function observedSamples(samples: readonly Sample[]): readonly Sample[] {
  const sites = new Set(samples.filter(sample => sample.processes.some(({ name }) => name === OBSERVER)).map(siteOf))
  return sites.size === 0 ? samples : samples.filter(sample => sites.has(siteOf(sample)))
}

export interface Gap {
  readonly lengthS: number
  readonly fromS: number
  /** The last sample before it. */
  readonly last: Sample | null
}

/** The longest time of churning without a sample, whoever lived meanwhile. */
export function longestGap(all: readonly Sample[], churned: { readonly fromS: number; readonly toS: number }): Gap {
  const { fromS, toS } = churned
  const samples = observedSamples(all)
    .filter(({ t_s }) => t_s >= fromS && t_s <= toS)
    .sort((one, other) => one.t_s - other.t_s)
  let longest: Gap = { lengthS: 0, fromS, last: null }
  for (let at = 0; at <= samples.length; at++) {
    const last = samples[at - 1] ?? null
    const sinceS = last?.t_s ?? fromS
    const lengthS = (samples[at]?.t_s ?? toS) - sinceS
    if (lengthS > longest.lengthS) longest = { lengthS, fromS: sinceS, last }
  }
  return longest
}

export interface Growth {
  readonly slope: Slope
  readonly fromS: number
  readonly toS: number
}

/** Growth during the steady part of churning, or why there is none to tell. */
export function growthOf(moments: readonly Moment[], { churned, plan }: SoakFacts): Growth | { readonly why: string } {
  if (churned === null) return { why: 'churning never began' }
  const { fromS, toS } = churned
  const warmS = fromS + Math.min(WARM_S_MAX, WARM_RATIO * (toS - fromS))
  const steadyS = toS - warmS
  if (steadyS < plan.growthLeastS)
    return {
      why: `${steadyS.toFixed(0)} s of steady churning are too few to tell growth: ${plan.growthLeastS} s are needed (run.growth_least)`,
    }
  const steady = moments.filter(([t]) => t >= warmS && t <= toS).sort(([one], [other]) => one - other)
  const slope = slopeOf(steady)
  if (slope === null) return { why: `${steady.length} samples of steady churning are too few to tell growth` }
  if (slope.spanS < 0.8 * steadyS) return { why: 'samples cover too little of the steady churning' }
  return { slope, fromS: warmS, toS }
}

/** Distinct processes of the observer, in the order of their appearance. */
export function observerPids(samples: readonly Sample[]): { readonly pid: number; readonly t_s: number }[] {
  const first = new Map<number, number>()
  for (const { t_s, processes } of samples)
    for (const { name, pid } of processes) if (name === OBSERVER && !first.has(pid)) first.set(pid, t_s)
  return [...first].map(([pid, t_s]) => ({ pid, t_s }))
}
