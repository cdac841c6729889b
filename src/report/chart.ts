// A line chart as one SVG: for the report's page and, standing alone, for the benchmark's figures.
// Drawn with d3's scales and shapes at render time; nothing in it is a script, everything in it is text or a path.

import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from 'd3-scale'
import { curveLinear, curveStepAfter, line } from 'd3-shape'
import { chartCss } from './chart-style.ts'
import { formatCount } from './format.ts'
import { Markup, markup } from './markup.ts'

export type Point = readonly [x: number, y: number]

export interface Series {
  readonly name: string
  readonly points: readonly Point[]
  /** line: straight between points (the default); step: constant until the next point; dots: single measurements. */
  readonly shape?: 'line' | 'step' | 'dots' | 'line+dots'
  /** From 0; default: its place in the list. For a series that shall look the same in several charts. */
  readonly colour?: number
}

export interface Axis {
  readonly label: string
  readonly format?: (value: number) => string
  /** Ends of the axis; default: those of the data, from 0 on a linear axis. */
  readonly min?: number
  readonly max?: number
}

export interface ChartOptions {
  readonly title: string
  /** What the chart shows, for those who can't see it. */
  readonly description?: string
  readonly x: Axis | string
  readonly y: Axis | string
  readonly series: readonly Series[]
  /** A logarithmic y axis; points at or below 0 are left out. */
  readonly log?: boolean
  /** Moments on the x axis. */
  readonly marks?: readonly { readonly at: number; readonly label: string }[]
  /** Stretches of the x axis, drawn behind everything. */
  readonly bands?: readonly Band[]
  /** Moments on the x axis at which something was broken; without labels. */
  readonly breaches?: readonly number[]
  /** Where the plot begins, in pixels, for charts that stand one above the other; default: what its labels need. */
  readonly left?: number
  readonly width?: number
  readonly height?: number
  /** In a page that has chartCss: no style, no background, no visible title of its own. `id` is unique in that page. */
  readonly embedded?: { readonly id: string }
}

export interface Band {
  readonly from: number
  readonly to: number
  readonly label: string
}

type Scale = ScaleContinuousNumeric<number, number>

const FONT_PX = 12
/** Mean width of a character of the interface fonts at 12 px, measured a little wide. */
const CHARACTER_PX = 7
const ROW_PX = 18
const SERIES_COLOURS = 5

/** The chart as SVG text: a file of its own unless `embedded`. Without a drawable point it says so. */
export function lineChart(options: ChartOptions): string {
  return chartMarkup(options).text
}

