// What a fleet says of packets without a route: something, and not a line a packet.

import t from 'tap'
import { MissLog } from '../../../src/dataplane/traffic/miss-log.ts'
import type { RouteMissed } from '../../../src/native/engine.ts'

const missed = (packets: number, more: Partial<RouteMissed> = {}): RouteMissed => ({
  nodeId: 3,
  source: 1,
  destination: 9,
  isGroup: false,
  packets,
  ...more,
})

function logOf() {
  const lines: string[] = []
  let nowMs = 5
  const log = new MissLog({ clock: { nowNs: () => BigInt(nowMs) * 1_000_000n }, warn: line => lines.push(line) })
  return { log, lines, pass: (ms: number) => (nowMs += ms) }
}

t.test('the first is told at once, with its way; a group by its number', t => {
  const { log, lines, pass } = logOf()
  log.see([])
  t.same(lines, [])
  log.see([missed(1)])
  pass(10_000)
  log.see([missed(4), missed(2, { destination: 7, isGroup: true })])
  t.same(lines, [
    'no route: node 3 has none from node 1 to node 9; dropped, with others like it: 1 packet',
    'no route: node 3 has none from node 1 to group 7; dropped, with others like it: 6 packets',
  ])
  t.end()
})

t.test('an hour of them is some sixty lines, which have every packet', t => {
  const { log, lines, pass } = logOf()
  for (let s = 0; s < 3600; s++) {
    log.see([missed(1000)])
    pass(1000)
  }
  t.ok(lines.length > 50 && lines.length < 70, `${lines.length}`)
  const told = lines.map(line => Number(/(\d+) packets?$/.exec(line)?.[1]))
  const total = told.reduce((sum, packets) => sum + packets, 0)
  t.ok(total > 3_500_000 && total <= 3_600_000, `${total}`)
  t.end()
})

t.test('after a long silence it is news again', t => {
  const { log, lines, pass } = logOf()
  for (let s = 0; s < 300; s++) {
    log.see([missed(1)])
    pass(1000)
  }
  const before = lines.length
  pass(200_000)
  log.see([missed(1)])
  pass(1100)
  log.see([missed(1)])
  t.equal(lines.length, before + 2)
  t.end()
})
