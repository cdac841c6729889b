import t from 'tap'
import { sutMetricNames, sutMetrics } from '../../src/base/sut-metrics.ts'
import { unitOf } from '../../src/judge/units.ts'

t.test('names end in their unit, as all metrics do', async t => {
  t.same(sutMetricNames('jobs_total'), {
    source: 'jobs_total',
    last: 'sut_jobs_last_count',
    max: 'sut_jobs_max_count',
    min: 'sut_jobs_min_count',
    increase: 'sut_jobs_increase_count',
    rate: 'sut_jobs_per_s',
    slopes: {
      middle: 'sut_jobs_slope_count_per_h',
      lower: 'sut_jobs_slope_lower_count_per_h',
      upper: 'sut_jobs_slope_upper_count_per_h',
    },
    unit: 'count',
  })
  t.match(sutMetricNames('go_memstats_heap_bytes'), {
    max: 'sut_go_memstats_heap_max_bytes',
    rate: 'sut_go_memstats_heap_bytes_per_s',
    slopes: { upper: 'sut_go_memstats_heap_slope_upper_bytes_per_h' },
  })
  t.match(sutMetricNames('Wait_seconds_total'), {
    increase: 'sut_wait_increase_s',
    rate: 'sut_wait_s_per_s',
    slopes: null,
  })
  t.match(sutMetricNames('ns:hit_ratio'), { last: 'sut_ns_hit_last_ratio', slopes: null })
})

t.test('labels are part of the name', async t => {
  t.equal(
    sutMetricNames('http_requests_total{code="500",path="/a b"}').last,
    'sut_http_requests_code_500_path_a_b_last_count',
  )
})

t.test('a gate may name all of them', async t => {
  const all = sutMetrics(['jobs_total', 'wait_seconds'])
  t.equal(all.length, 8 + 5)
  t.equal(new Set(all.map(({ name }) => name)).size, all.length)
  const units = { s: 's', count: 'count', per_s: '1/s', count_per_h: '1/h' } as Readonly<Record<string, string>>
  for (const { name, unit } of all) t.equal(unitOf(name), units[unit], name)
})
