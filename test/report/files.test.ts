import t from 'tap'
import type { GateConfig } from '../../src/config/types.ts'
import { judge } from '../../src/judge/judge.ts'
import { renderJson } from '../../src/report/json.ts'
import { renderJunit } from '../../src/report/junit.ts'
import { renderTap } from '../../src/report/tap.ts'
import { hostileName } from '../fixtures/hostile.ts'
import { historyOf, interruptedRun, type RunData, ringRun } from '../fixtures/run-folder.ts'
import { elements, parseXml } from '../fixtures/xml.ts'

const reportOf = (data: RunData) => judge(historyOf(data))
const mixedGates: readonly GateConfig[] = [
  { name: 'passes', metric: 'nodes_count', operator: '>=', limit: 1 },
  { name: 'fails', metric: 'nodes_count', operator: '>', limit: 1e6 },
  { name: 'is unknown', metric: 'no_such_metric_s', operator: '<', limit: 1 },
  { name: 'is elsewhere', metric: 'total_s', operator: '<', limit: 1, levels: ['tcg'] },
]

/** The lines of a TAP stream that are test points, outside YAML blocks. */
function points(text: string): string[] {
  return text.split('\n').filter(line => /^(not )?ok /.test(line))
}

t.test('report.json is the report', async t => {
  const report = reportOf(ringRun())
  t.same(JSON.parse(renderJson(report)), report)
  t.ok(renderJson(report).endsWith('}\n'))
})

t.test('TAP has a point for each gate and one for the verdict', async t => {
  const text = renderTap(reportOf(ringRun({ gates: mixedGates })))
  t.match(text, /^TAP version 14\n/)
  t.match(text, /\n1\.\.5\n/)
  t.match(points(text), [
    /^ok 1 - passes$/,
    /^not ok 2 - fails$/,
    /^not ok 3 - is unknown$/,
    /^ok 4 - is elsewhere # SKIP /,
    /^not ok 5 - the verdict is pass$/,
  ])
  t.match(text, / {2}exit_code: 1\n/)
})

t.test('TAP passes exactly when the run does', async t => {
  const passes = (data: RunData) => points(renderTap(reportOf(data))).every(line => line.startsWith('ok'))
  t.ok(passes(ringRun()))
  t.notOk(passes(ringRun({ gates: [] })))
  t.notOk(passes(interruptedRun({ gates: mixedGates.slice(0, 1) })))
  t.match(renderTap(reportOf(interruptedRun())), /code: "INTERRUPTED"/)
})

t.test('a hostile name can not forge a TAP line or directive', async t => {
  const data = ringRun({
    name: hostileName,
    gates: [{ name: hostileName, metric: hostileName, operator: '<', limit: 1 }],
  })
  data.outcome = data.outcome && { ...data.outcome, notes: [hostileName] }
  const text = renderTap(reportOf(data))
  t.equal(points(text).length, 2)
  t.notMatch(points(text)[0], /(^|[^\\])#/)
  t.equal(
    text
      .split('\n')
      .filter(line => !/^(TAP|#|1\.\.|ok|not ok| {2})/.test(line))
      .join(''),
    '',
  )
})

t.test('JUnit XML counts each kind of verdict where its readers look', async t => {
  const root = parseXml(renderJunit(reportOf(ringRun({ gates: mixedGates }))))
  t.match(root, { name: 'testsuites', attributes: { tests: '5', failures: '2', errors: '1' } })
  t.match(elements(root, 'testsuite')[0]?.attributes, { name: 'ring', skipped: '1', timestamp: '2026-03-01T12:00:00' })
  t.same(
    elements(root, 'testcase').map(({ attributes, children }) => [attributes.name, children[0]?.name]),
    [
      ['passes', undefined],
      ['fails', 'failure'],
      ['is unknown', 'error'],
      ['is elsewhere', 'skipped'],
      ['the verdict is pass', 'failure'],
    ],
  )
  t.ok(
    elements(root, 'property').some(({ attributes }) => attributes.name === 'nodes_count' && attributes.value === '12'),
  )
})

t.test('JUnit passes exactly when the run does', async t => {
  const bad = (data: RunData) => {
    const root = parseXml(renderJunit(reportOf(data)))
    return elements(root, 'failure').length + elements(root, 'error').length
  }
  t.equal(bad(ringRun()), 0)
  t.equal(bad(ringRun({ gates: [] })), 1)
  t.equal(bad(interruptedRun({ gates: [] })), 1)
})

t.test('JUnit of a run that has no environment has no time stamp', async t => {
  const data = ringRun()
  const report = reportOf({ ...data, environment: { ...data.environment, started_at: '' } })
  t.notOk(elements(parseXml(renderJunit(report)), 'testsuite')[0]?.attributes.timestamp)
})

t.test('a hostile name stays text in JUnit XML', async t => {
  const data = ringRun({
    name: hostileName,
    gates: [{ name: hostileName, metric: 'total_s', operator: '<', limit: 1e9 }],
  })
  const error = { code: hostileName, message: hostileName, exit_code: 6 }
  data.outcome = data.outcome && { ...data.outcome, error }
  const root = parseXml(renderJunit(reportOf(data)))
  t.equal(elements(root, 'testcase').length, 2)
  t.equal(elements(root, 'script').length, 0)
})
