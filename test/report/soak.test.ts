// Soaks in the report's files.

import t from 'tap'
import type { SoakFacts } from '../../src/judge/soak/read.ts'
import type { RunEvent } from '../../src/protocol/events.ts'
import { compareRuns } from '../../src/report/compare.ts'
import { renderHtml } from '../../src/report/html.ts'
import { renderJunit } from '../../src/report/junit.ts'
import { soakPanels, soakTimeAxis } from '../../src/report/soak-panels.ts'
import { renderTap } from '../../src/report/tap.ts'
import { renderTerminal } from '../../src/report/terminal.ts'
import { soakGates } from '../fixtures/soak-gates.ts'
import { judgeSoak, judgeSoakFolder } from '../fixtures/soak-judge.ts'
import { soakRun } from '../fixtures/soak-run.ts'

t.test('a terminal shows what came and went, recall by kind, gates and the verdict', async t => {
  const { report, history, folder } = judgeSoak(t, soakRun({ defects: { missed: [60], blind: ['socket'] } }))
  const text = renderTerminal(report, history, { color: false, folder })
  t.match(text, /Namespaces +Made +Operations +Recall/)
  t.match(text, /thread +23 +95.652 % +96 +95.833 %/)
  t.match(text, /socket +23 +declared blind +\d+ +declared blind/)
  t.match(text, /✗ {2}recall .*fail/)
  t.match(text, /FAIL {2}churn, 20 namespaces, level host/)
})

t.test('when each gate was last seen red, from the environment of the run', async t => {
  const data = soakRun()
  const seen = { at: '2026-11-20T10:00:00.000Z', version: '0.1.0', commit: null, canary: 'miss-namespace' }
  const { report, history } = judgeSoak(t, {
    ...data,
    environment: { ...data.environment, gates_seen_red: { netns_recall_ratio: seen } },
  })
  const of = (metric: string) => report.gates.find(({ name }) => name === metric || name === 'recall')?.seen_red
  t.same(of('netns_recall_ratio'), seen)
  t.equal(report.gates.filter(gate => gate.seen_red === null).length, report.gates.length - 1)
  t.match(report.notes, [/^seen to fail .* 2026-11-20 with nslab 0.1.0: 1 of \d+ metrics with a gate; never: /])
  const page = renderHtml(report, history)
  t.match(page, 'last seen red on 2026-11-20 (canary miss-namespace, nslab 0.1.0)')
  t.match(page, 'never seen red on this machine')
  const unknown = judgeSoak(t, { ...data, environment: { ...data.environment, gates_seen_red: {} } })
  t.match(unknown.report.notes, [/^no gate was ever seen to fail on this machine/])
  t.notMatch(judgeSoak(t, data).report.notes, [/seen to fail/], 'a run of before says nothing of it')
  const ofTwo = soakRun({ gates: [...soakGates, ...soakGates.map(gate => ({ ...gate, name: `${gate.name} again` }))] })
  const doubled = judgeSoak(t, { ...ofTwo, environment: { ...ofTwo.environment, gates_seen_red: {} } })
  t.match(doubled.report.notes, [/^no gate was ever seen to fail on this machine/], 'two gates on one metric')
})

t.test('recall below one never reads as one', async t => {
  const data = soakRun({ holdS: 400, ratePerS: 100, namespaces: 110, pairs: 0, pollS: 2, defects: { missed: [777] } })
  const { report, history, folder, value } = judgeSoak(t, data)
  t.ok((value('netns_recall_ratio') ?? 1) > 0.9999)
  t.match(renderTerminal(report, history, { color: false, folder }), /✗ {2}recall +0\.9999\d* +=/)
  t.match(renderTerminal(report, history, { color: false, folder }), /named +[\d,]+ +99\.98\d %/)
})

t.test('an observer that says nothing has no recall to show', async t => {
  const data = soakRun()
  const { report, history, folder } = judgeSoak(t, { ...data, observed: data.observed.slice(0, 1) })
  const text = renderTerminal(report, history, { color: false, folder })
  t.match(text, /named +\d+ +– +\d+ +–/)
})

