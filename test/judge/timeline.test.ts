import t from 'tap'
import { inOrder, readTimeline } from '../../src/judge/timeline.ts'
import type { RunEvent } from '../../src/protocol/events.ts'

const at = (t_s: number, event: Record<string, unknown>): RunEvent =>
  ({ t_s, from: 'controller', ...event }) as RunEvent
const node = (t_s: number, kind: string, node_id: number): RunEvent =>
  at(t_s, { kind, node_id, reason: '', peer_id: 1 })

t.test('no events give no moments', async t => {
  const time = readTimeline([])
  t.match(time, { firstArrivalS: null, allConnectedS: null, flowsSentS: null, allWiredS: null, endS: 0 })
  t.equal(time.ready.size, 0)
})

t.test('events are taken in the order of their times, equal times as written', async t => {
  const events = [node(2, 'node_ready', 1), node(1, 'node_ready', 2), node(1, 'node_ready', 3)]
  t.same(
    inOrder(events).map(event => 'node_id' in event && event.node_id),
    [2, 3, 1],
  )
})

t.test('the first of each moment counts', async t => {
  const time = readTimeline([
    at(0.5, { kind: 'fabric_started', from: 'dataplane' }),
    at(0.6, { kind: 'fabric_started', from: 'dataplane' }),
    at(0.7, { kind: 'fabric_ended', from: 'nobody' }),
    at(0.8, { kind: 'fabric_ended', from: 'dataplane' }),
    at(0.9, { kind: 'fabric_ended', from: 'dataplane' }),
    node(1, 'node_connected', 1),
    node(2, 'node_connected', 2),
    ...[3, 30].flatMap(s => ['all_connected', 'flows_sent', 'all_wired'].map((kind, i) => at(s + i, { kind }))),
  ])
  t.match(time, { firstArrivalS: 1, allConnectedS: 3, flowsSentS: 4, allWiredS: 5, endS: 32 })
  t.same([...time.fabrics], [['dataplane', { startedS: 0.5, endedS: 0.8 }]])
})

t.test('who was there is taken at the moment itself, whatever happens later', async t => {
  const time = readTimeline([
    node(1, 'node_connected', 1),
    node(1, 'node_connected', 2),
    at(2, { kind: 'all_connected' }),
    node(3, 'node_ready', 1),
    node(3, 'node_ready', 2),
    at(4, { kind: 'all_wired' }),
    node(5, 'node_left', 1),
    node(5, 'node_lost', 2),
    node(6, 'node_connected', 7),
    node(6, 'node_ready', 7),
  ])
  t.same([...time.connected], [1, 2])
  t.same([...time.ready], [1, 2])
})

t.test('a node lost before the moment is not there unless it came back', async t => {
  const time = readTimeline([
    node(1, 'node_ready', 1),
    node(1, 'node_ready', 2),
    node(2, 'node_lost', 1),
    node(2, 'node_lost', 2),
    node(3, 'node_ready', 2),
    at(4, { kind: 'all_wired' }),
  ])
  t.same([...time.ready], [2])
})

t.test('without the moment the largest number counts', async t => {
  const time = readTimeline([
    node(1, 'node_ready', 1),
    node(1, 'node_ready', 2),
    node(2, 'node_left', 1),
    node(3, 'node_left', 2),
    node(4, 'node_ready', 3),
  ])
  t.same([...time.ready], [1, 2])
})

t.test('what went wrong is counted by kind', async t => {
  const kinds = ['refused', 'link_refused', 'node_restarted', 'node_lost', 'database_lost', 'warning', 'error'] as const
  const time = readTimeline(kinds.flatMap((kind, index) => Array.from({ length: index + 1 }, () => node(1, kind, 1))))
  t.same(Object.values(time.counts), [1, 2, 3, 4, 5, 6, 7])
})
