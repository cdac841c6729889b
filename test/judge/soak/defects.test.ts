// Each defect, put into the data of a soak that went well, turns its metric, and no other but those that follow from
// it.

import t from 'tap'
import type { GateConfig } from '../../../src/config/types.ts'
import type { Defects } from '../../fixtures/soak-defects.ts'
import type { JudgedSoak } from '../../fixtures/soak-judge.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { type SoakOptions, soakRun } from '../../fixtures/soak-run.ts'

const gated = [
  'churn_ops_count',
  'churn_failed_count',
  'churn_late_max_s',
  'kernel_namespaces_left_count',
  'netns_recall_ratio',
  'netns_recall_thread_ratio',
  'netns_precision_ratio',
  'netns_forgotten_early_count',
  'netns_forgotten_never_count',
  'netns_blind_count',
  'socket_recall_ratio',
  'socket_sightings_ratio',
  'socket_precision_ratio',
  'sockets_misattributed_count',
  'discovery_max_s',
  'forgetting_max_s',
  'letting_go_max_s',
  'rows_lost_count',
  'rows_doubled_count',
  'rows_dropped_count',
  'poll_silence_max_s',
  'dumps_incomplete_count',
  'unopened_namespaces_max_count',
  'unresolved_sockets_max_count',
  'observer_descriptors_max_count',
  'observer_starts_count',
  'observer_exits_count',
  'oom_kills_count',
  'log_matches_count',
  'steal_ratio',
  'pressure_cpu_max_ratio',
  'vm_waited_ratio',
] as const

/** Times differ by a little whenever anything does. */
const same = (one: number | null, other: number | null): boolean =>
  one === other || (one !== null && other !== null && Math.abs(one - other) < 0.02)

const changed = (good: JudgedSoak, bad: JudgedSoak): string[] =>
  gated.filter(name => {
    const [one, other] = [good.value(name), bad.value(name)]
    return name.endsWith('_s') ? !same(one, other) : one !== other
  })

