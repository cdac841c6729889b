import t from 'tap'
import { secondsSince, systemClock } from '../../src/base/clock.ts'

t.test('seconds count from the origin, to the nanosecond', async t => {
  const clock = { nowNs: () => 5_000_000_001n, wallDate: () => new Date(0) }
  t.equal(secondsSince(clock, 1_000_000_000n), 4.000000001)
  t.equal(secondsSince(clock, 6_000_000_001n), -1)
})

t.test("the system's clock is monotonic and has a date", async t => {
  const before = systemClock.nowNs()
  t.ok(systemClock.nowNs() >= before)
  t.type(systemClock.wallDate(), Date)
})
