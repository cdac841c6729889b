// The middle of the page: curves and bars, and the published figures beside the run's.

import type { History, Report } from '../judge/types.ts'
import type { Plan } from '../plan.ts'
import { type ChartOptions, chartMarkup, type Series } from './chart.ts'
import { memoryCurves, type ProcessRow, processorCurves, processRows, wiringCurve } from './curves.ts'
import { formatBytes, formatCount, formatSeconds } from './format.ts'
import { type Markup, markup } from './markup.ts'
import { phaseBars } from './phase-bars.ts'
import { type PublishedRow, published, publishedCaution } from './published.ts'
import { plannedNodes, summaryRow, topologyTitle } from './summary.ts'

const secondsAxis = { label: 'seconds from the start of the run', format: (value: number) => formatCount(value) }

/** The chart twice: a phone's is narrower and its text as large, where one drawing scaled down would be illegible. */
export function figure(id: string, options: ChartOptions, caption: string): Markup {
  const wide = chartMarkup({ ...options, width: 960, height: options.height ?? 320, embedded: { id: `${id}-wide` } })
  const narrow = chartMarkup({
    ...options,
    width: 360,
    height: options.height ? Math.max(200, options.height) : 300,
    embedded: { id: `${id}-narrow` },
  })
  const words = caption === '' ? null : markup`<figcaption>${caption}</figcaption>`
  return markup`<figure><div class="wide">${wide}</div><div class="narrow">${narrow}</div>${words}</figure>`
}

export function wiringSection(report: Report, history: History): Markup {
  const { series, marks, fromS, toS } = wiringCurve(history)
  const planned = plannedNodes(history)
  const options: ChartOptions = {
    title: 'Nodes over time while wiring',
    x: { ...secondsAxis, min: fromS, max: toS },
    y: { label: 'nodes', format: formatCount, min: 0, max: Math.max(planned, 1) },
    series,
    marks,
  }
  const wired = report.metrics.nodes_count ?? 0
  const caption = `${formatCount(wired)} of ${formatCount(planned)} nodes were wired: namespace complete, connected to the controller, and every link proven on both ends.`
  return markup`<section><h2>Wiring</h2>${figure('wiring', options, caption)}</section>`
}

export function phasesSection(report: Report): Markup | null {
  if (report.phases.length === 0) return null
  return markup`<section><h2>Phases</h2><figure><div class="wide">${phaseBars(report.phases, 960, 'phases-wide')}</div><div class="narrow">${phaseBars(report.phases, 360, 'phases-narrow')}</div></figure></section>`
}

export function memorySection(report: Report, history: History): Markup {
  const memory: ChartOptions = {
    title: 'Memory over time',
    x: secondsAxis,
    y: { label: 'bytes', format: formatBytes },
    series: memoryCurves(report, history),
  }
  const processors: ChartOptions = {
    title: 'Processors kept busy over time',
    x: secondsAxis,
    y: { label: 'processors', format: formatCount },
    series: processorCurves(history),
    height: 240,
  }
  const rows = processRows(history)
  return markup`<section><h2>Memory over time</h2>
${figure('memory', memory, 'System memory in use is MemAvailable’s complement, drawn from its value before the run’s processes existed.')}
<h2>Processes</h2>
${figure('processors', processors, 'Processors kept busy by each process of the run, between one sample and the next.')}
${rows.length === 0 ? null : processTable(rows)}</section>`
}

function processTable(rows: readonly ProcessRow[]): Markup {
  return markup`<table><caption class="quiet small">The most of each in any sample</caption>
<thead><tr><th scope="col">Process</th><th scope="col" class="num">Resident</th><th scope="col" class="num">Threads</th><th scope="col" class="num">Files</th><th scope="col" class="num">CPU</th></tr></thead>
<tbody>
${rows.map(
  row =>
    markup`<tr><th scope="row">${row.name}</th>${[
      formatBytes(row.rssBytes),
      formatCount(row.threads),
      formatCount(row.descriptors),
      formatSeconds(row.cpuS),
    ].map(cell => markup`<td class="num">${cell}</td>`)}</tr>\n`,
)}</tbody></table>`
}

/** Their table with this run's row on top, and both as a chart. */
export function publishedSection(report: Report, history: History): Markup {
  const mine = summaryRow(report, history)
  const name = topologyTitle((history.plan as Plan).topology.name)
  const wiredS = report.metrics.all_wired_s
  const before = published.filter(row => row.note.startsWith('before'))
  const series: Series[] = [
    ...(wiredS === undefined
      ? []
      : [{ name: 'this run', shape: 'dots' as const, points: [[plannedNodes(history), wiredS] as const] }]),
    {
      name: 'Nextmini, published',
      shape: 'line+dots',
      points: pointsOf(published.filter(row => !before.includes(row))),
    },
    { name: 'before their ARP fix', shape: 'dots', points: pointsOf(before) },
  ]
  const options: ChartOptions = {
    title: 'Wiring time against the number of nodes',
    x: { label: 'nodes', format: formatCount },
    y: { label: 'seconds, logarithmic', format: formatCount },
    series,
    log: true,
    height: 280,
  }
  const cells = mine
    .slice(1)
    .map(({ title, value }) => markup`<td class="num${title.startsWith('Memory') ? ' optional' : ''}">${value}</td>`)
  return markup`<section><h2 id="published">Beside the published figures</h2>
${figure('published', options, '')}
<table class="beside" aria-labelledby="published">
<thead><tr><th scope="col">Topology</th><th scope="col" class="num">Nodes</th><th scope="col" class="num">Wiring time</th><th scope="col" class="num optional">Memory before</th><th scope="col" class="num optional">Memory after</th><th scope="col" class="num">Per node</th></tr></thead>
<tbody>
<tr class="mine"><th scope="row">${name}<small>this run</small></th>${cells}</tr>
${published.map(publishedRow)}</tbody></table>
<p class="quiet small">${publishedCaution}</p></section>`
}

const pointsOf = (rows: readonly PublishedRow[]): [number, number][] => rows.map(row => [row.nodes, row.wiringS])

function publishedRow(row: PublishedRow): Markup {
  const note = row.note === '' ? null : markup`<small>${row.note}</small>`
  return markup`<tr><th scope="row">${row.topology}${note}</th><td class="num">${row.nodes}</td><td class="num">${row.wiringS.toFixed(2)} s</td><td class="num optional">${row.memoryBefore}</td><td class="num optional">${row.memoryAfter}</td><td class="num">${row.perNode}</td></tr>\n`
}