const cases: Readonly<Record<string, [defects: Defects, metrics: Readonly<Record<string, number | null>>]>> = {
  'a missed namespace': [{ missed: [30] }, { netns_recall_ratio: 163 / 164, socket_recall_ratio: 664 / 668 }],
  'a missed thread': [
    { missed: [39] },
    { netns_recall_ratio: 163 / 164, netns_recall_thread_ratio: 22 / 23, socket_recall_ratio: 664 / 668 },
  ],
  'an invented namespace': [{ invented: ['77'] }, { netns_precision_ratio: 171 / 172 }],
  'namespaces called gone while they lived': [{ forgottenEarly: [25, 30] }, { netns_forgotten_early_count: 2 }],
  'a namespace invented for the time before churning': [
    { invented: ['77'], clockBehindS: 18 },
    { netns_precision_ratio: 171 / 172 },
  ],
  'a namespace invented before churn made any': [{ inventedEarly: ['77'] }, { netns_precision_ratio: 171 / 172 }],
  'one whose sockets are told, and that nobody found': [{ unfound: ['78'] }, { netns_precision_ratio: 171 / 172 }],
  'namespaces found before they were made': [{ clockBehindS: 2, foundLateS: 0.4 }, { discovery_max_s: 0.46 }],
  'a declared blind spot': [{ blind: ['thread'] }, { netns_recall_thread_ratio: null, netns_blind_count: 23 }],
  'a late discovery': [{ foundLateS: 0.4 }, { discovery_max_s: 0.46 }],
  'a late forgetting': [{ forgotLateS: 0.8 }, { forgetting_max_s: 0.83, letting_go_max_s: 0.87 }],
  'a namespace never forgotten': [
    { kept: [25] },
    { netns_forgotten_never_count: 1, forgetting_max_s: 30.07, letting_go_max_s: 30.1 },
  ],
  'unseen sockets': [{ unseenSockets: [25] }, { socket_recall_ratio: 664 / 668, socket_sightings_ratio: 3780 / 3800 }],
  'misattributed sockets': [
    { misattributed: [30] },
    {
      socket_recall_ratio: 664 / 668,
      socket_sightings_ratio: 3780 / 3800,
      socket_precision_ratio: 676 / 680,
      sockets_misattributed_count: 3,
    },
  ],
  'a socket told with the port of another': [
    { otherPorts: [25] },
    { socket_recall_ratio: 667 / 668, socket_sightings_ratio: 3795 / 3800, socket_precision_ratio: 679 / 680 },
  ],
  'a socket that is told long after its end': [{ stale: [25] }, { socket_precision_ratio: 679 / 680 }],
  'sockets that one poll tells, and no other': [{ thin: [25] }, { socket_sightings_ratio: 3784 / 3800 }],
  'lost rows': [{ lost: 2 }, { rows_lost_count: 152 }],
  'a page that says what the polls say': [{ untold: 0 }, {}],
  'polls that are missing whole': [{ untold: 40 }, { rows_lost_count: 40 }],
  'lost rows beside polls that are missing': [{ lost: 2, untold: 40 }, { rows_lost_count: 192 }],
  'namespaces that can not be entered': [{ unopened: 3 }, { unopened_namespaces_max_count: 3 }],
  'sockets that can not be asked': [{ unresolved: 4 }, { unresolved_sockets_max_count: 4 }],
  'descriptors that nobody may count': [{ hidesDescriptors: true }, { observer_descriptors_max_count: null }],
  'doubled rows': [{ doubled: 1 }, { rows_doubled_count: 76 }],
  'dropped rows': [{ dropped: 3 }, { rows_dropped_count: 228 }],
  'incomplete dumps': [{ incomplete: 1 }, { dumps_incomplete_count: 76 }],
  'a stalled poll': [{ stallS: 4 }, { poll_silence_max_s: 4.5 }],
  'a restart that was told': [{ restart: 'told' }, { observer_starts_count: 2, observer_exits_count: 1 }],
  'a silent restart': [{ restart: 'silent' }, { observer_starts_count: 2, observer_exits_count: 1 }],
  'a kill for want of memory': [
    { oom: true },
    { observer_starts_count: 2, observer_exits_count: 1, oom_kills_count: 1 },
  ],
  'a forbidden line in the log': [{ logLine: 'panic: lost' }, { log_matches_count: 1 }],
  'idle churn': [{ doneRatio: 0.5 }, { churn_ops_count: 150 }],
  'late operations': [{ lateS: 0.7 }, { churn_ops_count: 296, churn_late_max_s: 0.7 }],
  'operations that failed': [{ failed: 2 }, { churn_failed_count: 2 }],
  'a namespace that the kernel keeps': [{ stuck: [25] }, { kernel_namespaces_left_count: 1 }],
  'stolen time': [{ stealRatio: 0.2 }, { steal_ratio: 0.2 }],
  pressure: [{ pressureRatio: 0.99 }, { pressure_cpu_max_ratio: 0.99 }],
  'a VM that had to wait': [{ vmWaitedRatio: 0.4 }, { vm_waited_ratio: 0.4 }],
}

t.test('each defect turns its metric', async t => {
  const options: SoakOptions = {}
  const good = judgeSoak(t, soakRun(options))
  t.same(good.history.damage, [])
  t.equal(good.report.verdict, 'pass')
  for (const [name, [defects, expected]] of Object.entries(cases)) {
    const bad = judgeSoak(t, soakRun({ ...options, defects }))
    t.same(
      changed(good, bad),
      gated.filter(metric => metric in expected),
      name,
    )
    for (const [metric, value] of Object.entries(expected))
      t.ok(same(bad.value(metric), value), `${name}: ${metric} is ${bad.value(metric)}, not ${value}`)
  }
})

t.test('what is seen is unknown where it was told in another form, and the rest is judged', async t => {
  const gates: GateConfig[] = [
    { name: 'recall', metric: 'netns_recall_ratio', operator: '==', limit: 1 },
    { name: 'exits', metric: 'observer_exits_count', operator: '==', limit: 0 },
    { name: 'failed', metric: 'churn_failed_count', operator: '==', limit: 0 },
  ]
  const malformed = { line: 7, text: '{"is":"netns"}', problem: 'no cookie', count: 3 }
  const defects: Defects = { malformed, missed: [30] }
  const { report, value, why } = judgeSoak(t, soakRun({ defects, gates }))
  t.equal(value('lines_malformed_count'), 3)
  t.equal(report.verdict, 'unknown')
  t.match(
    report.gates.map(({ verdict }) => verdict),
    ['unknown', 'pass', 'pass'],
    'a miss is none for certain',
  )
  const first = /^.*none of its format: 3, the first at 20\.\d+ s line 7: no cookie$/
  t.match(why('netns_recall_ratio'), first)
  t.match(why('polls_count'), first)
})