export function chartMarkup(options: ChartOptions): Markup {
  const { width = 720, height = 320, embedded } = options
  const series = options.series.map(one => ({
    ...one,
    points: one.points.filter(point => drawable(point, options.log)),
  }))
  const id = embedded?.id ?? 'chart'
  const legend = layLegend(series, embedded ? 2 : 14, width)
  const titleRows = embedded ? 0 : 1.4
  const x = axisOf(options.x)
  const y = axisOf(options.y)
  const marks = layMarks(options.marks ?? [])
  const top = ROW_PX * (titleRows + legend.rows + marks.rows) + 10
  const yScale = scaleFor(
    y,
    series.flatMap(one => one.points.map(point => point[1])),
    options.log,
  ).range([height - 42, top])
  const ticks = { y: ticksOf(yScale, Math.max(2, Math.floor((height - top) / 46)), options.log), x: [] as number[] }
  const format = { x: x.format ?? formatCount, y: y.format ?? formatCount }
  const left =
    options.left ?? 14 + ticks.y.reduce((most, tick) => Math.max(most, format.y(tick).length), 2) * CHARACTER_PX
  const right = width - 26
  const xScale = scaleFor(
    x,
    series.flatMap(one => one.points.map(point => point[0])),
  ).range([left, right])
  ticks.x = ticksOf(xScale, Math.max(2, Math.floor((right - left) / 90)))
  const frame: Frame = { left, right, top, bottom: height - 42, xScale, yScale }
  const empty = series.every(one => one.points.length === 0)
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="nslab-chart" role="img" viewBox="0 0 ${width} ${height}" aria-labelledby="${id}-title ${id}-desc" font-size="${FONT_PX}">
<title id="${id}-title">${options.title}</title>
<desc id="${id}-desc">${options.description ?? describe(options, series)}</desc>
${embedded ? null : markup`<style>${new Markup(chartCss)}</style>\n<rect class="ground" width="${width}" height="${height}"/>\n<text class="title" x="14" y="22">${options.title}</text>\n`}${legend.draw(ROW_PX * titleRows)}
${drawBands(options.bands ?? [], frame)}${drawAxes(frame, ticks, { ...x, format: format.x }, { ...y, format: format.y }, height)}
${marks.draw(frame, ROW_PX * (titleRows + legend.rows))}
${empty ? markup`<text class="empty" x="${(left + right) / 2}" y="${(top + frame.bottom) / 2}" text-anchor="middle">nothing was recorded</text>` : series.map((one, index) => drawSeries(one, index, frame))}
${(options.breaches ?? []).map(at => drawBreach(px(frame.xScale(at)), frame))}</svg>
`
}

interface Frame {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
  readonly xScale: Scale
  readonly yScale: Scale
}

/** Something above the plot: how many rows it takes, and how it is drawn once its place is known. */
interface Rows<Place extends unknown[]> {
  readonly rows: number
  readonly draw: (...place: Place) => Markup
}

const axisOf = (axis: Axis | string): Axis => (typeof axis === 'string' ? { label: axis } : axis)

function drawable([x, y]: Point, log?: boolean): boolean {
  return Number.isFinite(x) && Number.isFinite(y) && (!log || y > 0)
}

function scaleFor(axis: Axis, values: readonly number[], log = false): Scale {
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const some = Number.isFinite(least)
  if (log)
    return scaleLog()
      .domain([axis.min ?? (some ? least : 1), axis.max ?? (some ? most : 10)])
      .nice()
  const min = axis.min ?? (some ? Math.min(0, least) : 0)
  const max = axis.max ?? (some ? most : 1)
  const scale = scaleLinear().domain([min, max > min ? max : min + 1])
  return axis.max === undefined ? scale.nice() : scale
}

/** On a logarithmic axis whole powers of ten, with 2 and 5 between them where the axis is short. */
function ticksOf(scale: Scale, count: number, log = false): number[] {
  if (!log) return scale.ticks(count)
  const [low = 1, high = 10] = scale.domain()
  const steps = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5]
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of steps) {
      const tick = Number((step * 10 ** power).toPrecision(6))
      if (tick >= low && tick <= high) ticks.push(tick)
    }
  }
  return ticks
}

type DrawnAxis = Axis & Required<Pick<Axis, 'format'>>

function drawAxes(
  frame: Frame,
  ticks: { x: number[]; y: number[] },
  x: DrawnAxis,
  y: DrawnAxis,
  height: number,
): Markup {
  const { left, right, bottom, top, xScale, yScale } = frame
  const rows = ticks.y.map(tick => {
    const at = px(yScale(tick))
    return markup`<line class="grid" x1="${px(left)}" x2="${px(right)}" y1="${at}" y2="${at}"/><text class="tick" x="${px(left - 6)}" y="${at}" dy="0.32em" text-anchor="end">${y.format(tick)}</text>\n`
  })
  const columns = ticks.x.map(tick => {
    const at = px(xScale(tick))
    return markup`<line class="axis" x1="${at}" x2="${at}" y1="${px(bottom)}" y2="${px(bottom + 4)}"/><text class="tick" x="${at}" y="${px(bottom + 17)}" text-anchor="middle">${x.format(tick)}</text>\n`
  })
  return markup`${rows}<line class="axis" x1="${px(left)}" x2="${px(right)}" y1="${px(bottom)}" y2="${px(bottom)}"/>
${columns}<text class="label" x="${px((left + right) / 2)}" y="${height - 7}" text-anchor="middle">${x.label}</text>
<text class="label" x="${px(left)}" y="${px(top - 8)}" text-anchor="start">${y.label}</text>`
}

function drawBands(bands: readonly Band[], { xScale, top, bottom, left, right }: Frame): Markup[] {
  return bands.flatMap(({ from, to, label }) => {
    const [x0, x1] = [Math.max(left, xScale(from)), Math.min(right, xScale(to))]
    if (x1 < left || x0 > right) return []
    const width = Math.max(2, px(x1 - x0))
    return [
      markup`<rect class="band" x="${px(x0)}" y="${px(top)}" width="${width}" height="${px(bottom - top)}"><title>${label}</title></rect>\n`,
    ]
  })
}

const drawBreach = (x: number, { top, bottom }: Frame): Markup =>
  markup`<line class="breach" x1="${x}" x2="${x}" y1="${px(top)}" y2="${px(bottom)}"/>\n`

function drawSeries(series: Series, index: number, frame: Frame): Markup {
  const { xScale, yScale } = frame
  const { points, shape = 'line' } = series
  const at = (point: Point): [number, number] => [px(xScale(point[0])), px(yScale(point[1]))]
  const style = styleOf(series, index)
  const path = shape === 'dots' ? null : line().curve(shape === 'step' ? curveStepAfter : curveLinear)(points.map(at))
  const dots = shape.includes('dots') || points.length === 1
  return markup`<g class="${style}"><title>${series.name}</title>${path ? markup`<path class="line" d="${path}"/>` : null}${
    dots
      ? points.map(
          point =>
            markup`<circle class="dot" cx="${at(point)[0]}" cy="${at(point)[1]}" r="${shape === 'dots' ? 5.5 : 3.5}"/>`,
        )
      : null
  }</g>\n`
}

function styleOf({ colour }: Series, index: number): string {
  return `s${(colour ?? index) % SERIES_COLOURS}`
}

/** Names of the series above the plot, wrapped to the width. One series needs none: the title names it. */
function layLegend(series: readonly Series[], startX: number, width: number): Rows<[y: number]> {
  if (series.length < 2) return { rows: 0, draw: () => markup`` }
  let x = startX
  let row = 0
  const places = series.map(({ name }) => {
    const needed = 34 + name.length * CHARACTER_PX
    if (x > startX && x + needed > width) {
      x = startX
      row++
    }
    const place = { x, row }
    x += needed + 8
    return place
  })
  const draw = (y: number): Markup =>
    markup`${series.map((one, index) => {
      const { name, shape } = one
      const { x: left = 0, row: inRow = 0 } = places[index] ?? {}
      const middle = y + inRow * ROW_PX + 9
      const sample =
        shape === 'dots'
          ? markup`<circle class="dot" cx="${px(left + 12)}" cy="${px(middle)}" r="4"/>`
          : markup`<line class="line" x1="${px(left)}" x2="${px(left + 22)}" y1="${px(middle)}" y2="${px(middle)}"/>`
      return markup`<g class="${styleOf(one, index)}">${sample}<text class="key" x="${px(left + 28)}" y="${px(middle)}" dy="0.34em">${name}</text></g>\n`
    })}`
  return { rows: row + 1.5, draw }
}

/** Each mark's label has a row of its own above the plot, so that close moments stay legible. */
function layMarks(marks: NonNullable<ChartOptions['marks']>): Rows<[frame: Frame, y: number]> {
  const draw = ({ xScale, left, right, bottom }: Frame, y: number): Markup =>
    markup`${marks.map(({ at, label }, index) => {
      const x = px(xScale(at))
      const row = y + index * ROW_PX * 0.9 + 10
      const before = x > (left + right) / 2
      return markup`<line class="mark" x1="${x}" x2="${x}" y1="${px(row - 4)}" y2="${px(bottom)}"/><text class="mark-label" x="${before ? x - 5 : x + 5}" y="${px(row)}" dy="0.2em" text-anchor="${before ? 'end' : 'start'}">${label}</text>\n`
    })}`
  return { rows: marks.length * 0.9 + 1, draw }
}

function describe(options: ChartOptions, series: readonly Series[]): string {
  const parts = series.map(({ name, points }) => {
    const last = points.at(-1)
    return last
      ? `${name}: ${points.length} points, the last at ${shown(last[0])}, ${shown(last[1])}`
      : `${name}: no points`
  })
  return `${axisOf(options.y).label} against ${axisOf(options.x).label}. ${parts.join('. ')}.`
}

const shown = (value: number): string => String(Number(value.toPrecision(4)))

/** A tenth of a pixel is finer than a screen shows. */
const px = (value: number): number => Math.round(value * 10) / 10
