// Counts that have a second source: what the one does not show the other does, and what is left out of a count is told.

import t from 'tap'
import { judgeGate } from '../../../src/judge/gates.ts'
import { computeMetrics } from '../../../src/judge/metrics.ts'
import type { SoakFacts } from '../../../src/judge/soak/read.ts'
import { Suspects } from '../../../src/judge/soak/suspects.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { soakRun } from '../../fixtures/soak-run.ts'

t.test('whole polls that are missing are told as such, of a process that was started again, too', t => {
  const { why } = judgeSoak(t, soakRun({ defects: { untold: 40 } }))
  t.match(why('rows_lost_count'), /its polls tell of \d+ rows, its page of \d+: whole polls are missing/)
  const lost = (untold: number) =>
    judgeSoak(t, soakRun({ defects: { untold, restart: 'told' } })).value('rows_lost_count')
  t.equal(lost(0), 0)
  t.equal(lost(40), 40)
  t.end()
})

t.test('rows that came twice are counted twice by the page too, and none is lost by that', t => {
  const twice = judgeSoak(t, soakRun({ defects: { doubled: 1 } })).value('rows_doubled_count') as number
  t.ok(twice > 0)
  const lost = (untold: number) => judgeSoak(t, soakRun({ defects: { doubled: 1, untold } })).value('rows_lost_count')
  t.equal(lost(twice), 0)
  t.equal(lost(twice + 5), 5)
  t.end()
})

t.test('rows that came twice do not hide as many of whole polls that are missing', t => {
  const gates = [{ name: 'lost', metric: 'rows_lost_count', operator: '==', limit: 0 }] as const
  const verdictOf = (untoldPolls?: number) => {
    const polls = untoldPolls === undefined ? {} : { untoldPolls }
    const { metrics } = judgeSoak(t, soakRun({ defects: { doubled: 1, untold: 40, ...polls } }))
    return judgeGate(gates[0], metrics, { level: 'host', holdS: 30 })
  }
  t.match(verdictOf(2), { verdict: 'fail', observed: 40, evidence: /whole polls are missing/ })
  t.match(verdictOf(0), { verdict: 'pass', observed: 0 }, 'all polls are told')
  t.match(verdictOf(), {
    verdict: 'unknown',
    observed: 0,
    evidence: /two sources disagree: .* whole polls are missing/,
  })
  t.end()
})

t.test("namespaces that the kernel still counts in a guest, and churn's witness does not, prove nothing", t => {
  const metric = 'kernel_namespaces_left_count'
  const gate = { name: metric, metric, operator: '==', limit: 0 } as const
  const verdictOf = (kernelLeft?: number) => {
    const { metrics } = judgeSoak(t, soakRun({ defects: kernelLeft === undefined ? {} : { kernelLeft } }))
    return judgeGate(gate, metrics, { level: 'kvm', holdS: 30 })
  }
  t.match(verdictOf(), { verdict: 'pass', evidence: /the kernel's own count: (29|30|31) at .*, those of others too/ })
  t.match(verdictOf(50), { verdict: 'pass', evidence: /the kernel's own count: (29|30|31) at .*, (79|80|81) at/ })
  t.match(verdictOf(200), { verdict: 'unknown', evidence: /two sources disagree/ })
  t.end()
})

t.test('what nobody asked whose it is makes no pass', t => {
  const suspects = new Suspects(1)
  const seen = (cookie: string) => [cookie, 4, 1, 2, 'LISTEN', 1, 2, 1] as const
  suspects.add('5', seen('7'))
  suspects.add('5', seen('8'))
  const { history, metrics } = judgeSoak(t, soakRun({}))
  const { soak } = history as { soak: SoakFacts }
  Object.defineProperty(soak.tally, 'suspects', { value: suspects })
  const metric = computeMetrics(history).sockets_misattributed_count
  t.equal(metrics.sockets_misattributed_count?.known && metrics.sockets_misattributed_count.doubt, undefined)
  t.match(metric, { known: true, value: 0, doubt: { of: 'pass', why: /whose 1 more sockets are/ } })
  t.end()
})

t.test('an operation that made nothing has no sockets to ask about', t => {
  const suspects = new Suspects()
  suspects.add('5', ['7', 4, 1, 2, 'LISTEN', 1, 2, 1])
  suspects.ask({ is: 'begin', t_s: 1 })
  t.equal(suspects.misattributed.count, 0)
  t.end()
})

t.test('namespaces that lived too briefly to be judged are told', t => {
  const { value, why } = judgeSoak(t, soakRun({}))
  const made = value('namespaces_made_count') as number
  const judged = value('netns_judged_count') as number
  t.ok(made > judged)
  t.match(why('netns_judged_count'), `lived 1 s or longer; ${made - judged} more did not`)
  t.end()
})
