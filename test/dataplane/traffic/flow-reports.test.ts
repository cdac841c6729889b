// What the controller hears of flows. What the engine counts is given here; the real one is in test/net/traffic.

import t from 'tap'
import { FlowReports } from '../../../src/dataplane/traffic/flow-reports.ts'
import { type Flow, FlowSet } from '../../../src/dataplane/traffic/flows.ts'
import { APP_FLOW_NEWS_KEPT, FLOWS_A_MESSAGE } from '../../../src/dataplane/traffic/limits.ts'
import type { AppFlowNews, AppFlowsExcess } from '../../../src/native/app-flows.ts'
import type { EngineCounts, SinkCount, SourceCount } from '../../../src/native/engine.ts'
import type { NodeMessage } from '../../../src/protocol/messages.ts'
import { NODE_MESSAGE_BYTES_MAX, parseNodeMessage } from '../../../src/protocol/validate.ts'

const NOW_MS = 1_900_000_000_000

function setUp(t: { teardown(fn: () => void): unknown }, ids: readonly number[] = [1]) {
  const sent: NodeMessage[] = []
  const warned: string[] = []
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
    count: async takes => (takes ? counts : { ...counts, appFlows: [] }),
    flowsOf: nodeId => sets.get(nodeId),
    send: (_, message) => {
      if (!isConnected) return false
      sent.push(message)
      wake()
      return true
    },
    warn: message => warned.push(message),
  })
  reports.learn(flows)
  t.teardown(() => reports.close())
  return {
    reports,
    sets,
    warned,
    /** Of programs. */
    news: (appFlows: readonly AppFlowNews[], appFlowsExcess: readonly AppFlowsExcess[] = []) => {
      counts = { ...none, max, appFlows, appFlowsExcess }
    },
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

const FLOW_ID = '0a0700010a070004d431270f00000000'

/** CLOCK_MONOTONIC is 50 s at NOW_MS. */
const program = (changes: Partial<AppFlowNews> = {}): AppFlowNews => ({
  nodeId: 5,
  remoteId: 6,
  end: 'source',
  flowId: FLOW_ID,
  protocol: 6,
  packets: 2,
  bytes: 100,
  firstNs: 48_000_000_000n,
  lastNs: 49_500_000_000n,
  endedNs: 0n,
  isNew: true,
  hasEnded: false,
  ...changes,
})
const known = { flow_id: FLOW_ID, dst_node_id: 6, start_time: NOW_MS - 2000 }
const movedBy = (remote_node_id: number) => ({ flow_id: FLOW_ID, remote_node_id, bytes: 100, time_read: NOW_MS })

t.test('flows of programs: their source tells start, route and end, both ends what has moved', async t => {
  const { reports, news, taken } = setUp(t)
  news([
    program({ routeId: 3, endedNs: 49_600_000_000n, hasEnded: true }),
    program({ nodeId: 6, remoteId: 5, end: 'sink', hasEnded: true }),
  ])
  await reports.reportMetrics()
  t.strictSame(taken(), [
    { type: 'AppFlowStart', node_id: 5, flows: [{ ...known, src_node_id: 5 }] },
    { type: 'RouteAssigned', node_id: 5, flows: [{ ...known, route_id: 3, time: NOW_MS }] },
    { type: 'Metrics', node_id: 5, metrics: [movedBy(6)] },
    { type: 'FlowFinished', node_id: 5, flows: [{ ...known, finish_time: NOW_MS - 400 }] },
    { type: 'Metrics', node_id: 6, metrics: [movedBy(5)] },
  ])
  news([program({ isNew: false, bytes: 0, packets: 0, endedNs: 49_900_000_000n, hasEnded: true })])
  await reports.reportMetrics()
  t.strictSame(taken(), [{ type: 'FlowFinished', node_id: 5, flows: [{ ...known, finish_time: NOW_MS - 100 }] }])
})

t.test('what a node without a connection has of programs is told later, up to a bound', async t => {
  const { reports, news, taken, connected, warned } = setUp(t)
  connected(false)
  news([program()])
  await reports.reportMetrics()
  news(Array.from({ length: APP_FLOW_NEWS_KEPT }, () => program({ bytes: 0, isNew: true })))
  await reports.reportMetrics()
  t.match(warned, [/^node 5 has no connection, and there is too much to say .*: [1-9]\d* entries are lost$/])
  connected(true)
  news([])
  await reports.reportMetrics()
  const told = taken()
  t.match(told.slice(0, 2), [
    { type: 'AppFlowStart', flows: [known] },
    { type: 'Metrics', metrics: [movedBy(6)] },
  ])
  const entries = told.reduce((sum, message) => sum + ('flows' in message ? message.flows.length : 1), 0)
  t.ok(entries > APP_FLOW_NEWS_KEPT / 2 && entries <= APP_FLOW_NEWS_KEPT, `${entries} entries`)
})

t.test('flows of programs end with their node, told when it is back, and with the fleet', async t => {
  const { reports, news, taken, connected } = setUp(t)
  const others = { flowId: FLOW_ID.replace(/^0a/, '0b') }
  news([program(), program({ ...others, endedNs: 49_600_000_000n, hasEnded: true })])
  await reports.reportMetrics()
  news([program({ ...others, isNew: false, endedNs: 49_600_000_000n })])
  await reports.reportMetrics()
  connected(false)
  reports.programsEnded(5)
  taken()
  connected(true)
  news([program({ firstNs: 49_900_000_000n, lastNs: 49_950_000_000n })])
  await reports.reportLast()
  const again = { ...known, start_time: NOW_MS - 100 }
  t.strictSame(taken(), [
    { type: 'FlowFinished', node_id: 5, flows: [{ ...known, finish_time: NOW_MS - 500 }] },
    { type: 'AppFlowStart', node_id: 5, flows: [{ ...again, src_node_id: 5 }] },
    { type: 'Metrics', node_id: 5, metrics: [movedBy(6)] },
    { type: 'FlowFinished', node_id: 5, flows: [{ ...again, finish_time: NOW_MS - 50 }] },
  ])
  news([])
  await reports.reportLast()
  t.strictSame(taken(), [], 'once')
})

t.test('packets of flows beyond those told apart are warned of, at each doubling', async t => {
  const { reports, news, warned } = setUp(t)
  for (const packets of [10, 10, 19, 20]) {
    news([], [{ nodeId: 5, packets, bytes: packets * 100 }])
    await reports.reportMetrics()
  }
  t.match(warned, [/^node 5 has more flows .*: 10 packets \(1000 bytes\) are in none$/, /: 20 packets/])
})

t.test('messages of many flows of programs are such as a controller takes', async t => {
  const { reports, news, taken } = setUp(t)
  const many = { nodeId: 0x7fff_ffff, remoteId: 0x7fff_ffff, routeId: 0x7fff_ffff, bytes: Number.MAX_SAFE_INTEGER }
  news(Array.from({ length: FLOWS_A_MESSAGE }, () => program({ ...many, endedNs: 1n, hasEnded: true })))
  await reports.reportMetrics()
  const told = taken()
  t.strictSame(
    told.map(({ type }) => type),
    ['AppFlowStart', 'RouteAssigned', 'Metrics', 'FlowFinished'],
  )
  for (const message of told) {
    const text = JSON.stringify(message)
    t.ok(text.length <= NODE_MESSAGE_BYTES_MAX, `${message.type}: ${text.length} bytes`)
    t.strictSame(parseNodeMessage(text), { ok: true, message })
  }
})

t.test('the other end of what goes to a group is 0', async t => {
  const { reports, moved, taken } = setUp(t)
  const toGroup: Flow = {
    controller_id: 9,
    src_node_id: 5,
    dst_node_id: 5,
    dst_group_id: 2,
    flow_spec: { flow_len: { Bytes: 1 } },
  }
  reports.learn([toGroup])
  moved([[9, 70]], [[9, 60]])
  await reports.reportMetrics()
  t.strictSame(taken(), [
    { type: 'Metrics', node_id: 5, metrics: [metric(9, 0, 70)] },
    { type: 'Metrics', node_id: 6, metrics: [metric(9, 5, 60)] },
  ])
})