t.test('evidence names what was missed, and when', async t => {
  const { why } = judgeSoak(t, soakRun({ defects: { missed: [30], misattributed: [40], invented: ['77'] } }))
  t.match(why('netns_recall_ratio'), /163 of 164 .*at 7\.\d+ s namespace 30 \(mounted, name churn30, cookie 40090\)/)
  t.match(why('sockets_misattributed_count'), /of namespace 40 .* was seen under 40117/)
  t.match(why('netns_precision_ratio'), /namespace 77 .*churn never made it/)
})

t.test('a namespace that nobody was asked to see is told, not forgotten', async t => {
  const { value, why } = judgeSoak(t, soakRun({ defects: { blind: ['thread'] } }))
  t.equal(value('netns_recall_ratio'), 1)
  t.match(why('netns_recall_thread_ratio'), /declared blind spot: 23 namespaces/)
  t.match(why('netns_blind_count'), /of thread/)
})

const verdictsOf = ({ report }: JudgedSoak): Record<string, string> =>
  Object.fromEntries(report.gates.map(({ name, verdict }) => [name, verdict]))

t.test('too little work done is no pass, and what failed stays failed', async t => {
  const idle = judgeSoak(t, soakRun({ defects: { doneRatio: 0.5, missed: [30] } }))
  t.same(verdictsOf(idle), {
    recall: 'fail',
    misattributed: 'unknown',
    discovery: 'unknown',
    'rows lost': 'unknown',
    'one observer': 'unknown',
    churned: 'pass',
  })
  t.match(idle.report.gates[1]?.evidence, /too little was done: 150 of 300 operations/)
})

t.test('what stood still for half of the churning has seen too little of it', async t => {
  const still = judgeSoak(t, soakRun({ holdS: 60, defects: { stallS: 40 } }))
  t.match(verdictsOf(still), { misattributed: 'unknown', 'rows lost': 'unknown', churned: 'pass' })
  t.match(still.report.gates[1]?.evidence, /too little was seen: no poll ended for 30\.\d s of 60\.\d s, from \d/)
  const brief = judgeSoak(t, soakRun({ holdS: 60, defects: { stallS: 20 } }))
  t.match(verdictsOf(brief), { misattributed: 'pass', 'rows lost': 'pass' }, 'a third is for a gate to judge')
  const seldom = judgeSoak(t, soakRun({ holdS: 60, pollS: 25 }))
  t.notMatch(JSON.stringify(seldom.report.gates), 'too little was seen')
})

t.test('a noisy machine makes times unknown, and counts stand', async t => {
  for (const defects of [{ stealRatio: 0.2, foundLateS: 1 }, { pressureRatio: 0.99 }, { vmWaitedRatio: 0.7 }]) {
    const noisy = judgeSoak(t, soakRun({ defects }))
    t.match(verdictsOf(noisy), { recall: 'pass', discovery: 'unknown', 'one observer': 'pass' })
    t.match(noisy.report.gates[2]?.evidence, /the machine (beneath the VM )?was too noisy/)
    t.equal(noisy.report.verdict, 'unknown')
  }
  t.equal(judgeSoak(t, soakRun({ defects: { vmWaitedRatio: 0.4 } })).report.verdict, 'pass')
})

t.test(
  'on a noisy machine sockets of what was found too late are unknown, and other ones that are missing are',
  async t => {
    const gates = [{ name: 'sockets', metric: 'socket_recall_ratio', operator: '==', limit: 1 }] as const
    /** Of sockets that were never seen, of two namespaces; `late` are those that were found after three seconds. */
    const verdictOf = (late: readonly string[], defects: Defects = {}): string | undefined => {
      const data = soakRun({ gates, defects: { unseenSockets: [30, 40], ...defects } })
      const observed = data.observed.map(line =>
        line.is === 'found' && late.includes(line.netns) ? { ...line, t_s: line.t_s + 3.2 } : line,
      )
      return verdictsOf(judgeSoak(t, { ...data, observed })).sockets
    }
    t.equal(verdictOf(['40090', '40120']), 'fail')
    t.equal(verdictOf(['40090', '40120'], { stealRatio: 0.2 }), 'unknown')
    t.equal(verdictOf(['40090'], { stealRatio: 0.2 }), 'fail')
    t.equal(verdictOf([], { stealRatio: 0.2 }), 'fail')
  },
)

