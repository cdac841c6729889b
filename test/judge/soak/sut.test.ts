// What a program tells of itself, judged: nothing that it did not tell is proven.

import t, { type Test } from 'tap'
import type { GateConfig } from '../../../src/config/types.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { type SoakData, soakRun } from '../../fixtures/soak-run.ts'

type Page = Readonly<Record<string, number>> | string

/** A soak of 30 s from 5 s on, with a page a second: its values, or why there was none. */
function told(pages: (second: number) => Page | null, sources: readonly string[], gates: readonly GateConfig[] = []) {
  const data = soakRun({ gates })
  const scraped = Array.from({ length: 36 }, (_, t_s): ObservedLine[] => {
    const page = pages(t_s)
    if (page === null) return []
    return [
      typeof page === 'string'
        ? { is: 'scraped', t_s, values: {}, problem: page }
        : { is: 'scraped', t_s, values: page },
    ]
  }).flat()
  const soak = data.plan.scenario.soak as NonNullable<typeof data.plan.scenario.soak>
  const scenario = { ...data.plan.scenario, soak: { ...soak, observer: { ...soak.observer, metrics: sources } } }
  const observed = [...data.observed, ...scraped].sort((one, other) => timeOf(one) - timeOf(other))
  return { ...data, plan: { ...data.plan, scenario }, observed } as SoakData
}

const timeOf = (line: ObservedLine): number => ('got_s' in line ? line.got_s : line.t_s)

const gate = (metric: string, operator: GateConfig['operator'], limit: number): GateConfig => ({
  name: metric,
  metric,
  operator,
  limit,
})

const verdictOf = (t: Test, data: SoakData, name: string) =>
  judgeSoak(t, data).report.gates.find(each => each.name === name)

t.test('last, most and least are of all scrapes, growth is of the churning', async t => {
  const { value, why } = judgeSoak(
    t,
    told(
      second => ({ jobs_total: 100 + 4 * second, heap_bytes: second === 20 ? 900 : 500 + second }),
      ['jobs_total', 'heap_bytes'],
    ),
  )
  t.equal(value('sut_jobs_last_count'), 240)
  t.equal(value('sut_jobs_increase_count'), 120)
  t.equal(value('sut_jobs_per_s'), 4)
  t.equal(value('sut_heap_max_bytes'), 900)
  t.equal(value('sut_heap_min_bytes'), 500)
  t.match(why('sut_heap_max_bytes'), /the most of 36 scrapes, at 20\.0 s/)
})

t.test('a counter that begins anew has still grown', async t => {
  const { value, why } = judgeSoak(
    t,
    told(second => ({ jobs_total: second < 20 ? 1000 + second : second - 20 }), ['jobs_total']),
  )
  // 14 up to the restart, from nothing to 0, then 15.
  t.equal(value('sut_jobs_increase_count'), 29)
  t.match(why('sut_jobs_per_s'), /1 times anew from nothing/)
})

t.test('what holds is in doubt where a page was missing, or the metric on it; what broke has broken', async t => {
  const missing: readonly [string, (second: number) => Page][] = [
    ['503', second => (second === 12 ? 'it answered 503' : { errors_total: 0 })],
    ['not on the page', second => (second > 30 ? {} : { errors_total: 0 })],
  ]
  const errors = gate('sut_errors_last_count', '==', 0)
  for (const [words, pages] of missing) {
    const verdict = verdictOf(t, told(pages, ['errors_total'], [errors]), errors.name)
    t.match(verdict, { verdict: 'unknown', evidence: new RegExp(words) })
  }
  t.match(
    verdictOf(
      t,
      told(() => ({ errors_total: 0 }), ['errors_total'], [errors]),
      errors.name,
    ),
    { verdict: 'pass' },
  )
  const broken = told(second => (second === 12 ? 'reset' : { errors_total: second }), ['errors_total'], [errors])
  t.match(verdictOf(t, broken, errors.name), { verdict: 'fail', observed: 35 })
})

t.test('without any page nothing is known', async t => {
  const errors = gate('sut_errors_last_count', '==', 0)
  const never = told(() => 'connect ECONNREFUSED', ['errors_total'], [errors])
  t.match(verdictOf(t, never, errors.name), { verdict: 'unknown', evidence: /36 scrapes .* ECONNREFUSED/ })
  const unasked = told(() => null, ['errors_total'], [errors])
  t.match(verdictOf(t, unasked, errors.name), { verdict: 'unknown', evidence: /never scraped/ })
  const once = told(second => (second === 10 ? { errors_total: 0 } : null), ['errors_total'])
  t.equal(judgeSoak(t, once).value('sut_errors_per_s'), null)
})

t.test('its growth has an interval as that of others', async t => {
  const data = told(second => ({ heap_bytes: 1000 * second }), ['heap_bytes'])
  t.match(judgeSoak(t, data).why('sut_heap_slope_upper_bytes_per_h'), /too few to tell growth/)
})
