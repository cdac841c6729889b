// report.junit.xml: a test case for each gate and one for the verdict, the metrics as properties.
// Unknown is an <error>, never a pass: nothing was proven.

import type { GateVerdict, Report } from '../judge/types.ts'
import { type Markup, markup } from './markup.ts'
import { durationS, notApplicableText } from './summary.ts'

export function renderJunit(report: Report): string {
  const cases = [...report.gates.map(gateCase), verdictCase(report)]
  const count = (kind: Case['kind']): number => cases.filter(item => item.kind === kind).length
  const time = durationS(report).toFixed(3)
  const tests = cases.length
  const { started_at: startedAt } = report.environment
  const timestamp = startedAt === '' ? null : markup` timestamp="${startedAt.replace(/\.\d+Z$|Z$/, '')}"`
  return `${
    markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nslab" tests="${tests}" failures="${count('failure')}" errors="${count('error')}" time="${time}">
  <testsuite name="${report.scenario}" tests="${tests}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}" time="${time}"${timestamp}>
    <properties>
${properties(report)}    </properties>
${cases.map(item => testCase(report, item))}  </testsuite>
</testsuites>
`.text
  }`
}

interface Case {
  readonly name: string
  readonly kind: 'passed' | 'failure' | 'error' | 'skipped'
  readonly type: string
  readonly message: string
}

const kinds = { pass: 'passed', fail: 'failure', unknown: 'error', not_applicable: 'skipped' } as const

function gateCase(gate: GateVerdict): Case {
  const observed = gate.observed === null ? '' : `${gate.observed} ${gate.unit}: `
  const message = `${observed}${gate.evidence} (limit ${gate.limit} ${gate.unit})`
  return { name: gate.name, kind: kinds[gate.verdict], type: gate.verdict, message }
}

function verdictCase(report: Report): Case {
  const name = 'the verdict is pass'
  const { error, verdict } = report
  if (error) return { name, kind: 'error', type: error.code, message: error.message }
  return {
    name,
    kind: verdict === 'error' ? 'error' : kinds[verdict],
    type: verdict,
    message: `the verdict is ${verdict}`,
  }
}

function testCase(report: Report, { name, kind, type, message }: Case): Markup {
  const head = markup`    <testcase classname="nslab.${report.scenario}" name="${name}" time="0">`
  if (kind === 'passed') return markup`${head}</testcase>\n`
  if (kind === 'skipped') return markup`${head}<skipped message="${message}"/></testcase>\n`
  const body = markup`message="${message}" type="${type}">${message}`
  return kind === 'failure'
    ? markup`${head}<failure ${body}</failure></testcase>\n`
    : markup`${head}<error ${body}</error></testcase>\n`
}

function properties(report: Report): Markup[] {
  const beside = notApplicableText(report)
  const facts: [string, string | number][] = [
    ['verdict', report.verdict],
    ['level', report.level],
    ['seed', report.seed],
    ['digest', report.digest],
    ...(beside === null ? [] : [['not_applicable', beside] as [string, string]]),
    ...Object.entries(report.metrics),
  ]
  return facts.map(([name, value]) => markup`      <property name="${name}" value="${value}"/>\n`)
}
