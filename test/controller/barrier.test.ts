import t from 'tap'

import { Barrier } from '../../src/controller/barrier.ts'

t.test('both moments happen when the last id arrives, in any order of ids', async t => {
  const barrier = new Barrier(3)
  t.same([barrier.connect(3), barrier.connect(1), barrier.connect(2)], [false, false, true])
  t.same([barrier.ready(2), barrier.ready(3), barrier.ready(1)], [false, false, true])
  t.ok(barrier.allConnected && barrier.allWired)
  t.same(barrier.missing(), { notConnected: [], notReady: [] })
})

t.test('sets shrink when a node leaves, and the moments happen again when it is back', async t => {
  const barrier = new Barrier(2)
  for (const id of [1, 2]) barrier.connect(id)
  for (const id of [1, 2]) barrier.ready(id)
  barrier.leave(1)
  t.notOk(barrier.allConnected || barrier.allWired)
  t.same([barrier.connectedCount, barrier.readyCount], [1, 1])
  t.equal(barrier.connect(1), true)
  t.notOk(barrier.allWired)
  t.equal(barrier.ready(1), true)
})

t.test('a node whose link went down is connected and not ready', async t => {
  const barrier = new Barrier(2)
  for (const id of [1, 2]) barrier.connect(id)
  for (const id of [1, 2]) barrier.ready(id)
  barrier.notReady(2)
  t.same(barrier.missing(), { notConnected: [], notReady: [2] })
  t.equal(barrier.ready(2), true)
  t.equal(barrier.ready(2), false, 'a second report is no second moment')
})

t.test('missing ids are named in rising order', async t => {
  const barrier = new Barrier(5)
  for (const id of [4, 2]) barrier.connect(id)
  t.same(barrier.missing(), { notConnected: [1, 3, 5], notReady: [2, 4] })
})

t.test('without an expected count nothing is missing and no moment happens', async t => {
  const barrier = new Barrier(0)
  t.equal(barrier.connect(70_000), false)
  t.equal(barrier.ready(70_000), false)
  t.same(barrier.missing(), { notConnected: [], notReady: [] })
})

t.test('misuse is a bug, not a state', async t => {
  t.throws(() => new Barrier(-1))
  t.throws(() => new Barrier(1.5))
  const barrier = new Barrier(1)
  for (const id of [0, 2, 1.5]) t.throws(() => barrier.connect(id))
  t.throws(() => barrier.ready(1))
  barrier.connect(1)
  t.throws(() => barrier.connect(1))
})
