// Polls of one namespace that was just found, schedules of a plan's own, and the most that is kept of a page.

import t from 'tap'
import { ObserverFacts } from '../../../src/judge/soak/observer.ts'
import type { Operation } from '../../../src/protocol/churn.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { type SoakData, soakRun } from '../../fixtures/soak-run.ts'

const NETNS = '40075'

/** A poll of one namespace alone. */
const pollOf = (first_of: string, t_s: number): ObservedLine => {
  const none = { rows_doubled_count: 0, rows_dropped_count: 0, repeated_count: 0, incomplete_count: 0 }
  const rows = { rows_sent_count: 0, rows_stored_count: 0 }
  return { is: 'polled', t_s, poll: 999, took_s: 0.01, first_of, namespaces_count: 1, ...rows, ...none }
}

t.test('what was there throughout the first poll of its namespace is judged, and no other by that', async t => {
  const data = soakRun()
  const made = data.churn.find(line => line.is === 'made' && line.cookie === NETNS)
  if (made?.is !== 'made') throw new Error('namespace 25 was not made')
  const still = data.observed.filter(line => line.is !== 'polled' || line.t_s > 30)
  const valuesOf = (lines: readonly ObservedLine[]) => {
    const { value } = judgeSoak(t, { ...data, observed: [...still, ...lines] })
    return [value('sockets_judged_count'), value('socket_recall_ratio'), value('netns_precision_ratio')]
  }
  const [judged, recall, precision] = valuesOf([])
  t.same([recall, precision], [1, 1])
  t.same(valuesOf([pollOf(NETNS, made.made_s + 1.5)]), [(judged as number) + 4, 1, 1])
  t.same(valuesOf([pollOf(NETNS, made.made_s + 0.5), pollOf('1', 39)]), [judged, 1, 1], 'too soon, or of no concern')
})

t.test('a schedule of its own is due as its operations are', async t => {
  const data = soakRun()
  const withOperations = (operations: readonly Operation[]): SoakData => ({
    ...data,
    plan: { ...data.plan, churn: { ...data.plan.churn, operations } } as unknown as SoakData['plan'],
  })
  const fill = { op: 1, due_s: 0, do: 'make', id: 1, kind: 'named', fill: true, name: 'a', fault: null } as const
  const drop = (op: number, due_s: number): Operation => ({ op, due_s, do: 'drop', id: op })
  const few = judgeSoak(t, withOperations([fill, drop(2, 1), drop(3, 1e6)]))
  t.match(few.why('churn_ops_count'), /^1 were due/)
  const none = judgeSoak(t, withOperations([fill]))
  t.equal(none.report.verdict, 'unknown')
  t.match(none.report.gates[0]?.evidence, /no operation was due/)
})

t.test('of a page with very many metrics the first are kept', t => {
  const observer = new ObserverFacts()
  const values = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`m${index}`, index]))
  for (const t_s of [1, 2]) observer.add({ is: 'scraped', t_s, values })
  t.same(Object.keys(observer.scraped()), Object.keys(values).slice(0, 50))
  t.end()
})
