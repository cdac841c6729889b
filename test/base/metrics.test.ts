import t from 'tap'
import { metrics } from '../../src/base/metrics.ts'
import { metricNames } from '../../src/judge/metrics.ts'
import { soakMetricNames } from '../../src/judge/soak/metrics.ts'

t.test('every metric ends in its unit, and no name repeats', t => {
  for (const { name, unit } of metrics) t.ok(name.endsWith(`_${unit}`), name)
  t.equal(new Set(metrics.map(metric => metric.name)).size, metrics.length)
  t.end()
})

t.test('every metric that a run is judged by can be asked for by a gate', t => {
  const known = new Set(metrics.map(metric => metric.name))
  t.same(
    [...metricNames, ...soakMetricNames].filter(name => !known.has(name)),
    [],
  )
  t.end()
})
