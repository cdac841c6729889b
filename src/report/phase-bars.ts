// The phases of a run as bars on one time axis, a row each.

import { scaleLinear } from 'd3-scale'
import type { Report } from '../judge/types.ts'
import { formatSeconds } from './format.ts'
import { type Markup, markup } from './markup.ts'

const ROW_PX = 26
const NAME_PX = 84
const TIME_PX = 72

/** `id` is unique in the page. The page's style is chartCss. */
export function phaseBars(phases: Report['phases'], width: number, id: string): Markup {
  const endS = phases.reduce((end, phase) => Math.max(end, phase.start_s + phase.duration_s), 0)
  const x = scaleLinear()
    .domain([0, endS || 1])
    .range([NAME_PX, width - TIME_PX])
  const height = phases.length * ROW_PX + 4
  const said = phases.map(phase => `${phase.name} ${formatSeconds(phase.duration_s)}`).join(', ')
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="nslab-chart" role="img" viewBox="0 0 ${width} ${height}" aria-labelledby="${id}-title ${id}-desc" font-size="12">
<title id="${id}-title">How long each phase took</title><desc id="${id}-desc">${said}</desc>
${phases.flatMap((phase, index) => {
  const middle = index * ROW_PX + ROW_PX / 2
  const from = x(phase.start_s)
  const length = Math.max(2, x(phase.start_s + phase.duration_s) - from)
  const strong = phase.name === 'wire' ? ' strong' : ''
  const at = { x: from.toFixed(1), y: middle - 7, width: length.toFixed(1) }
  return [
    markup`<line class="grid" x1="${NAME_PX}" x2="${width - TIME_PX}" y1="${middle}" y2="${middle}"/>`,
    markup`<text x="0" y="${middle}" dy="0.34em">${phase.name}</text>`,
    markup`<rect class="bar${strong}" x="${at.x}" y="${at.y}" width="${at.width}" height="14" rx="2"/>`,
    markup`<text class="label" x="${width}" y="${middle}" dy="0.34em" text-anchor="end">${formatSeconds(phase.duration_s)}</text>\n`,
  ]
})}</svg>`
}
