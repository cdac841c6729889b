// A soak as panels on one time axis: each a few curves, with faults behind them and breaches before them.

import type { Breach } from '../judge/soak/breaches.ts'
import { OBSERVER, ownMemoryOf, quantityOf } from '../judge/soak/processes.ts'
import type { SoakFacts } from '../judge/soak/read.ts'
import { Extremes, type Moment } from '../judge/soak/series.ts'
import type { History } from '../judge/types.ts'
import type { Axis, Band, Series } from './chart.ts'
import { formatBytes, formatCount, formatSeconds } from './format.ts'

export interface Panel {
  /** Unique in the page, a word. */
  readonly id: string
  readonly title: string
  readonly y: Axis
  readonly series: readonly Series[]
  /** What the observer told of itself: there may be many. */
  readonly isScraped?: true
}

export interface TimeAxis {
  readonly fromS: number
  readonly toS: number
  readonly bands: readonly Band[]
  readonly breaches: readonly number[]
}

const seconds: Axis = { label: 'seconds', format: formatSeconds }
const count = (label: string): Axis => ({ label, format: formatCount })

/** Panels with something to show, the same order in every report. */
export function soakPanels(history: History, facts: SoakFacts): Panel[] {
  const { truth, tally, polls, observer } = facts
  const { samples } = history
  const ofObserver = (quantity: Parameters<typeof quantityOf>[2]): Moment[] =>
    thinned(quantityOf(samples, OBSERVER, quantity))
  const curve = (name: string, points: readonly Moment[], shape: Series['shape'] = 'line'): Series => ({
    name,
    points,
    shape,
  })
  const kernel = samples.flatMap(({ t_s, kernel_namespaces_count: value }): Moment[] =>
    value === undefined || value === null ? [] : [[t_s, value]],
  )
  const panels: Panel[] = [
    {
      id: 'rate',
      title: 'Operations a second',
      y: count('operations / s'),
      series: [curve('carried out', truth.rates())],
    },
    {
      id: 'late',
      title: 'How late operations began',
      y: seconds,
      series: [curve('late', truth.latenessOverTime.moments())],
    },
    {
      id: 'live',
      title: 'Namespaces alive, and as the observer polled them',
      y: count('namespaces'),
      series: [
        curve('alive', truth.living().overTime),
        curve('polled', polls.namespacesOverTime.moments(), 'step'),
        curve('in the kernel', thinned(kernel)),
      ],
    },
    {
      id: 'latency',
      title: 'Found and forgotten after',
      y: seconds,
      series: [
        curve('found', tally.discovery.overTime.moments()),
        curve('forgotten, from its end in the kernel', tally.forgetting.overTime.moments()),
        curve('forgotten, from its drop', tally.letGo.overTime.moments()),
      ],
    },
    { id: 'poll', title: 'How long a poll took', y: seconds, series: [curve('poll', polls.tookOverTime.moments())] },
    {
      id: 'memory',
      title: 'Resident memory of the observer',
      y: { label: 'bytes', format: formatBytes },
      series: [curve('resident', ofObserver('rss_bytes')), curve('of it no file’s', thinned(ownMemoryOf(samples)))],
    },
    {
      id: 'handles',
      title: 'Threads and open files of the observer',
      y: count('count'),
      series: [curve('threads', ofObserver('threads_count')), curve('open files', ofObserver('descriptors_count'))],
    },
    ...Object.entries(observer.scraped()).map(([name, points], index) => ({
      id: `scraped${index}`,
      title: name,
      y: count('value'),
      series: [curve(name, points)],
      isScraped: true as const,
    })),
  ]
  return panels
    .map(panel => ({ ...panel, series: panel.series.filter(({ points }) => points.length > 0) }))
    .filter(({ series }) => series.length > 0)
}

/** From the first fill, or the first sample, to the last thing known. */
export function soakTimeAxis(history: History, facts: SoakFacts, breaches: readonly Breach[]): TimeAxis {
  const { samples, events } = history
  const lastS = Math.max(facts.truth.lastS, samples.at(-1)?.t_s ?? 0, events.at(-1)?.t_s ?? 0)
  return {
    fromS: 0,
    toS: lastS || 1,
    bands: faultBands(history, lastS),
    breaches: [...new Set(breaches.flatMap(({ t_s }) => t_s ?? []))],
  }
}

/** A fault that nobody ended lasts to the end. */
function faultBands({ events }: History, lastS: number): Band[] {
  return events.flatMap(event => {
    if (event.kind !== 'fault_started') return []
    const end = events.find(other => other.kind === 'fault_ended' && other.fault === event.fault)
    return [{ from: event.t_s, to: end?.t_s ?? lastS, label: `fault: ${event.op}` }]
  })
}

/** At most 2,000 of the points, with the extremes of each stretch. */
function thinned(points: readonly Moment[]): Moment[] {
  const extremes = new Extremes()
  for (const [t, value] of points) extremes.add(t, value)
  return extremes.moments()
}
