// A soak under a program that tells nothing of what it finds: what does not apply to it, and what must be judged
// nonetheless before anything is proven.

import t, { type Test } from 'tap'
import type { GateConfig } from '../../../src/config/types.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'
import { renderHtml } from '../../../src/report/html.ts'
import { renderJunit } from '../../../src/report/junit.ts'
import { renderTap } from '../../../src/report/tap.ts'
import { renderTerminal } from '../../../src/report/terminal.ts'
import type { Defects } from '../../fixtures/soak-defects.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { type SoakData, soakRun } from '../../fixtures/soak-run.ts'

const gate = (metric: string, operator: GateConfig['operator'] = '==', limit = 0): GateConfig => ({
  name: metric,
  metric,
  operator,
  limit,
})

/** One of each sort, as the stock scenario has them. */
const sightings = [
  gate('netns_recall_ratio', '==', 1),
  gate('netns_blind_count'),
  gate('sockets_misattributed_count'),
  gate('discovery_p99_s', '<=', 0.25),
  gate('forgetting_p99_s', '<=', 2),
  gate('rows_lost_count'),
  gate('dumps_incomplete_count'),
  gate('poll_p99_s', '<=', 1),
  gate('poll_silence_max_s', '<=', 4),
  gate('unreadable_processes_max_count'),
]
const exits = gate('observer_exits_count')
const churned = gate('churn_failed_count')
const threads = gate('observer_threads_max_count', '<=', 64)

const OF_LIFE: readonly ObservedLine['is'][] = ['observer_started', 'observer_exited', 'log_match', 'scraped']

interface Silent {
  readonly gates: readonly GateConfig[]
  readonly defects?: Defects
  readonly output?: 'none' | 'nslab.collect/1'
  readonly pages?: readonly ObservedLine[]
  readonly sources?: readonly string[]
}

function silent({ gates, defects = {}, output = 'none', pages = [], sources = [] }: Silent): SoakData {
  const data = soakRun({ gates, defects })
  const soak = data.plan.scenario.soak as NonNullable<typeof data.plan.scenario.soak>
  const observer = { ...soak.observer, command: ['theirs'], output, metrics: sources }
  return {
    ...data,
    plan: { ...data.plan, scenario: { ...data.plan.scenario, soak: { ...soak, observer } } },
    observed: [...data.observed.filter(line => OF_LIFE.includes(line.is)), ...pages].sort(
      (one, other) => timeOf(one) - timeOf(other),
    ),
  } as SoakData
}

const timeOf = (line: ObservedLine): number => ('got_s' in line ? line.got_s : line.t_s)

const judged = (t: Test, data: Silent) => judgeSoak(t, silent(data)).report

const WHY = 'the program tells no sockets ([sut] has no output)'

t.test('gates of what is seen do not apply, and all that is written says how many and why', async t => {
  const gates = [...sightings, exits, threads, churned]
  const { report, history, folder } = judgeSoak(t, silent({ gates }))
  t.match(report, { verdict: 'pass', exit_code: 0, not_applicable: [{ why: WHY, gates_count: sightings.length }] })
  for (const { name } of sightings)
    t.match(
      report.gates.find(each => each.name === name),
      { verdict: 'not_applicable', observed: null, evidence: WHY },
      name,
    )
  for (const { name } of [exits, threads, churned])
    t.equal(report.gates.find(each => each.name === name)?.verdict, 'pass', name)
  t.notMatch(report.notes.join(), /nothing is proven/)
  const words = `${sightings.length} of ${gates.length} gates not applicable: ${WHY}`
  t.ok(renderTerminal(report, history, { color: false, folder }).includes(`(exit 0)\n  ${words}\n`))
  const tap = renderTap(report)
  t.ok(tap.includes(`\n# ${words}\n`))
  t.ok(tap.includes(`ok 1 - netns_recall_ratio # SKIP ${WHY}\n`))
  const junit = renderJunit(report)
  t.ok(junit.includes(`<property name="not_applicable" value="${words}"/>`))
  t.ok(junit.includes(`skipped="${sightings.length}"`))
  t.ok(junit.includes(`<skipped message="${WHY}`))
  t.ok(renderHtml(report, history).includes(words))
})

