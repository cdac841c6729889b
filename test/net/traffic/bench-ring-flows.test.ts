// The benchmark of flows around a ring: both rings have as many packet-hops a second, and what is measured is there.

import t from 'tap'
import { hopsOf, measureCost, ownLoad, sameHops } from '../../../bench/ring-flows.ts'
import { readThreads, timesBetween } from '../../../bench/thread-times.ts'

t.setTimeout(200_000)

t.test('a ring of 8 has as many packet-hops a second, in the same shares', t => {
  const load = ownLoad(800)
  const small = sameHops(load, 800, 8)
  t.equal(Math.round(hopsOf(load, 800)), 42_857, 'what is asked for')
  t.equal(Math.round(hopsOf(small, 8)), 42_857)
  t.equal(small.neighbour * 8, load.neighbour * 800, 'as many over one hop')
  t.ok(small.farFlows <= 8, 'flows that a ring of 8 has')
  t.end()
})

t.test("a thread's processor time is counted, by its name", t => {
  const before = readThreads(process.pid)
  const endMs = performance.now() + 300
  while (performance.now() < endMs);
  const { lanes, others, user, system } = timesBetween(before, readThreads(process.pid))
  t.equal(lanes, 0)
  t.ok(others > 0.02 && others < 64, `${others} processors`)
  t.ok(user + system >= 0)
  t.end()
})

t.test('a light ring is measured', async t => {
  const timing = { settle: 1.5, window: 4 }
  const cost = await measureCost(4, { neighbour: 1e6, farFlows: 4, far: 1e6 }, timing)
  t.ok(cost.hops_per_s > 100, `${cost.hops_per_s} packet-hops a second`)
  t.ok(cost.lanes > 0, `${cost.lanes} processors for them`)
  t.match(cost, { dropped: 0, unaccounted: 0 })
})
