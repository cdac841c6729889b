import t from 'tap'
import { toNanosecond, unitOf } from '../../src/judge/units.ts'

t.test('the unit is the end of the name', async t => {
  const table: Record<string, string> = {
    total_s: 's',
    rate_per_s: '1/s',
    memory_bytes: 'bytes',
    slope_bytes_per_h: 'bytes/h',
    threads_count_per_h: '1/h',
    memory_limit_in_h: 'h',
    nodes_count: 'count',
    loss_ratio: 'ratio',
    total: '',
    seconds: '',
  }
  for (const [name, unit] of Object.entries(table)) t.equal(unitOf(name), unit, name)
})

t.test('times keep their nanoseconds and lose the noise of arithmetic', async t => {
  t.equal(toNanosecond(0.3 - 0.1), 0.2)
  t.equal(toNanosecond(1.000000001), 1.000000001)
})