t.test('without a gate on its life, or on the churn, all that passes proves nothing', async t => {
  const cases: readonly [string, readonly GateConfig[], RegExp][] = [
    ['nothing else', [], /about that the program lived .*, or about the churn itself/],
    ['no life', [churned], /about that the program lived \(observer_exits_count/],
    ['no churn', [exits], /about the churn itself/],
    // They pass, too, for a program that ended at once.
    ['little', [churned, threads, gate('oom_kills_count'), gate('log_matches_count')], /that the program lived/],
  ]
  for (const [name, gates, why] of cases) {
    const report = judged(t, { gates: [...sightings, ...gates] })
    t.match(report, { verdict: 'unknown', exit_code: 5 }, name)
    if (gates.length > 0) t.ok(report.gates.slice(sightings.length).every(({ verdict }) => verdict === 'pass'))
    t.match(report.notes[0], why, name)
  }
  t.match(judged(t, { gates: [churned, threads] }), { verdict: 'pass' }, 'where no gate is left out it is as ever')
})

t.test('a gate that allows ends is no proof of life of a program that ended and never came back', async t => {
  const gates = [...sightings, gate('observer_exits_count', '<=', 1), churned]
  const data = silent({ gates })
  const early = (line: ObservedLine): ObservedLine =>
    line.is === 'observer_exited' ? { ...line, t_s: 12, status: 'exit 0', wanted: false } : line
  const { report } = judgeSoak(t, { ...data, observed: data.observed.map(early) })
  t.ok(report.gates.slice(sightings.length).every(({ verdict }) => verdict === 'pass'))
  t.match(report, { verdict: 'unknown', exit_code: 5 })
  t.match(report.notes[0], /that the program lived/)
  t.match(judged(t, { gates, defects: { restart: 'told' } }), { verdict: 'pass' }, 'one that did come back')
})

t.test('what breaks is told as ever', async t => {
  const gates = [...sightings, exits, churned]
  t.match(judged(t, { gates, defects: { restart: 'told' } }), { verdict: 'fail', exit_code: 1 }, 'it ended unasked')
  t.match(judged(t, { gates, defects: { failed: 1 } }), { verdict: 'fail', exit_code: 1 }, 'churn was refused')
  t.match(judged(t, { gates, defects: { doneRatio: 0.5 } }), { verdict: 'unknown' }, 'too little was churned')
})

t.test('a program that claims to tell them and is silent is unknown, and so are damaged files', async t => {
  const gates = [...sightings, exits, churned]
  const report = judged(t, { gates, output: 'nslab.collect/1' })
  t.equal(report.verdict, 'unknown')
  t.notOk(report.not_applicable)
  t.match(report.gates[0], { verdict: 'unknown', evidence: /the observer said nothing/ })
  const data = silent({ gates })
  const damaged = judgeSoak(t, {
    ...data,
    observed: [...data.observed, { is: 'observer_exited', t_s: 'late' } as unknown as ObservedLine],
  })
  t.equal(damaged.report.verdict, 'unknown')
  t.match(damaged.report.gates[0], { verdict: 'unknown', evidence: /damaged/ })
})

t.test('a page of its own that was there throughout is its life', async t => {
  const metrics = gate('sut_jobs_last_count', '>=', 1)
  const gates = [...sightings, metrics, churned]
  const page = (t_s: number): ObservedLine => ({ is: 'scraped', t_s, values: { jobs_total: t_s + 1 } })
  const pages = Array.from({ length: 38 }, (_, second) => page(second + 1))
  const of = { gates, sources: ['jobs_total'] }
  t.match(judged(t, { ...of, pages }), { verdict: 'pass' })
  const gap: ObservedLine = { is: 'scraped', t_s: 12.5, values: {}, problem: 'it answered 503' }
  t.match(judged(t, { ...of, pages: [...pages, gap] }), { verdict: 'unknown' })
})
