// How fast a quantity grows while it churns, as metrics.

import { known, type Reading, unknown } from '../metric.ts'
import type { History } from '../types.ts'
import type { Derive } from './count-metrics.ts'
import { growthOf } from './processes.ts'
import type { SoakFacts } from './read.ts'
import type { Moment } from './series.ts'

const S_PER_H = 3600

/**
 * The three figures of a growth. A limit that lies within the interval is neither held nor broken: its ends are other
 * readings of the middle, and the other end is one of each end.
 */
export function growthMetrics(
  names: { readonly middle: string; readonly lower: string; readonly upper: string },
  momentsOf: (history: History, facts: SoakFacts) => readonly Moment[],
): Readonly<Record<string, Derive>> {
  const derive =
    (end: 'perS' | 'lowerPerS' | 'upperPerS'): Derive =>
    (facts, history) => {
      const moments = momentsOf(history, facts)
      if (moments.length === 0) return unknown('no sample says it')
      const found = growthOf(moments, facts)
      if ('why' in found) return unknown(found.why)
      const { slope, fromS, toS } = found
      const words = `from ${fromS.toFixed(0)} s to ${toS.toFixed(0)} s, medians of ${slope.stretchesCount} stretches`
      const [lower, upper] = [slope.lowerPerS, slope.upperPerS].map(perS => perS * S_PER_H) as [number, number]
      const interval = `95 % interval ${shown(lower)} to ${shown(upper)} an hour`
      const other = (value: number): Reading => ({ value, evidence: `an end of the ${interval}` })
      const others = { perS: [other(lower), other(upper)], lowerPerS: [other(upper)], upperPerS: [other(lower)] }
      return known(slope[end] * S_PER_H, `${words}; ${interval}`, others[end])
    }
  return { [names.middle]: derive('perS'), [names.lower]: derive('lowerPerS'), [names.upper]: derive('upperPerS') }
}

/** For people. */
export const shown = (value: number): string => String(Number(value.toPrecision(3)))
