// How fast a quantity grows, with an interval that holds for noise which is not independent from sample to sample.
//
// Theil-Sen on the medians of consecutive stretches of equally many samples: a median takes what collections of garbage
// and single spikes add, and stretches that are long against the noise's memory are nearly independent. What memory is
// left widens the interval: the variance of Kendall's S is multiplied by (1 + r) / (1 - r), r being the lag-1
// correlation of the medians' ranks around the line (Hamed and Rao, J. Hydrol. 204, 1998, with one lag). The interval
// itself is Sen's (JASA 63, 1968): order statistics of the pairwise slopes. Its coverage is held against a simulation
// in its test.

import { median } from './floats.ts'
import type { Moment } from './series.ts'

export interface Slope {
  readonly perS: number
  /** 95 % interval. */
  readonly lowerPerS: number
  readonly upperPerS: number
  readonly stretchesCount: number
  readonly spanS: number
}

/** With fewer stretches an interval is wider than it looks; with more they are not independent. */
const STRETCHES = 40
const STRETCHES_MIN = 20
/** A median of fewer takes no spike away. */
const SAMPLES_PER_STRETCH_MIN = 3
/** Two-sided 95 % of the normal distribution. */
const Z = 1.96

/** Null: too few samples to say. `moments` are in the order of their times. */
export function slopeOf(moments: readonly Moment[]): Slope | null {
  const medians = stretchMedians(moments)
  if (medians.length < STRETCHES_MIN) return null
  const slopes: number[] = []
  for (const [index, [t0, y0]] of medians.entries())
    for (const [t1, y1] of medians.slice(index + 1)) slopes.push((y1 - y0) / (t1 - t0))
  slopes.sort((one, other) => one - other)
  const perS = median(slopes)
  const halfWidth = (Z * Math.sqrt(kendallVariance(medians.length) * inflation(medians, perS))) / 2
  const middle = (slopes.length - 1) / 2
  const at = (rank: number): number => slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(rank)))] as number
  const [[first]] = medians as [Moment]
  return {
    perS,
    lowerPerS: at(Math.floor(middle - halfWidth)),
    upperPerS: at(Math.ceil(middle + halfWidth)),
    stretchesCount: medians.length,
    spanS: (medians.at(-1) as Moment)[0] - first,
  }
}

/** Mean time and median value of each stretch. A busy machine samples unevenly, so they are equal in samples. */
function stretchMedians(moments: readonly Moment[]): Moment[] {
  const [first, last] = [moments[0], moments.at(-1)]
  if (!first || !last || last[0] <= first[0]) return []
  const count = Math.min(STRETCHES, Math.floor(moments.length / SAMPLES_PER_STRETCH_MIN))
  const from = (stretch: number): number => Math.floor((stretch * moments.length) / count)
  return Array.from({ length: count }, (_, index): Moment => {
    const stretch = moments.slice(from(index), from(index + 1))
    return [stretch.reduce((sum, [t]) => sum + t, 0) / stretch.length, median(stretch.map(([, value]) => value))]
  })
}

/** Of S under no trend, without ties. Ties make it less, so the interval is on the safe side. */
const kendallVariance = (n: number): number => (n * (n - 1) * (2 * n + 5)) / 18

function inflation(medians: readonly Moment[], perS: number): number {
  const residuals = medians.map(([t, value]) => value - perS * t)
  const ranks = ranksOf(residuals)
  const mean = (ranks.length - 1) / 2
  let [products, squares] = [0, 0]
  for (const [index, rank] of ranks.entries()) {
    squares += (rank - mean) ** 2
    const before = ranks[index - 1]
    if (before !== undefined) products += (rank - mean) * (before - mean)
  }
  const n = ranks.length
  const r = squares === 0 ? 0 : products / squares
  // An estimate around a fitted line comes out too small, by about this much.
  const unbiased = Math.min(0.9, Math.max(0, r + (1 + 4 * Math.max(0, r)) / n))
  return (1 + unbiased) / (1 - unbiased)
}

/** Places in rising order; equal values share the mean of theirs. */
function ranksOf(values: readonly number[]): number[] {
  const order = values.map((value, index) => ({ value, index })).sort((one, other) => one.value - other.value)
  const ranks = new Array<number>(values.length)
  for (let from = 0; from < order.length; ) {
    let to = from
    while (to + 1 < order.length && order[to + 1]?.value === order[from]?.value) to++
    for (let at = from; at <= to; at++) ranks[(order[at] as { index: number }).index] = (from + to) / 2
    from = to + 1
  }
  return ranks
}