t.test('what went when the process that knew it had ended is nobody to forget', async t => {
  const data = soakRun({ defects: { kept: [25] } })
  const found = data.observed.find(line => line.is === 'found' && line.netns === '40075')
  const endedS = (found as { t_s: number }).t_s + 0.5
  const observed = data.observed.map(line =>
    line.is === 'forgot' && line.netns === '40075' ? { ...line, t_s: endedS } : line,
  )
  t.equal(judgeSoak(t, data).value('netns_forgotten_never_count'), 1)
  t.equal(judgeSoak(t, { ...data, observed }).value('netns_forgotten_never_count'), 0)
})

t.test('where the page of the observer was never read, no loss is proven', async t => {
  const data = soakRun({ defects: { untold: 0 } })
  const observed = data.observed.map(line =>
    line.is === 'scraped' ? { ...line, values: {}, problem: 'no answer in 2 s' } : line,
  )
  t.equal(verdictsOf(judgeSoak(t, data))['rows lost'], 'pass')
  const unread = judgeSoak(t, { ...data, observed })
  t.equal(verdictsOf(unread)['rows lost'], 'unknown')
  t.match(unread.report.gates[3]?.evidence, /page was never read: no answer in 2 s/)
})

t.test('a machine that stood still makes times unknown, whatever they were', async t => {
  const data = soakRun({ holdS: 60, defects: { foundLateS: 1, missed: [30] } })
  const isThen = ({ t_s }: { readonly t_s: number }): boolean => t_s > 20 && t_s < 40
  const still = judgeSoak(t, { ...data, samples: data.samples.filter(sample => !isThen(sample)) })
  t.match(verdictsOf(judgeSoak(t, data)), { recall: 'fail', discovery: 'fail' })
  t.match(verdictsOf(still), { recall: 'fail', discovery: 'unknown' })
  t.match(still.report.gates[2]?.evidence, /stood still: no sample was taken for (19|2\d)\.\d s from (19|20)/)
})

t.test('samples that end before the churning tell neither the most that there was, nor times', async t => {
  const data = soakRun({ holdS: 60 })
  const early = judgeSoak(t, { ...data, samples: data.samples.filter(({ t_s }) => t_s < 40) })
  t.match(verdictsOf(early), { recall: 'pass', discovery: 'unknown' })
  t.match(early.report.gates[2]?.evidence, /no sample was taken for 2\d\.\d s from 39/)
  for (const quantity of ['threads_max_count', 'descriptors_max_count', 'rss_max_bytes'])
    t.match(early.metrics[`observer_${quantity}`], {
      known: true,
      doubt: { of: 'pass', why: /no sample was taken for 2\d\.\d s from 39/ },
    })
  const whole = judgeSoak(t, data).metrics.observer_threads_max_count
  t.ok(whole?.known && whole.doubt === undefined)
})

t.test('who asks for a sample each half minute is not told that the machine stood still', async t => {
  const data = soakRun({ holdS: 300, sampleS: 30 })
  t.match(verdictsOf(judgeSoak(t, data)), { discovery: 'unknown' })
  const { scenario } = data.plan
  const plan = { ...data.plan, scenario: { ...scenario, run: { ...scenario.run, sampleIntervalS: 30 } } }
  t.match(verdictsOf(judgeSoak(t, { ...data, plan })), { discovery: 'pass' })
})

t.test('churning that began long after its phase is too little, however much was done of it', async t => {
  const data = soakRun({ holdS: 60 })
  const { scenario } = data.plan
  const plan = { ...data.plan, scenario: { ...scenario, run: { ...scenario.run, holdS: 120 } } }
  const { report } = judgeSoak(t, { ...data, plan })
  t.equal(report.verdict, 'unknown')
  t.match(report.gates[0]?.evidence, /too little was done: it churned for 60\.\d s of 120 s/)
})
