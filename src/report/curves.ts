// Curves of a run for its page: nodes against time, memory and processor use against time.

import { siteOf } from '../judge/process-metrics.ts'
import { inOrder, readTimeline } from '../judge/timeline.ts'
import type { History, Report } from '../judge/types.ts'
import type { RunEvent } from '../protocol/events.ts'
import type { Point, Series } from './chart.ts'

/** More points than this are more than a screen has columns. */
const POINTS_MAX = 400

/** Share of the wiring's length that is shown before it and after it. */
const MARGIN_RATIO = 0.06

export interface WiringCurve {
  readonly series: readonly Series[]
  readonly marks: readonly { readonly at: number; readonly label: string }[]
  readonly fromS: number
  readonly toS: number
}

/** Nodes up (their namespace complete), connected and ready, from the fabric's first kernel call to all wired. */
export function wiringCurve(history: History): WiringCurve {
  const time = readTimeline(history.events)
  const events = inOrder(history.events)
  const starts = [...time.fabrics.values()].map(fabric => fabric.startedS)
  const beginS = Math.min(...starts, time.firstArrivalS ?? Number.POSITIVE_INFINITY, time.endS)
  const endS = time.allWiredS ?? time.endS
  const marginS = (endS - beginS) * MARGIN_RATIO || 0.01
  const fromS = Math.max(0, beginS - marginS)
  const toS = endS + marginS
  const within = events.filter(event => event.t_s <= toS)
  const moments = [
    { at: time.allConnectedS, label: 'all connected' },
    { at: time.allWiredS, label: 'all wired' },
  ]
  return {
    series: [
      { name: 'namespace up', shape: 'step', points: presence(within, 'node_up', fromS, toS) },
      { name: 'connected', shape: 'step', points: presence(within, 'node_connected', fromS, toS) },
      { name: 'wired', shape: 'step', points: presence(within, 'node_ready', fromS, toS) },
    ],
    marks: moments.flatMap(({ at, label }) =>
      at === null || at > toS ? [] : [{ at, label: `${label} ${at.toFixed(2)} s` }],
    ),
    fromS,
    toS,
  }
}

/** How many nodes had reached `kind` and were not gone again. Empty when none ever did. */
function presence(events: readonly RunEvent[], kind: RunEvent['kind'], fromS: number, toS: number): Point[] {
  const present = new Set<number>()
  const points: Point[] = [[fromS, 0]]
  for (const event of events) {
    if (!('node_id' in event) || event.node_id === undefined) continue
    const size = present.size
    if (event.kind === kind) present.add(event.node_id)
    else if (event.kind === 'node_left' || event.kind === 'node_lost') present.delete(event.node_id)
    if (present.size !== size) points.push([event.t_s, present.size])
  }
  if (points.length === 1) return []
  return [...thinned(points), [toS, present.size]]
}

/** Memory in use of each kernel above what it was at first, and the resident memory of each process. */
export function memoryCurves(report: Report, history: History): Series[] {
  const sites = [...new Set(history.samples.map(siteOf))]
  const growths = sites.map(site => {
    const samples = history.samples.filter(sample => siteOf(sample) === site)
    const used = samples.map((sample): Point => [sample.t_s, sample.memory_total_bytes - sample.memory_available_bytes])
    const first = (used[0] as Point)[1]
    const before = sites.length === 1 ? (report.metrics.memory_before_bytes ?? first) : first
    const name = sites.length === 1 ? 'whole system, above its start' : `${site}, above its start`
    return { name, points: thinned(used.map(([t, bytes]): Point => [t, bytes - before])) }
  })
  const resident = processNames(history).map((name, index) => ({
    name: `${name} (resident)`,
    colour: index + 1,
    points: thinned(history.samples.flatMap(sample => processPoint(sample, name, process => process.rss_bytes))),
  }))
  return [...growths, ...resident]
}

/** Processors that each process kept busy, between one sample and the next. */
export function processorCurves(history: History): Series[] {
  return processNames(history).map((name, index) => {
    const used = history.samples.flatMap(sample => processPoint(sample, name, process => process.cpu_s))
    const busy = used.slice(1).flatMap(([t, cpu], before): Point[] => {
      const [t0, cpu0] = used[before] as Point
      return t > t0 && cpu >= cpu0 ? [[t, (cpu - cpu0) / (t - t0)]] : []
    })
    return { name, colour: index + 1, points: thinned(busy) }
  })
}

export interface ProcessRow {
  readonly name: string
  readonly rssBytes: number
  readonly threads: number
  readonly descriptors: number
  readonly cpuS: number
}

/** The most that each process had of everything, in any sample. */
export function processRows(history: History): ProcessRow[] {
  return processNames(history).map(name => {
    const most = (of: (process: Process) => number): number =>
      history.samples.flatMap(s => processPoint(s, name, of)).reduce((top, [, value]) => Math.max(top, value), 0)
    return {
      name,
      rssBytes: most(process => process.rss_bytes),
      threads: most(process => process.threads_count),
      descriptors: most(process => process.descriptors_count),
      cpuS: most(process => process.cpu_s),
    }
  })
}

type Process = History['samples'][number]['processes'][number]

function processNames(history: History): string[] {
  const names = history.samples.flatMap(sample => sample.processes.map(process => shownName(sample, process)))
  return [...new Set(names)].sort()
}

/** Processes of guests are told apart by whose they are. */
const shownName = (sample: History['samples'][number], { name }: Process): string =>
  siteOf(sample) === 'local' ? name : `${siteOf(sample)} ${name}`

/** One point for a name, however many processes bear it. */
function processPoint(sample: History['samples'][number], name: string, of: (process: Process) => number): Point[] {
  const found = sample.processes.filter(process => shownName(sample, process) === name)
  return found.length === 0 ? [] : [[sample.t_s, found.reduce((sum, process) => sum + of(process), 0)]]
}

/** At most POINTS_MAX of the points, evenly taken; first and last always stay. */
export function thinned(points: readonly Point[]): Point[] {
  if (points.length <= POINTS_MAX) return [...points]
  const step = (points.length - 1) / (POINTS_MAX - 1)
  return Array.from({ length: POINTS_MAX }, (_, index) => points[Math.round(index * step)] as Point)
}