t.test('TAP and JUnit have its gates and metrics', async t => {
  const { report } = judgeSoak(t, soakRun({ defects: { missed: [60] } }))
  t.match(renderTap(report), /not ok 1 - recall/)
  t.match(renderJunit(report), /<property name="netns_recall_ratio" value="0.99/)
})

t.test('the page opens with the first breach and its evidence; other breaches stand below it', async t => {
  const { report, history } = judgeSoak(t, soakRun({ defects: { missed: [60], restart: 'told' } }))
  const page = renderHtml(report, history)
  t.match(page, /First broken: <span class="fail">recall<\/span> at 13\.002 s/)
  t.match(page, /class="cause">namespace 60 /)
  t.match(page, /<summary>one observer, at 20\.200 s<\/summary>/)
  t.ok(page.indexOf('First broken') < page.indexOf('id="gates"'))
  t.notMatch(renderHtml(...pairOf(judgeSoak(t, soakRun()))), /First broken/)
})

const pairOf = ({ report, history }: ReturnType<typeof judgeSoakFolder>) => [report, history] as const

t.test('names from elsewhere are text in the page', async t => {
  const { report, history } = judgeSoak(
    t,
    soakRun({
      defects: { logLine: '<script>alert(1)</script>' },
      gates: [{ name: '<b>log</b>', metric: 'log_matches_count', operator: '==', limit: 0 }],
    }),
  )
  const page = renderHtml(report, history)
  t.notMatch(page, /<script|<b>log/)
  t.match(page, /&lt;script&gt;alert/)
})

t.test('all panels share one axis, with faults as bands', async t => {
  const data = soakRun({ defects: { missed: [60] } })
  const told = [
    { t_s: 18, from: 'run', kind: 'fault_started', fault: 0, op: 'pause_observer', hosts: [] },
    { t_s: 21, from: 'run', kind: 'fault_ended', fault: 0, op: 'pause_observer', hosts: [] },
    { t_s: 25, from: 'run', kind: 'fault_started', fault: 1, op: 'kill_observer', hosts: [] },
  ] as unknown as RunEvent[]
  const scraped = [3, 4, 5].map(t_s => ({ is: 'scraped' as const, t_s, values: { queue_length: t_s } }))
  const judged = judgeSoak(t, {
    ...data,
    events: [...data.events, ...told],
    observed: [...data.observed, ...scraped],
  })
  const { history } = judged
  const facts = history.soak as SoakFacts
  const axis = soakTimeAxis(history, facts, [])
  t.same(axis.bands, [
    { from: 18, to: 21, label: 'fault: pause_observer' },
    { from: 25, to: axis.toS, label: 'fault: kill_observer' },
  ])
  const panels = soakPanels(history, facts)
  const page = renderHtml(...pairOf(judged))
  t.match(page, /<details><summary>1 metrics that the observer told of itself<\/summary>\n<h3>queue_length/)
  t.same(
    panels.map(({ id }) => id),
    ['rate', 'late', 'live', 'latency', 'poll', 'memory', 'handles', 'scraped0'],
  )
  for (const { series } of panels)
    for (const { points } of series) t.ok(points.every(([time]) => time >= axis.fromS && time <= axis.toS + 1))
})

t.test('twelve hours fit a page, and their extremes are still there', async t => {
  const data = soakRun({ holdS: 43_200, ratePerS: 0.5, namespaces: 5, pairs: 0, pollS: 10, sampleS: 2 })
  const spike = data.samples[12_345]
  if (spike)
    data.samples[12_345] = {
      ...spike,
      processes: spike.processes.map(process => ({ ...process, rss_bytes: 500e6 })),
    }
  const { history, report } = judgeSoak(t, data)
  const panels = soakPanels(history, history.soak as SoakFacts)
  for (const { id, series } of panels) for (const { points } of series) t.ok(points.length <= 2000, id)
  const memory = panels.find(({ id }) => id === 'memory')
  t.ok(memory?.series[0]?.points.some(([, bytes]) => bytes === 500e6))
  const page = renderHtml(report, history)
  t.ok(page.length < 2.5e6, `${page.length} bytes`)
  t.match(page, /hours from the start of the run/)
})

t.test('two soaks are compared, and what makes them different runs is named', async t => {
  const one = judgeSoak(t, soakRun())
  const other = judgeSoak(t, soakRun({ ratePerS: 20, seed: 2 }))
  const { setup, metrics } = compareRuns([one], [other])
  t.match(setup, [
    { what: 'seed', a: '1', b: '2' },
    { what: 'operations a second', a: '10', b: '20' },
  ])
  t.match(
    metrics.find(({ name }) => name === 'churn_ops_count'),
    { a: { median: 300 }, b: { median: 600 } },
  )
})

t.test('a saved soak gives the same report again', async t => {
  const first = judgeSoak(t, soakRun({ defects: { missed: [30] } }))
  t.equal(judgeSoakFolder(first.folder).report.digest, first.report.digest)
})
