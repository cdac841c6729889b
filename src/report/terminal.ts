// The report for a terminal: the seed's table, the gates, the notes, the verdict, the run folder.

import type { SoakFacts } from '../judge/soak/read.ts'
import type { GateVerdict, History, Report } from '../judge/types.ts'
import { faultLines } from './fault-lines.ts'
import { formatLimit, formatObserved, formatSeconds, formatVerdict, printable } from './format.ts'
import { kindRows } from './kind-rows.ts'
import { proofLine } from './proof-line.ts'
import { durationS, notApplicableText, subject, summaryRow } from './summary.ts'
import { textTable } from './table.ts'
import { trafficLines } from './traffic.ts'

export interface TerminalOptions {
  /** Escape sequences for colours: only where the output is a terminal. */
  readonly color: boolean
  /** Shown at the end. */
  readonly folder: string
}

type Tone = 'pass' | 'fail' | 'unknown' | 'error' | 'not_applicable'

const codes: Readonly<Record<Tone | 'bold' | 'dim', number>> = {
  pass: 32,
  fail: 31,
  error: 31,
  unknown: 33,
  not_applicable: 90,
  bold: 1,
  dim: 90,
}
const signs: Readonly<Record<GateVerdict['verdict'], string>> = {
  pass: '✓',
  fail: '✗',
  unknown: '?',
  not_applicable: '–',
}

export function renderTerminal(report: Report, history: History, options: TerminalOptions): string {
  const paint: Paint = (tone, text) => (options.color ? `\x1b[${codes[tone]}m${text}\x1b[0m` : text)
  const blocks = [
    summary(report, history, paint),
    history.soak ? kinds(history.soak, paint) : [],
    traffic(report, history, paint),
    faults(history, paint),
    gates(report, paint),
    failure(report, history, paint),
    report.notes.length > 0 ? [paint('bold', 'Notes'), ...report.notes.map(note => `· ${printable(note)}`)] : [],
    verdict(report, history, options.folder, paint),
  ]
  return blocks
    .filter(block => block.length > 0)
    .map(block => `${block.map(line => (line === '' ? '' : `  ${line}`)).join('\n')}\n`)
    .join('\n')
}

type Paint = (tone: keyof typeof codes, text: string) => string

function summary(report: Report, history: History, paint: Paint): string[] {
  const columns = summaryRow(report, history)
  const [head = '', row = ''] = textTable({
    head: columns.map(column => column.title),
    rows: [columns.map(column => printable(column.value))],
    right: columns.map((_, index) => index).slice(history.soak ? 0 : 1),
  })
  const proof = proofLine(report, history)
  if (proof === null) return [paint('bold', head), row]
  return [paint('bold', head), row, '', proof.isProven ? proof.text : paint('fail', proof.text)]
}

function traffic(report: Report, history: History, paint: Paint): string[] {
  const rows = trafficLines(report, history).map(({ what, text, isBad }) => {
    const words = printable(text)
    return [what, isBad ? paint('fail', words) : words]
  })
  return rows.length === 0 ? [] : [paint('bold', 'Traffic'), ...textTable({ rows })]
}

function faults(history: History, paint: Paint): string[] {
  const lines = faultLines(history).map(({ isOvercome, text }) => {
    const sign = isOvercome ? paint('pass', signs.pass) : paint('fail', signs.fail)
    return `${sign}  ${printable(text)}`
  })
  return lines.length === 0 ? [] : [paint('bold', 'Faults'), ...lines]
}

/** Recall of each kind of namespace that churn made. */
function kinds(facts: SoakFacts, paint: Paint): string[] {
  const rows = kindRows(facts).map(({ kind, judged, recall, sockets, socketRecall }) => [
    kind,
    judged,
    recall,
    sockets,
    socketRecall,
  ])
  if (rows.length === 0) return []
  const [head = '', ...lines] = textTable({
    head: ['Kind', 'Judged', 'Recall', 'Sockets', 'Recall'],
    rows,
    right: [1, 2, 3, 4],
  })
  return [paint('bold', head), ...lines]
}

/** Evidence is shown where a reader asks why: for everything but a pass. */
function gates(report: Report, paint: Paint): string[] {
  if (report.gates.length === 0) return [paint('bold', 'Gates'), paint('unknown', '? this scenario has no gates')]
  const rows = report.gates.map(gate => [
    paint(gate.verdict, signs[gate.verdict]),
    printable(gate.name),
    formatObserved(gate),
    formatLimit(gate),
    paint(gate.verdict, formatVerdict(gate.verdict)),
    gate.verdict === 'pass' ? '' : paint('dim', printable(gate.evidence)),
  ])
  return [paint('bold', 'Gates'), ...textTable({ rows, right: [2] })]
}

function failure({ error }: Report, history: History, paint: Paint): string[] {
  if (!error) return []
  const phase = error.phase === undefined ? '' : ` in phase ${printable(error.phase)}`
  const residue = history.outcome?.residue ?? []
  return [
    paint('error', `Error ${printable(error.code)}${phase}`),
    ...error.message.split('\n').map(printable),
    ...(error.hint ? [paint('dim', printable(error.hint))] : []),
    ...(residue.length > 0 ? [`left behind: ${printable(residue.join(', '))}`] : []),
  ]
}

function verdict(report: Report, history: History, folder: string, paint: Paint): string[] {
  const facts = [
    printable(report.scenario),
    subject(history),
    `level ${report.level}`,
    `seed ${report.seed}`,
    formatSeconds(durationS(report)),
  ].join(', ')
  const word = formatVerdict(report.verdict).toUpperCase()
  const beside = notApplicableText(report)
  return [
    `${paint(report.verdict, paint('bold', word))}  ${facts} (exit ${report.exit_code})`,
    ...(beside === null ? [] : [printable(beside)]),
    printable(folder),
  ]
}
