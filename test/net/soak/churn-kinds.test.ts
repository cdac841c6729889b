// Every kind of namespace that a churn makes, on the real kernel: what holds it, what is in it, and that it goes.

import t from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { NETNS_KINDS } from '../../../src/config/churn.ts'
import type { NetnsKind } from '../../../src/protocol/churn.ts'
import { churnSpec } from '../../fixtures/churn.ts'
import { ChurnProcess, drop, expected, type Holders, make, shown } from '../../fixtures/churn-process.ts'

t.setTimeout(180_000)

const counts = ({ mounts, threads, children, descriptors }: Holders) =>
  [mounts, threads, children, descriptors].map(list => list.length)

/** Mounts, threads, children's tasks, descriptors. */
const HELD: Readonly<Record<NetnsKind, readonly number[]>> = {
  named: [1, 0, 0, 0],
  mounted: [1, 0, 0, 0],
  process: [0, 0, 1, 0],
  thread: [0, 1, 0, 0],
  descriptor: [0, 0, 0, 1],
  socket: [0, 0, 0, 0],
}

t.test('each kind is held by what it says and nothing else, and is gone when that is let go of', async t => {
  const makes = NETNS_KINDS.map((kind, index) => make(index + 1, index + 1, { kind, fill: true }))
  const drops = NETNS_KINDS.map((_kind, index) => drop(index + 7, index + 1))
  // Nothing else is a hold: no sockets.
  const sockets = { pairs: 0, short: 0, halfClosed: 0, timeWait: 0, listeners: 0, families: [4] as const }
  const churn = await new ChurnProcess(t, {
    spec: churnSpec({ sockets }),
    seed: 1,
    duration_s: 1,
    operations: [...makes, ...drops],
  }).ready()
  await churn.fill()
  t.same(churn.made.map(({ id }) => id).sort(), [1, 2, 3, 4, 5, 6])
  for (const { kind, inode, name, sockets, exists_s, asked_s, made_s } of churn.made) {
    t.same(counts(churn.holders(inode)), HELD[kind], kind)
    const folder = kind === 'named' ? '/run/netns' : '/run/elsewhere'
    if (name !== null) t.same(churn.holders(inode).mounts, [`${folder}/${name}`])
    t.same(sockets, [])
    t.ok(asked_s <= exists_s && exists_s <= made_s, 'its times are in order')
  }
  t.equal(new Set(churn.made.map(({ cookie }) => cookie)).size, 6, 'each has a cookie of its own')
  t.same(churn.dropped, [], 'all of them live, with nothing but their hold')
  churn.send({ do: 'churn' })
  await churn.holds('six dropped', () => churn.dropped.length === 6)
  for (const { gone_s, asked_s, returned_s, gone_error_s } of churn.dropped) {
    t.ok(gone_s !== null && gone_s >= asked_s && returned_s >= asked_s, 'the kernel removed it')
    t.ok(gone_error_s >= 0 && gone_error_s < 30, `error ${gone_error_s}`)
  }
  for (const { kind, inode } of churn.made) t.same(counts(churn.holders(inode)), [0, 0, 0, 0], kind)
  t.same(await churn.drain(), [])
})

t.test('the sockets of each kind are those that the kernel shows', async t => {
  const kinds = NETNS_KINDS.filter(kind => kind !== 'socket')
  const sockets = { pairs: 3, short: 2, halfClosed: 2, timeWait: 2, listeners: 1, families: [4, 6] as const }
  const operations = kinds.map((kind, index) => make(index + 1, index + 1, { kind, fill: true }))
  const task = { spec: churnSpec({ sockets }), seed: 1, duration_s: 1, operations }
  const churn = await new ChurnProcess(t, task).ready()
  await churn.fill()
  // The listener of one family, and for the other's connections one that is closed again; both ends of 7, 2 once.
  for (const made of churn.made) t.equal(made.sockets.length, 1 + 1 + 2 * 7 + 2, made.kind)
  for (const { kind, inode, sockets } of churn.made) {
    const path = churn.pathOf(inode) as string
    const lasting = sockets.filter(({ population }) => population !== 'short')
    const nowS = Number(systemClock.nowNs()) / 1e9
    let found = await shown(path)
    // The short-lived are there for a second: this test may be slower.
    for (const end = performance.now() + 30_000; found.length > expected(lasting, nowS).length; ) {
      if (performance.now() > end) break
      await new Promise(resolve => setTimeout(resolve, 100))
      found = await shown(path)
    }
    t.same(found, expected(lasting, nowS), kind)
  }
  t.same(await churn.drain(), [])
  for (const { id, ended } of churn.dropped) {
    const made = churn.made.find(one => one.id === id)
    t.same(
      ended?.map(([index]) => made?.sockets[index]?.population),
      ['short', 'short', 'short', 'short'],
    )
    for (const [index, untilS] of ended ?? []) {
      const life = untilS - (made?.sockets[index]?.from_s ?? Number.NaN)
      t.ok(life >= 1, `lived ${life} s`)
    }
  }
})

t.test('both families take turns, and every population has its count', async t => {
  const sockets = { pairs: 3, short: 1, halfClosed: 2, timeWait: 1, listeners: 2, families: [4, 6] as const }
  const operations = [1, 2].map(id => make(id, id, { kind: 'descriptor', fill: true }))
  const churn = await new ChurnProcess(t, { spec: churnSpec({ sockets }), seed: 1, duration_s: 1, operations }).ready()
  await churn.fill()
  for (const { sockets } of churn.made) {
    const count = (population: string): number => sockets.filter(one => one.population === population).length
    t.same(['pair', 'short', 'half_closed', 'time_wait', 'listener'].map(count), [6, 2, 4, 1, 2])
    t.same(new Set(sockets.map(({ family }) => family)), new Set([4, 6]))
  }
  const pairsV6 = churn.made.map(({ sockets }) => sockets.filter(one => one.population === 'pair' && one.family === 6))
  t.same(pairsV6.map(list => list.length).sort(), [2, 4], 'the odd one is of the other family the next time')
})
