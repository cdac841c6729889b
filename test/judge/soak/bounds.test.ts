// What keeps memory bounded, whatever the files hold, and what is left of a soak that hardly was one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Join, type Life } from '../../../src/judge/soak/join.ts'
import { rawLines } from '../../../src/judge/soak/lines.ts'
import { computeSoakMetrics } from '../../../src/judge/soak/metrics.ts'
import { soakPlanOf } from '../../../src/judge/soak/plan.ts'
import type { SoakFacts } from '../../../src/judge/soak/read.ts'
import { Suspects } from '../../../src/judge/soak/suspects.ts'
import type { ChurnLine, Operation } from '../../../src/protocol/churn.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { type SoakData, soakRun } from '../../fixtures/soak-run.ts'

t.test('of namespaces that are never forgotten only so many are waited for', async t => {
  const settled: Life[] = []
  const elsewhere: string[] = []
  const settle = (life: Life): void => {
    settled.push(life)
  }
  const lives = new Join({ settle, seenElsewhere: netns => elsewhere.push(netns) }, 10)
  const data = soakRun({ holdS: 400, defects: { kept: Array.from({ length: 3000 }, (_, id) => id) } })
  const timeOf = (line: ChurnLine): number => ('t_s' in line ? line.t_s : line.asked_s)
  for (const line of data.observed) {
    while (data.churn[0] && timeOf(data.churn[0]) < line.t_s) lives.truth(data.churn.shift() as ChurnLine)
    if (line.is !== 'forgot') lives.observed(line)
  }
  t.ok(lives.livesCount < 20 + 10 + 60 * 5 + 20, String(lives.livesCount))
  const before = settled.length
  lives.endOf('truth')
  lives.endOf('observed')
  lives.finish()
  t.ok(before > 1000 && settled.length > before)
  t.ok(settled.every(({ foundS, forgotS }) => foundS !== null && forgotS === null))
})

t.test('sockets of a namespace that is none of churn are asked about', async t => {
  const told: string[] = []
  const lives = new Join({ settle: () => {}, seenElsewhere: netns => told.push(netns) })
  const found = { is: 'found', netns: '1', inode: 1, name: null, found_by: 'self' } as const
  lives.observed({ ...found, t_s: 0, got_s: 0 })
  lives.endOf('truth')
  lives.observed({ is: 'blind', t_s: 1000, unreadable_processes_count: 0, kinds: [] })
  lives.observed({ ...found, t_s: 1001, got_s: 1001 })
  lives.observed({ is: 'forgot', t_s: 1002, netns: '1', gone: false, more: false, sockets: [] })
  t.same(told, ['1'])
  t.equal(lives.livesCount, 0)
})

t.test('of suspects only so many are asked about, and the others counted', async t => {
  const suspects = new Suspects(2)
  for (const cookie of ['1', '2', '3', '1']) suspects.add('77', [cookie, 4, 1, 2, 'ESTABLISHED', 5, 6, 1])
  t.equal(suspects.unasked, 1)
  t.ok(suspects.mayConcern('{"cookie":"40","sockets":[{"cookie":"2"}]}'))
  t.notOk(suspects.mayConcern('{"cookie":"40","sockets":[{"cookie":"3"},{"cookie":null}]}'))
})

t.test('a line without an end is no line', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-lines-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'lines')
  writeFileSync(path, `a\n${'b'.repeat(2_500_000)}\nc`)
  const lines = [...rawLines(path)]
  t.same(
    lines.map(({ text, isLast }) => [text.length, isLast]),
    [
      [1, false],
      [2_500_000, false],
      [1, true],
    ],
  )
  t.throws(() => [...rawLines(path, 1_500_000)], /longer than 1500000 bytes/)
})

t.test('a derivation that crashes makes its metric unknown, and no other', async t => {
  const { history } = judgeSoak(t, soakRun())
  const broken = { ...history.soak, polls: null } as unknown as SoakFacts
  const metrics = computeSoakMetrics(history, broken)
  t.match(metrics.polls_count, { known: false, why: /the judge failed/ })
  t.match(metrics.netns_recall_ratio, { known: true, value: 1 })
})

t.test('a soak that never churned proves nothing', async t => {
  const whole = soakRun()
  const nothing = { churn: [], observed: [], samples: [] }
  t.equal(judgeSoak(t, { ...whole, ...nothing }).report.verdict, 'unknown')
  const data: SoakData = { ...whole, outcome: null }
  const { value, why, metrics } = judgeSoak(t, { ...data, ...nothing })
  for (const name of ['churn_ops_per_s', 'netns_recall_ratio', 'observer_starts_count', 'steal_ratio'])
    t.equal(value(name), null, name)
  t.match(why('churn_ops_per_s'), /took no time/)
  t.match(metrics.churn_failed_count, { known: true, value: 0 })
  const filled = data.churn.filter(line => line.is === 'made' && line.fill)
  const unbegun = judgeSoak(t, { ...data, churn: filled })
  t.match(unbegun.why('observer_rss_slope_bytes_per_h'), /churning never began/)
  t.match(unbegun.why('poll_silence_max_s'), /churning never began/)
  t.match(unbegun.metrics.rows_lost_count, { doubt: { of: 'pass', why: 'churning never began' } })
})

