// The top of the page: verdict, key figures, what went wrong, gates, notes.

import type { GateVerdict, History, Report } from '../judge/types.ts'
import type { Plan } from '../plan.ts'
import type { RunEvent } from '../protocol/events.ts'
import { faultLines } from './fault-lines.ts'
import { formatLimit, formatMegabytes, formatMetric, formatObserved, formatVerdict } from './format.ts'
import { type Markup, markup } from './markup.ts'
import { proofLine } from './proof-line.ts'
import { isOfConnections, notApplicableText, subject, topologyTitle } from './summary.ts'

/** Events shown of a run that did not come to its end. */
const LAST_EVENTS = 12

export function headline(report: Report, history: History): Markup {
  const beside = notApplicableText(report)
  const { scenario, topology } = history.plan as Plan
  const { environment } = report
  const facts = [
    `level ${report.level}${environment.accelerator === 'none' ? '' : ` (${environment.accelerator})`}`,
    `seed ${report.seed}`,
    ...(environment.started_at === '' ? [] : [environment.started_at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')]),
    ...(environment.commit === null ? [] : [`commit ${environment.commit.slice(0, 12)}`]),
  ]
  return markup`<header>
<span class="badge ${report.verdict}">${formatVerdict(report.verdict)}</span>
<h1>${report.scenario} · ${history.soak || isOfConnections(history) ? '' : `${topologyTitle(topology.name)} of `}${subject(history)}</h1>
${scenario.summary ? markup`<p>${scenario.summary}</p>` : null}
<p class="quiet small">${facts.join(' · ')}</p>
${beside === null ? null : markup`<p class="small">${beside}</p>`}
${tiles(report, history.soak ? soakTiles : isOfConnections(history) ? connectionTiles : tileMetrics)}
${proofParagraph(report, history)}
</header>`
}

function proofParagraph(report: Report, history: History): Markup | null {
  const proof = proofLine(report, history)
  return proof && markup`<p class="${proof.isProven ? 'pass' : 'fail'}">${proof.text}</p>`
}

interface Tile {
  readonly name: string
  readonly title: string
  readonly format?: (v: number) => string
}

const soakTiles: readonly Tile[] = [
  { name: 'churn_ops_per_s', title: 'Operations' },
  { name: 'netns_recall_ratio', title: 'Recall of namespaces' },
  { name: 'sockets_misattributed_count', title: 'Misattributed sockets' },
  { name: 'discovery_p99_s', title: 'Found after, p99' },
  { name: 'rows_lost_count', title: 'Rows lost' },
  { name: 'observer_rss_max_bytes', title: 'Memory of the observer' },
]

const connectionTiles: readonly Tile[] = [
  { name: 'connections_count', title: 'Connections held' },
  { name: 'connections_per_s', title: 'Opened' },
  { name: 'connection_bytes', title: 'Memory of each' },
  { name: 'kernel_connection_bytes', title: "Of it the kernel's objects" },
  { name: 'connections_lost_count', title: 'Lost' },
  { name: 'time_wait_count', title: 'In TIME_WAIT once closed' },
]

const tileMetrics: readonly Tile[] = [
  { name: 'all_wired_s', title: 'First arrival to all wired' },
  { name: 'fabric_to_wired_s', title: 'First kernel call to all wired' },
  { name: 'memory_per_node_bytes', title: 'Memory per node', format: formatMegabytes },
  { name: 'threads_count', title: 'Threads of the fleet' },
  { name: 'teardown_s', title: 'Teardown' },
  { name: 'residue_count', title: 'Left behind' },
]

function tiles(report: Report, shown: readonly Tile[]): Markup {
  return markup`<dl class="tiles">${shown.map(({ name, title, format }) => {
    const value = report.metrics[name]
    const text = value === undefined ? '–' : format ? format(value) : formatMetric(name, value)
    return markup`<div><dt>${title}</dt><dd>${text}</dd></div>`
  })}</dl>`
}

/** The error, and what was last heard from the run. */
export function failureSection({ error }: Report, history: History): Markup | null {
  if (!error) return null
  const residue = history.outcome?.residue ?? []
  const events = history.events.filter(event => event.kind === 'error' || event.kind === 'warning').slice(-LAST_EVENTS)
  const last = history.events.slice(-LAST_EVENTS)
  return markup`<section class="failure" aria-label="Error">
<h2><span class="error">${error.code}</span>${error.phase === undefined ? null : ` in phase ${error.phase}`}</h2>
<pre>${error.message}</pre>
${error.hint === undefined ? null : markup`<p>${error.hint}</p>`}
${residue.length === 0 ? null : markup`<p>Left behind: ${residue.join(', ')}</p>`}
${events.length === 0 ? null : markup`<p class="quiet small">Errors and warnings</p><pre>${events.map(eventLine).join('\n')}</pre>`}
${last.length === 0 ? null : markup`<details><summary>Last events</summary><pre>${last.map(eventLine).join('\n')}</pre></details>`}
</section>`
}

function eventLine({ t_s: timeS, from, kind, ...facts }: RunEvent): string {
  const rest = Object.entries(facts).map(([key, value]) => (key === 'message' ? value : `${key}=${value}`))
  return [`${timeS.toFixed(3)} s`, from, kind, ...rest].join('  ')
}

export function gatesSection(report: Report): Markup {
  if (report.gates.length === 0) {
    return markup`<section><h2>Gates</h2><p>This scenario has no gates, so nothing was proven.</p></section>`
  }
  return markup`<section><h2 id="gates">Gates</h2>
<table class="gates" aria-labelledby="gates">
<thead><tr><th scope="col">Gate</th><th scope="col" class="num">Observed</th><th scope="col" class="num">Limit</th><th scope="col" class="verdict">Verdict</th></tr></thead>
${report.gates.map(gateRow)}</table></section>`
}

function gateRow(gate: GateVerdict): Markup {
  return markup`<tbody><tr class="gate"><th scope="row">${gate.name}</th><td class="num">${formatObserved(gate)}</td><td class="num">${formatLimit(gate)}</td><td class="verdict ${gate.verdict}">${formatVerdict(gate.verdict)}</td></tr>
<tr class="evidence"><td colspan="4">${gate.evidence}${seenRed(gate)}</td></tr></tbody>
`
}

/** A gate that was never seen to fail may not be able to. */
function seenRed({ seen_red: seen }: GateVerdict): string {
  if (seen === undefined) return ''
  if (seen === null) return ' · never seen red on this machine'
  return ` · last seen red on ${seen.at.slice(0, 10)} (canary ${seen.canary}, nslab ${seen.version})`
}

/** What was done to hosts, and how that went. */
export function faultsSection(history: History): Markup | null {
  const lines = faultLines(history)
  if (lines.length === 0) return null
  const items = lines.map(({ isOvercome, text }) => markup`<li class="${isOvercome ? 'pass' : 'fail'}">${text}</li>`)
  return markup`<section><h2>Faults</h2><ul class="notes">${items}</ul></section>`
}

export function notesSection(report: Report): Markup | null {
  if (report.notes.length === 0) return null
  return markup`<section><h2>Notes</h2><ul class="notes">${report.notes.map(note => markup`<li>${note}</li>`)}</ul></section>`
}
