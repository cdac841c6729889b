// What a soak's page has in place of a fleet's wiring: the breaches with their evidence, everything on one time axis,
// and how well each kind of namespace was seen.

import { type Breach, breachesOf } from '../judge/soak/breaches.ts'
import type { SoakFacts } from '../judge/soak/read.ts'
import type { History, Report } from '../judge/types.ts'
import type { Plan } from '../plan.ts'
import type { ChartOptions } from './chart.ts'
import { formatLimit, formatObserved } from './format.ts'
import { figure } from './html-charts.ts'
import { kindRows } from './kind-rows.ts'
import { type Markup, markup } from './markup.ts'
import { type Panel, soakPanels, soakTimeAxis } from './soak-panels.ts'

/** Where all plots begin, in pixels: the widest label of any ("100.5 ms") fits. */
const LEFT_PX = 84
const PANEL_PX = 190

export interface SoakSections {
  readonly breaches: Markup | null
  readonly panels: Markup
  readonly kinds: Markup | null
}

export function soakSections(report: Report, history: History, facts: SoakFacts): SoakSections {
  const { scenario } = history.plan as Plan
  const breaches = breachesOf(scenario.gates, report.gates, history, facts)
  return {
    breaches: breachesSection(breaches),
    panels: panelsSection(history, facts, breaches),
    kinds: kindsSection(facts),
  }
}

/** The first one open, the others by their headlines. */
function breachesSection(breaches: readonly Breach[]): Markup | null {
  const [first, ...others] = breaches
  if (first === undefined) return null
  return markup`<section class="failure" aria-label="First breach">
<h2>First broken: <span class="fail">${first.gate.name}</span>${first.t_s === null ? null : ` at ${timeOf(first.t_s)}`}</h2>
${explained(first)}
${others.map(
  breach =>
    markup`<details><summary>${breach.gate.name}${breach.t_s === null ? '' : `, at ${timeOf(breach.t_s)}`}</summary>${explained(breach)}</details>\n`,
)}</section>`
}

function explained({ gate, evidence }: Breach): Markup {
  const rows = evidence.map(
    ({ t_s, words, isCause }) =>
      markup`<tr><td class="num">${timeOf(t_s)}</td><td${isCause ? markup` class="cause"` : null}>${words}</td></tr>\n`,
  )
  return markup`<p>Observed ${formatObserved(gate)}, and ${formatLimit(gate)} is required. ${gate.evidence}</p>
${rows.length === 0 ? null : markup`<table class="evidences" aria-label="Evidence of ${gate.name}"><tbody>\n${rows}</tbody></table>`}`
}

const timeOf = (timeS: number): string => `${timeS.toFixed(3)} s`

function panelsSection(history: History, facts: SoakFacts, breaches: readonly Breach[]): Markup {
  const { fromS, toS, bands, breaches: moments } = soakTimeAxis(history, facts, breaches)
  const panels = soakPanels(history, facts)
  const own = panels.filter(({ isScraped }) => !isScraped)
  const scraped = panels.filter(({ isScraped }) => isScraped)
  const lasts = [own.at(-1), scraped.at(-1)]
  const hours = toS >= 3 * 3600
  const format = (value: number): string => (hours ? `${Number((value / 3600).toFixed(2))} h` : String(value))
  const label = hours ? 'hours from the start of the run' : 'seconds from the start of the run'
  const words = [
    ...(bands.length === 0 ? [] : ['Faults stand behind the curves.']),
    ...(moments.length === 0 ? [] : ['Lines from top to bottom are where gates were first broken.']),
  ]
  const draw = (panel: Panel): Markup => {
    const options: ChartOptions = {
      title: panel.title,
      x: { label: lasts.includes(panel) ? label : '', format, min: fromS, max: toS },
      y: panel.y,
      series: panel.series,
      bands,
      breaches: moments,
      left: LEFT_PX,
      height: PANEL_PX,
    }
    return markup`<h3>${panel.title}</h3>${figure(`soak-${panel.id}`, options, '')}\n`
  }
  return markup`<section class="panels"><h2>Over time</h2>
${words.length === 0 ? null : markup`<p class="quiet small">${words.join(' ')}</p>`}
${own.map(draw)}
${scraped.length === 0 ? null : markup`<details><summary>${scraped.length} metrics that the observer told of itself</summary>\n${scraped.map(draw)}</details>`}</section>`
}

function kindsSection(facts: SoakFacts): Markup | null {
  const rows = kindRows(facts)
  if (rows.length === 0) return null
  const { strangers, socketsUnjudgedCount } = facts.tally
  const notes = [
    `${strangers.foundBefore.count} namespaces were found that were there before churning, and are not judged`,
    `${socketsUnjudgedCount} sockets were there throughout no whole poll, and are not judged`,
  ]
  return markup`<section><h2 id="kinds">Namespaces by kind</h2>
<table aria-labelledby="kinds"><thead><tr><th scope="col">Kind</th><th scope="col" class="num">Judged</th><th scope="col" class="num">Recall</th><th scope="col" class="num">Sockets</th><th scope="col" class="num">Recall</th></tr></thead>
<tbody>
${rows.map(
  ({ kind, judged, recall, sockets, socketRecall, isWhole }) =>
    markup`<tr><th scope="row"${isWhole ? null : markup` class="fail"`}>${kind}</th>${numbers([judged, recall, sockets, socketRecall])}</tr>\n`,
)}</tbody></table>
<p class="quiet small">${notes.join('; ')}.</p></section>`
}

const numbers = (cells: readonly string[]): Markup[] => cells.map(cell => markup`<td class="num">${cell}</td>`)