t.test('samples without processor times and pressure say so', async t => {
  const data = soakRun()
  const samples = data.samples.map(({ cpu, kernel_namespaces_count, ...sample }) => ({ ...sample, pressure: null }))
  const { value, report } = judgeSoak(t, { ...data, samples })
  t.equal(value('steal_ratio'), null)
  t.equal(value('pressure_cpu_max_ratio'), null)
  t.equal(value('kernel_namespaces_slope_count_per_h'), null)
  t.equal(report.verdict, 'pass')
})

t.test('a schedule of its own is what had to be done', async t => {
  const data = soakRun()
  const operations = data.churn.flatMap((line): Operation[] =>
    line.is === 'dropped' && line.op < 1e6 ? [{ op: line.op, due_s: line.due_s - 5, do: 'drop', id: line.id }] : [],
  )
  const plan = { ...data.plan, churn: { ops_count: 320, digest: '', operations } } as SoakData['plan']
  t.equal(judgeSoak(t, { ...data, plan }).value('churn_ops_requested_per_s'), operations.length / 30)
})

t.test('the kernel’s own record of a kill for want of memory counts', async t => {
  const data = soakRun()
  const message = 'Out of memory: Killed process 100 (node) total-vm:1kB'
  const told = { t_s: 17, from: 'vm1', kind: 'kernel_message', host: 'vm1', level: 'err', message } as const
  const { value, why } = judgeSoak(t, { ...data, events: [...data.events, told] })
  t.equal(value('oom_kills_count'), 1)
  t.match(why('oom_kills_count'), /17\.000 s/)
})

t.test("a child of the observer's that the kernel killed is in the count of its control group", async t => {
  const data = soakRun()
  const group = (t_s: number, oom_kills_count: number): ObservedLine => ({
    is: 'memory_group',
    t_s,
    oom_kills_count,
    current_bytes: 90e6,
    max_bytes: 100e6,
  })
  const at = (t_s: number): number => data.observed.findIndex(line => 't_s' in line && line.t_s > t_s)
  data.observed.splice(at(1), 0, group(1, 0))
  t.match(judgeSoak(t, data).why('oom_kills_count'), /; 0 by the count of its control group/)
  data.observed.splice(at(20), 0, group(20, 2))
  const { value, why } = judgeSoak(t, data)
  t.equal(value('oom_kills_count'), 2)
  t.match(why('oom_kills_count'), /^none ended by SIGKILL .*; 2 by the count of its control group$/)
})

t.test('memory ends where the observer has a limit of its own', async t => {
  const leaking = soakRun({ holdS: 600, defects: { rssLeakBytesPerH: 100e6 } })
  const free = judgeSoak(t, leaking).value('memory_limit_in_h') as number
  const line = { is: 'memory_group', t_s: 1, oom_kills_count: 0, current_bytes: 9e7, max_bytes: 300e6 } as const
  const { value, why } = judgeSoak(t, { ...leaking, observed: [line, ...leaking.observed] })
  const own = value('memory_limit_in_h') as number
  t.ok(own < 3 && free > 20, `${own} h and ${free} h`)
  t.match(why('memory_limit_in_h'), /^1\d\d MB were free/)
})

t.test('rows that the polls and the sockets count differently are in doubt', async t => {
  const gates = [{ name: 'lost', metric: 'rows_lost_count', operator: '==', limit: 0 }] as const
  const data = soakRun({ gates })
  const observed = data.observed.filter(line => line.is !== 'forgot' || line.netns !== '40090')
  const { report } = judgeSoak(t, { ...data, observed })
  t.match(report.gates[0], { verdict: 'unknown', evidence: /two sources disagree/ })
})

t.test('a plan that says little is taken at its least', async t => {
  t.equal(soakPlanOf({}), null)
  t.same(soakPlanOf({ churn: {} }), {
    intervalS: 0,
    sampleIntervalS: 0,
    growthLeastS: 300,
    opsCount: Number.POSITIVE_INFINITY,
    operations: null,
    ratePerS: 0,
    minLifeS: 1,
    holdS: 0,
    filter: { states: [], ports: [] },
    sutMetrics: [],
    observes: true,
  })
  const ofUser = (output: string) => ({ churn: {}, scenario: { soak: { observer: { command: ['x'], output } } } })
  t.equal(soakPlanOf(ofUser('none'))?.observes, false)
  t.equal(soakPlanOf(ofUser('nslab.collect/1'))?.observes, true)
})
