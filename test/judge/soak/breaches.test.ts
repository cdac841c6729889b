// When a gate was first broken, by what, and what else happened.

import t, { type Test } from 'tap'
import type { GateConfig } from '../../../src/config/types.ts'
import { type Breach, breachesOf } from '../../../src/judge/soak/breaches.ts'
import { soakMetricNames } from '../../../src/judge/soak/metrics.ts'
import type { SoakFacts } from '../../../src/judge/soak/read.ts'
import type { Plan } from '../../../src/plan.ts'
import type { RunEvent } from '../../../src/protocol/events.ts'
import type { Defects } from '../../fixtures/soak-defects.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { type SoakData, soakRun } from '../../fixtures/soak-run.ts'

function breachesIn(test: Test, data: SoakData): Breach[] {
  const { history, report } = judgeSoak(test, data)
  return breachesOf((history.plan as Plan).scenario.gates, report.gates, history, history.soak as SoakFacts)
}

const gateOf = (metric: string, limit = 0): GateConfig => ({ name: metric, metric, operator: '<=', limit })

const malformed = { line: 7, text: '{"is":"netns"}', problem: 'no cookie', count: 3 }

/** Gate, the defect that breaks it, when, and its first cause. */
const cases: readonly [gate: GateConfig, defects: Defects, atS: number, cause: RegExp][] = [
  [{ ...gateOf('netns_recall_ratio', 1), operator: '>=' }, { missed: [60, 30] }, 7, /namespace 30 .*never found/],
  [{ ...gateOf('netns_recall_named_ratio', 1), operator: '>=' }, { missed: [35] }, 8, /namespace 35 \(named/],
  [{ ...gateOf('netns_precision_ratio', 1), operator: '>=' }, { invented: ['77'] }, 20, /namespace 77/],
  [{ ...gateOf('socket_recall_ratio', 1), operator: '>=' }, { unseenSockets: [50] }, 12, /of namespace 50/],
  [{ ...gateOf('socket_precision_ratio', 1), operator: '>=' }, { misattributed: [40] }, 9, /under namespace 39/],
  [gateOf('sockets_misattributed_count'), { misattributed: [40] }, 9, /of namespace 40/],
  [gateOf('discovery_p99_s', 0.25), { foundLateS: 0.4 }, 5, /was found after 0.4/],
  [gateOf('forgetting_max_s', 0.25), { forgotLateS: 0.4 }, 5, /was forgotten after 0.4/],
  [gateOf('netns_forgotten_never_count'), { kept: [25] }, 9, /namespace 25 .*never forgotten/],
  [gateOf('rows_lost_count'), { lost: 1 }, 1, /poll 1: 1 of/],
  [gateOf('rows_doubled_count'), { doubled: 1 }, 1, /poll 1: 1 rows/],
  [gateOf('rows_dropped_count'), { dropped: 1 }, 1, /poll 1: 1 of/],
  [gateOf('dumps_incomplete_count'), { incomplete: 1 }, 1, /poll 1: 1 dumps/],
  [gateOf('poll_silence_max_s', 1), { stallS: 4 }, 19, /ended for 4\.\d+ s/],
  [gateOf('poll_max_s', 0.001), {}, 1, /poll \d+ took 0.01/],
  [gateOf('observer_starts_count', 1), { restart: 'told' }, 20, /started: process 101/],
  [gateOf('observer_starts_count', 1), { restart: 'silent' }, 20, /process 101 .* in a sample/],
  [gateOf('observer_exits_count'), { restart: 'told' }, 20, /process 100, ended: exit 1/],
  [gateOf('oom_kills_count'), { oom: true }, 20, /want of memory/],
  [gateOf('log_matches_count'), { logLine: 'panic: lost' }, 20, /"panic: lost"/],
  [gateOf('lines_malformed_count'), { malformed }, 20, /^line 7 .*: no cookie: \{"is":"netns"\}$/],
  [gateOf('churn_failed_count'), { failed: 1 }, 6, /EBUSY/],
  [gateOf('churn_late_max_s', 0.1), { lateS: 0.5 }, 5, /began 0.50. s late/],
]

t.test('each gate has its moment and its causes', async t => {
  for (const [gate, defects, atS, cause] of cases) {
    const [breach, ...others] = breachesIn(t, soakRun({ defects, gates: [gate] }))
    const name = `${gate.metric}, ${JSON.stringify(defects)}`
    t.equal(others.length, 0, name)
    t.equal(Math.floor(breach?.t_s ?? Number.NaN), atS, name)
    t.match(breach?.evidence.find(({ isCause }) => isCause)?.words, cause, name)
    const times = breach?.evidence.map(({ t_s }) => t_s) ?? []
    t.same(
      times,
      [...times].sort((one, other) => one - other),
      name,
    )
  }
})

t.test('what is sampled is broken at the first sample beyond the limit', async t => {
  for (const gate of [
    gateOf('observer_rss_max_bytes', 90.5e6),
    gateOf('observer_threads_max_count', 14),
    gateOf('observer_descriptors_max_count', 59),
    gateOf('pressure_cpu_max_ratio', 0.05),
  ]) {
    const [breach] = breachesIn(t, soakRun({ gates: [gate] }))
    t.ok(breach?.t_s !== null && (breach?.t_s ?? 99) < 20, gate.metric)
  }
})

t.test('the earliest breach stands first, one without a moment last', async t => {
  const gates: GateConfig[] = [
    gateOf('teardown_s', 0.1),
    gateOf('sockets_misattributed_count'),
    { ...gateOf('netns_recall_ratio', 1), operator: '==' },
  ]
  const breaches = breachesIn(t, soakRun({ gates, defects: { missed: [30], misattributed: [40] } }))
  t.same(
    breaches.map(({ gate }) => gate.name),
    ['netns_recall_ratio', 'sockets_misattributed_count', 'teardown_s'],
  )
  t.same(breaches.at(-1)?.evidence, [])
})

t.test('what happened meanwhile stands between the causes', async t => {
  const data = soakRun({ gates: [gateOf('observer_starts_count', 1)], defects: { restart: 'told' } })
  const told: object[] = [
    { t_s: 18, from: 'run', kind: 'fault_started', fault: 0, op: 'kill_observer', hosts: [] },
    { t_s: 19, from: 'run', kind: 'warning', message: 'it is cold' },
    { t_s: 19.1, from: 'run', kind: 'error', message: 'it is dark' },
    { t_s: 19.5, from: 'vm1', kind: 'kernel_message', host: 'vm1', level: 'warning', message: 'hot' },
    { t_s: 19.6, from: 'soak', kind: 'database_lost' },
    { t_s: 19.7, from: 'soak', kind: 'database_back' },
    { t_s: 21, from: 'run', kind: 'fault_ended', fault: 0, op: 'kill_observer', hosts: [] },
  ]
  const [breach] = breachesIn(t, { ...data, events: [...data.events, ...(told as RunEvent[])] })
  const words = breach?.evidence.map(finding => finding.words) ?? []
  t.same(words.slice(-11, -3), [
    'fault kill_observer began',
    'warning: it is cold',
    'error: it is dark',
    'the kernel of vm1: hot',
    'the database went away',
    'the database was back',
    'the observer, process 100, ended: exit 1',
    'the observer was started: process 101',
  ])
})

t.test('a gate that passes, or is unknown, is no breach', async t => {
  t.same(breachesIn(t, soakRun()), [])
  t.same(breachesIn(t, soakRun({ gates: [gateOf('observer_rss_slope_upper_bytes_per_h')] })), [])
})

t.test('whatever the metric is of, a gate on it that nothing can meet is told, with its causes in order', async t => {
  const never = 1e18
  const gates = soakMetricNames.map(name => ({ ...gateOf(name, never), operator: '>=' as const }))
  const found = breachesIn(t, soakRun({ gates, defects: { restart: 'told', untold: 2, lost: 1 } }))
  t.ok(found.length > 50, `${found.length} gates failed`)
  const moments = found.map(({ t_s }) => t_s ?? Number.POSITIVE_INFINITY)
  t.same(
    moments,
    [...moments].sort((one, other) => (one === other ? 0 : one - other)),
  )
  for (const metric of ['removal_kernel_p99_s', 'letting_go_max_s', 'poll_p99_s', 'kernel_namespaces_left_count'])
    t.type(found.find(({ gate }) => gate.name === metric)?.t_s, 'number', metric)
})
