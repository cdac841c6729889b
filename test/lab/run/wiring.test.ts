import t from 'tap'
import { formatIds, Wiring } from '../../../src/lab/run/wiring.ts'
import type { RunEvent } from '../../../src/protocol/events.ts'

type Bare = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 't_s' | 'from'> : never) : never

function after(...events: readonly Bare[]): Wiring {
  const wiring = new Wiring()
  for (const event of events) wiring.see({ t_s: 0, from: 'test', ...event } as RunEvent)
  return wiring
}

const up = (node_id: number): Bare => ({ kind: 'node_up', node_id, netns_inode: 1, netns_cookie: '1' })
const connected = (node_id: number): Bare => ({ kind: 'node_connected', node_id, incarnation: 1 })
const ready = (node_id: number): Bare => ({ kind: 'node_ready', node_id })
const left = (node_id: number): Bare => ({ kind: 'node_left', node_id, reason: 'r' })
const lost = (node_id: number): Bare => ({ kind: 'node_lost', node_id, reason: 'r' })

t.test('the first stage that is not complete names who is missing in it', async t => {
  t.same(after().missing(2), { stage: 'namespace up', ids: [1, 2] })
  t.same(after(up(1), up(2), connected(2)).missing(2), { stage: 'connected to the controller', ids: [1] })
  t.same(after(up(1), up(2), connected(1), connected(2), ready(1)).missing(2), { stage: 'wired', ids: [2] })
  const all = after(up(1), connected(1), ready(1))
  t.same(all.missing(1), { stage: 'acknowledged by the controller', ids: [] })
})

t.test('a node that left or was lost is missing again, until it is back', async t => {
  t.same(after(up(1), connected(1), ready(1), left(1)).missing(1).stage, 'connected to the controller')
  t.same(after(up(1), connected(1), ready(1), left(1), lost(1)).missing(1), { stage: 'namespace up', ids: [1] })
  t.same(after(up(1), connected(1), left(1), up(1), connected(1), ready(1)).missing(1).ids, [])
})

t.test('ids are told in ranges, and not without end', async t => {
  t.equal(formatIds([]), '')
  t.equal(formatIds([1, 2, 3, 7]), '1-3, 7')
  t.equal(formatIds([1, 3, 5, 7], 2), '1, 3 and 2 more ranges')
})
