// What the controller hears of flows. What the engine counts is given here; the real one is in test/net/traffic*.

import t from 'tap'
import { FlowReports } from '../../../src/dataplane/traffic/flow-reports.ts'
import { type Flow, FlowSet } from '../../../src/dataplane/traffic/flows.ts'
import { FLOWS_A_MESSAGE } from '../../../src/dataplane/traffic/limits.ts'
import type { EngineCounts, SinkCount, SourceCount } from '../../../src/native-engine.ts'
import type { NodeMessage } from '../../../src/protocol/messages.ts'
import { NODE_MESSAGE_BYTES_MAX, parseNodeMessage } from '../../../src/protocol/validate.ts'

const NOW_MS = 1_900_000_000_000

function setUp(t: { teardown(fn: () => void): unknown }, ids: readonly number[] = [1]) {
  const sent: NodeMessage[] = []
  const none = { links: [], nodes: [], sources: [], sinks: [], streams: [], senders: [], receivers: [] }
  const max = { opened: 0, failed: 0, refused: 0, relayed: 0, broken: 0, relays: 0 }
  let counts: EngineCounts = { ...none, max }
  let isConnected = true
  const flows = ids.map(
    (controller_id): Flow => ({
      controller_id,
      src_node_id: 5,
      dst_node_id: 6,
      flow_spec: { flow_len: { Bytes: 1 } },
    }),
  )
  const sets = new Map([5, 6].map(nodeId => [nodeId, new FlowSet(nodeId)]))
  for (const set of sets.values()) for (const flow of flows) set.add(flow)
  let wake = (): void => {}
  const reports = new FlowReports({
    clock: { nowNs: () => 50_000_000_000n, wallDate: () => new Date(NOW_MS) },
    intervalMs: 3_600_000,
    count: async () => counts,
    flowsOf: nodeId => sets.get(nodeId),
    send: (_, message) => {
      if (!isConnected) return false
      sent.push(message)
      wake()
      return true
    },
  })
  reports.learn(flows)
  t.teardown(() => reports.close())
  return {
    reports,
    sets,
    connected: (is: boolean) => {
      isConnected = is
    },
    moved: (sources: readonly (readonly [number, number])[], sinks: readonly (readonly [number, number])[] = []) => {
      const times = { firstNs: 48_000_000_000n, lastNs: 49_500_000_000n }
      counts = {
        ...none,
        max,
        sources: sources.map(([flow, sentBytes]) => ({ nodeId: 5, flow, sentBytes, ...times }) as SourceCount),
        sinks: sinks.map(([flow, receivedBytes]) => ({ nodeId: 6, flow, receivedBytes, ...times }) as SinkCount),
      }
    },
    taken: () => sent.splice(0),
    /** Resolves when so many messages were sent. */
    until: async (count: number): Promise<void> => {
      while (sent.length < count) await new Promise<void>(resolve => (wake = resolve))
    },
  }
}

const metric = (controller_id: number, remote_node_id: number, bytes: number) => ({
  controller_id,
  remote_node_id,
  bytes,
  time_read: NOW_MS,
})

t.test('metrics are what moved since the last ones; nothing is said of what has not', async t => {
  const { reports, moved, taken } = setUp(t, [1, 2])
  moved(
    [
      [1, 100],
      [2, 0],
    ],
    [[1, 60]],
  )
  await reports.reportMetrics()
  t.strictSame(taken(), [
    { type: 'Metrics', node_id: 5, metrics: [metric(1, 6, 100)] },
    { type: 'Metrics', node_id: 6, metrics: [metric(1, 5, 60)] },
  ])
  await reports.reportMetrics()
  t.strictSame(taken(), [])
  moved(
    [
      [1, 150],
      [2, 30],
    ],
    [[1, 60]],
  )
  await reports.reportMetrics()
  t.strictSame(taken(), [{ type: 'Metrics', node_id: 5, metrics: [metric(1, 6, 50), metric(2, 6, 30)] }])
  moved([[1, 20]])
  await reports.reportMetrics()
  t.strictSame(taken(), [{ type: 'Metrics', node_id: 5, metrics: [metric(1, 6, 20)] }], 'started anew')
})

t.test('what a node without a connection moved is told with the next ones', async t => {
  const { reports, moved, taken, connected } = setUp(t)
  moved([[1, 100]])
  connected(false)
  await reports.reportMetrics()
  connected(true)
  moved([[1, 130]])
  await reports.reportMetrics()
  t.strictSame(taken(), [{ type: 'Metrics', node_id: 5, metrics: [metric(1, 6, 130)] }])
})

t.test('many flows are told of in messages that a controller takes', async t => {
  const ids = Array.from({ length: 2 * FLOWS_A_MESSAGE + 1 }, (_, at) => 0x7fff_ffff - at)
  const { reports, sets, moved, taken, until } = setUp(t, ids)
  moved(ids.map(id => [id, Number.MAX_SAFE_INTEGER]))
  await reports.reportMetrics()
  reports.started(5, [...(sets.get(5) as FlowSet).all()])
  reports.finished(ids.map(flow => ({ nodeId: 5, flow, end: 'source' })))
  await until(9)
  const messages = taken()
  t.strictSame(
    messages.map(({ type }) => type),
    ['Metrics', 'UserFlowStart', 'FlowFinished'].flatMap(type => [type, type, type]),
  )
  for (const message of messages) {
    const text = JSON.stringify(message)
    t.ok(text.length <= NODE_MESSAGE_BYTES_MAX)
    t.equal(parseNodeMessage(text).ok, true)
  }
})

t.test('a finish has the times of the first and the last packet, at both ends', async t => {
  const { reports, moved, taken, until } = setUp(t)
  moved([[1, 100]], [[1, 100]])
  reports.finished([
    { nodeId: 5, flow: 1, end: 'source' },
    { nodeId: 6, flow: 1, end: 'sink' },
    { nodeId: 6, flow: 2, end: 'sink' },
  ])
  await until(2)
  const flows = [{ controller_id: 1, start_time: NOW_MS - 2000, finish_time: NOW_MS - 500 }]
  t.strictSame(
    taken(),
    [
      { type: 'FlowFinished', node_id: 5, flows },
      { type: 'FlowFinished', node_id: 6, flows },
    ],
    'and nothing of a flow that was stopped meanwhile',
  )
})

t.test('a new connection hears again of starts and finishes', async t => {
  const { reports, sets, moved, taken, until, connected } = setUp(t, [1, 2, 3])
  const set = sets.get(5) as FlowSet
  const [one, two] = set.takeHeld()
  reports.started(
    5,
    [one, two].filter(flow => flow !== undefined),
  )
  moved([[2, 100]])
  reports.finished([{ nodeId: 5, flow: 2, end: 'source' }])
  await until(2)
  taken()
  connected(true)
  reports.toldAgain(5, set.all())
  t.match(taken(), [
    { type: 'UserFlowStart', flows: [{ controller_id: 1, start_time: NOW_MS }] },
    { type: 'FlowFinished', flows: [{ controller_id: 2, finish_time: NOW_MS - 500 }] },
  ])
})
