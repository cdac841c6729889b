// report.tap: TAP version 14, a test point for each gate and one for the verdict. The stream passes when the run did.

import type { GateVerdict, Report } from '../judge/types.ts'
import { printable } from './format.ts'
import { notApplicableText } from './summary.ts'

export function renderTap(report: Report): string {
  const beside = notApplicableText(report)
  const points = [...report.gates.map(gatePoint), verdictPoint(report)]
  return [
    'TAP version 14',
    `# nslab: ${printable(report.scenario)}, seed ${report.seed}, level ${report.level}`,
    `1..${points.length}`,
    ...points.flatMap((point, index) => point(index + 1)),
    ...(beside === null ? [] : [`# ${printable(beside)}`]),
    ...report.notes.map(note => `# ${printable(note)}`),
    '',
  ].join('\n')
}

type Point = (number: number) => string[]

function gatePoint(gate: GateVerdict): Point {
  const skipped = gate.verdict === 'not_applicable'
  const ok = skipped || gate.verdict === 'pass'
  const directive = skipped ? ` # SKIP ${described(gate.evidence)}` : ''
  return number => [
    `${ok ? 'ok' : 'not ok'} ${number} - ${described(gate.name)}${directive}`,
    ...diagnostics({ ...gate }),
  ]
}

function verdictPoint(report: Report): Point {
  const facts = { verdict: report.verdict, exit_code: report.exit_code, digest: report.digest, ...report.error }
  return number => [
    `${report.verdict === 'pass' ? 'ok' : 'not ok'} ${number} - the verdict is pass`,
    ...diagnostics(facts),
  ]
}

/** A YAML block; JSON scalars are YAML. */
function diagnostics(facts: Readonly<Record<string, unknown>>): string[] {
  return ['  ---', ...Object.entries(facts).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`), '  ...']
}

/** A description: one line, with "#" and "\" escaped as TAP 14 asks. */
function described(text: string): string {
  return printable(text).replace(/[\\#]/g, character => `\\${character}`)
}
