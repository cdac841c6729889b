// The page's part about traffic: the lines of the terminal, rates over time, latencies of flows, the worst ones.

import type { FlowFacts, TrafficFacts } from '../judge/traffic/account.ts'
import type { History, Report, TrafficLine, TrafficTotals } from '../judge/types.ts'
import type { ChartOptions, Point, Series } from './chart.ts'
import { thinned } from './curves.ts'
import { formatCount, formatSeconds } from './format.ts'
import { figure } from './html-charts.ts'
import { bitRate } from './link-shape.ts'
import { type Markup, markup } from './markup.ts'
import { flowName, trafficLines, trafficOf, worstFlows } from './traffic.ts'

export function trafficSection(report: Report, history: History): Markup | null {
  const facts = trafficOf(history)
  if (facts === null) return null
  const lines = trafficLines(report, history).map(
    ({ what, text, isBad }) => markup`<dt>${what}</dt><dd${isBad ? markup` class="fail"` : null}>${text}</dd>`,
  )
  return markup`<section><h2>Traffic</h2><dl class="facts">${lines}</dl>
${ratesFigure(history)}
${typeof facts === 'string' ? null : markup`${latencyFigure(facts)}${flowTable(facts)}`}</section>`
}

/** What flows sent and what came, between one look and the next, of all fleets together. */
export function rateSeries(lines: readonly TrafficLine[]): Series[] {
  const byAsk = new Map<number, { readonly t_s: number; readonly totals: TrafficTotals }[]>()
  for (const line of lines)
    if ('totals' in line) byAsk.set(line.ask, [...(byAsk.get(line.ask) ?? []), { t_s: line.t_s, totals: line.totals }])
  const hosts = Math.max(0, ...[...byAsk.values()].map(looks => looks.length))
  // Where a fleet was away, its packets are missing from the sum.
  const looks = [...byAsk.values()].filter(look => look.length === hosts)
  const curve = (of: (totals: TrafficTotals) => number): Point[] => {
    const sums = looks.map((look): Point => [look[0]?.t_s ?? 0, look.reduce((sum, { totals }) => sum + of(totals), 0)])
    const rates = sums.slice(1).flatMap(([t, bytes], before): Point[] => {
      const [t0, bytes0] = sums[before] as Point
      return t > t0 && bytes >= bytes0 ? [[t, (bytes - bytes0) / (t - t0)]] : []
    })
    return thinned(rates)
  }
  return [
    { name: 'sent', points: curve(totals => totals.sent_bytes) },
    { name: 'received', points: curve(totals => totals.received_bytes) },
  ]
}

function ratesFigure(history: History): Markup | null {
  const series = rateSeries(history.traffic ?? [])
  if (series.every(({ points }) => points.length < 2)) return null
  const options: ChartOptions = {
    title: 'Rates of all flows over time',
    x: { label: 'seconds from the start of the run', format: formatCount },
    y: { label: 'bits a second', format: bitRate, min: 0 },
    series: series.map(each => ({ ...each, shape: 'line+dots' as const })),
    height: 240,
  }
  return figure('rates', options, 'Packets of flows as their sources made them and as their destinations had them.')
}

/** Each flow's latencies, from the quickest flow to the slowest. One flow is told by its figures. */
function latencyFigure({ flows }: TrafficFacts): Markup | null {
  const sinks = flows.flatMap(flow => flow.sinks.filter(sink => sink.received_packets > 0))
  if (sinks.length < 2) return null
  const ranked = (of: (sink: (typeof sinks)[number]) => number): Point[] =>
    thinned(
      sinks
        .map(of)
        .toSorted((a, b) => a - b)
        .map((value, index): Point => [((index + 1) / sinks.length) * 100, value]),
    )
  const options: ChartOptions = {
    title: 'Latencies of flows, one way',
    x: { label: 'percent of flows that are as quick, or quicker', format: formatCount, min: 0, max: 100 },
    y: { label: 'seconds', format: formatSeconds },
    log: true,
    series: [
      { name: 'median packet', points: ranked(sink => sink.latency_p50_s) },
      { name: '99th percentile', points: ranked(sink => sink.latency_p99_s) },
    ],
    height: 240,
  }
  return figure('latencies', options, 'Every end of a flow by its own clock; between two kernels they mean nothing.')
}

function flowTable({ flows }: TrafficFacts): Markup | null {
  const worst = worstFlows(flows)
  if (worst.length === 0) return null
  const caption =
    flows.length > worst.length ? `The ${worst.length} worst of ${formatCount(flows.length)} flows` : 'Flows'
  return markup`<table><caption class="quiet small">${caption}</caption>
<thead><tr><th scope="col">Flow</th><th scope="col" class="num">Sent</th><th scope="col" class="num">Lost</th><th scope="col" class="num">p50</th><th scope="col" class="num">p99</th><th scope="col">End</th></tr></thead>
<tbody>
${worst.map(flowRow)}</tbody></table>`
}

function flowRow(flow: FlowFacts): Markup {
  const most = (of: 'latency_p50_s' | 'latency_p99_s'): string =>
    flow.sinks.length === 0 ? '–' : formatSeconds(Math.max(...flow.sinks.map(sink => sink[of])))
  const cells = [
    formatCount(flow.source?.sent_packets ?? 0),
    formatCount(flow.lost),
    most('latency_p50_s'),
    most('latency_p99_s'),
  ]
  const end = flow.isFinished ? 'finished' : flow.source === null ? 'never began' : 'unfinished'
  return markup`<tr><th scope="row">${flowName(flow)}</th>${cells.map(cell => markup`<td class="num">${cell}</td>`)}<td>${end}</td></tr>\n`
}
