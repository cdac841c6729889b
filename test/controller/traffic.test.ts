// Flows, shapes of links and groups: what each node is told, in which order, and what changes while nodes are there.

import t from 'tap'
import { flowEntry } from '../../src/controller/flows.ts'
import type { Group } from '../../src/controller/groups.ts'
import { groupsOf } from '../../src/controller/groups.ts'
import { flowOf } from '../../src/controller/pg-rows.ts'
import { parseControllerMessage } from '../../src/dataplane/controller-message.ts'
import type { NodeMessage } from '../../src/protocol/messages.ts'
import { CoreBench, controllerConfig, type RecordingPort } from '../fixtures/controller.ts'

const line = (nNodes: number) => ({ topology: { preset: { type: 'line', nNodes }, edges: [] } }) as const
const spec = { flow_len: { Duration: 2 } }
const rate = { rate: 1000, bucket_size: 2000 }

/** From node 1 over 2 to 3 and 4, by two trees. */
const news: Group = {
  id: 1,
  label: 'news',
  srcNodeId: 1,
  groupIp: '239.255.0.1',
  members: [3, 4],
  trees: [
    {
      treeId: 0,
      edges: [
        [1, 2],
        [2, 3],
        [3, 4],
      ],
    },
    { treeId: 5, edges: [[1, 2]] },
  ],
}

const trafficOf = (port: RecordingPort) =>
  port.take().filter(message => !/^(StartUp|AddNode|InstallRoutes|TopologyReady)$/.test(message.type))

const directory = (member: boolean) => ({
  type: 'InstallGroupDirectory',
  groups: [{ group_id: 1, group_ip: '239.255.0.1', member }],
})
const trees = (...routes: [tree_id: number, next_hops: number[]][]) => ({
  type: 'InstallGroupRoutes',
  group_id: 1,
  src_node_id: 1,
  routes: routes.map(([tree_id, next_hops]) => ({ tree_id, next_hops })),
})

/** Four nodes in a line, the links of the first two shaped, a group and a flow to it. */
function shaped(): CoreBench {
  const bench = new CoreBench({
    ...line(4),
    linkRates: [
      { srcNodeId: 1, dstNodeId: 2, rate },
      { srcNodeId: 2, dstNodeId: 3, rate },
    ],
  })
  bench.core.traffic.replaceLinks([
    { srcNodeId: 1, dstNodeId: 2, shape: { delay_s: 0.01 } },
    { srcNodeId: 2, dstNodeId: 1, shape: { loss_ratio: 0.1 } },
  ])
  bench.core.traffic.replaceGroups([news])
  bench.core.traffic.setFlow(7, { id: 7, srcNodeId: 1, dstNodeId: 1, dstGroupId: 1, spec })
  return bench
}

t.test('shapes, groups and flows come in this order, once all are connected', async t => {
  const bench = shaped()
  const ports = [1, 2, 3, 4].map(id => bench.join(id).port)
  t.same(ports.map(trafficOf), [
    [
      { type: 'SetLink', node_id: 2, shape: { delay_s: 0.01 } },
      directory(false),
      trees([0, [2]], [5, [2]]),
      {
        type: 'AddFlows',
        flows: [{ controller_id: 7, src_node_id: 1, dst_node_id: 1, dst_group_id: 1, flow_spec: spec }],
      },
    ],
    [
      { type: 'SetLinkRate', node_id: 3, rate },
      { type: 'SetLink', node_id: 1, shape: { loss_ratio: 0.1 } },
      directory(false),
      trees([0, [3]], [5, [2]]),
    ],
    [directory(true), trees([0, [4]])],
    [directory(true), trees([0, [4]])],
  ])
})

t.test('nothing is sent while nodes are missing, and all of it to a node that comes back', async t => {
  const bench = shaped()
  const peers = [1, 2, 3].map(id => bench.join(id))
  t.same(
    peers.map(({ port }) => trafficOf(port)),
    [[], [], []],
  )
  bench.join(4)
  const before = trafficOf(peers[1]?.port as RecordingPort)
  bench.core.closed(peers[1]?.session as never, 'gone')
  bench.core.traffic.setLinkRow(2, 1, { loss_ratio: 0.5 })
  const back = bench.join(2, { incarnation: 2 })
  t.same(
    trafficOf(back.port),
    before.map(message => (message.type === 'SetLink' ? { ...message, shape: { loss_ratio: 0.5 } } : message)),
  )
})

t.test('many flows of one node come in parts', async t => {
  const bench = new CoreBench(line(2))
  for (let id = 1; id <= 2500; id++) bench.core.traffic.setFlow(id, { id, srcNodeId: 1, dstNodeId: 2, spec })
  const [port] = [1, 2].map(id => bench.join(id).port) as [RecordingPort]
  const parts = trafficOf(port).map(message => (message.type === 'AddFlows' ? message.flows : []))
  t.same(
    parts.map(flows => flows.length),
    [1000, 1000, 500],
  )
  t.same(
    parts.flat().map(flow => flow.controller_id),
    Array.from({ length: 2500 }, (_, at) => at + 1),
  )
})

t.test('a changed row shapes its direction at once, and only where it differs', async t => {
  const bench = shaped()
  const ports = [1, 2, 3, 4].map(id => bench.join(id).port)
  ports.map(trafficOf)
  const { traffic } = bench.core
  const heard = () => ports.map(trafficOf)
  traffic.setLinkRow(3, 4, { loss_ratio: 0.2, delay_s: 1 })
  t.same(heard(), [[], [], [{ type: 'SetLink', node_id: 4, shape: { loss_ratio: 0.2, delay_s: 1 } }], []])
  traffic.setLinkRow(3, 4, { delay_s: 1, loss_ratio: 0.2 })
  t.same(heard(), [[], [], [], []], 'the order of keys makes no difference')
  traffic.setLinkRow(1, 2, null)
  t.same(heard(), [[{ type: 'SetLink', node_id: 2, shape: rate }], [], [], []], 'back to its rate')
  traffic.replaceLinks([{ srcNodeId: 3, dstNodeId: 4, shape: { delay_s: 1, loss_ratio: 0.2 } }])
  t.same(heard(), [[], [{ type: 'SetLink', node_id: 1, shape: {} }], [], []], 'and to none')
  bench.takeEvents()
  traffic.setLinkRow(1, 3, { delay_s: 1 })
  traffic.setLinkRow(0, 1, { delay_s: 1 })
  traffic.setLinkRow(4, 5, { delay_s: 1 })
  t.same(bench.takeEvents(), ['warning', 'warning', 'warning'])
  t.same(heard(), [[], [], [], []])
})

t.test('a change that is asked for holds until its row says something else', async t => {
  const bench = shaped()
  const { traffic } = bench.core
  t.equal(traffic.changeLink(1, 3, {}, 1), 'unknown')
  t.equal(traffic.changeLink(1, 2, { delay_s: 2 }, 2), 'away', 'kept')
  const peers = [1, 2, 3, 4].map(id => bench.join(id))
  const [first] = peers as [(typeof peers)[0]]
  t.match(trafficOf(first.port)[0], { type: 'SetLink', node_id: 2, shape: { delay_s: 2 } })
  t.equal(traffic.changeLink(1, 2, { delay_s: 3 }, 3), 'told')
  t.same(trafficOf(first.port), [{ type: 'SetLink', node_id: 2, shape: { delay_s: 3 }, change: 3 }])
  bench.core.receive(first.session, { type: 'LinkSet', node_id: 1, remote_node_id: 2, change: 3 })
  t.same(bench.linksSet, [[1, 3]])
  t.equal(traffic.changeLink(1, 2, { delay_s: 3 }, 4), 'told', 'also what holds already')
  trafficOf(first.port)
  traffic.setLinkRow(1, 2, { delay_s: 0.01 })
  t.same(trafficOf(first.port), [], 'the row says what it said')
  traffic.setLinkRow(1, 2, { delay_s: 0.02 })
  t.same(trafficOf(first.port), [{ type: 'SetLink', node_id: 2, shape: { delay_s: 0.02 } }])
})

t.test('groups that change reach those with a part in them, old and new', async t => {
  const bench = shaped()
  const ports = [1, 2, 3, 4].map(id => bench.join(id).port)
  ports.map(trafficOf)
  const { traffic } = bench.core
  traffic.replaceGroups([news])
  t.same(ports.map(trafficOf), [[], [], [], []], 'equal groups change nothing')
  traffic.replaceGroups([
    {
      ...news,
      members: [3],
      trees: [
        {
          treeId: 0,
          edges: [
            [1, 2],
            [2, 3],
          ],
        },
      ],
    },
  ])
  t.same(ports.map(trafficOf), [
    [directory(false), trees([0, [2]])],
    [directory(false), trees([0, [3]])],
    [directory(true), trees([0, [3]])],
    [{ type: 'InstallGroupDirectory', groups: [] }, trees()],
  ])
  traffic.replaceGroups([])
  t.same(ports.map(trafficOf), [...[1, 2, 3].map(() => [{ type: 'InstallGroupDirectory', groups: [] }, trees()]), []])
})

t.test('a group that can be none is ignored with a warning', async t => {
  const bench = new CoreBench(line(4))
  const tree = (...edges: [number, number][]) => ({ ...news, trees: [{ treeId: 0, edges }] })
  for (const group of [
    { ...news, srcNodeId: 5 },
    { ...news, members: [0] },
    tree([2, 3]),
    tree([1, 2], [2, 1]),
    tree([1, 9]),
    tree(),
    { ...news, id: 0 },
    { ...news, groupIp: 'nonsense' },
    ...[-1, 70_000].map(treeId => ({ ...news, trees: [{ treeId, edges: [[1, 2] as const] }] })),
  ]) {
    bench.events.length = 0
    bench.core.traffic.replaceGroups([group])
    t.same(bench.takeEvents(), ['warning'], JSON.stringify(group))
  }
  t.same(trafficOf(bench.join(1).port), [])
})

t.test('a flow to a group that is not there, or from another node, is ignored with a warning', async t => {
  const bench = shaped()
  const flow = { id: 8, srcNodeId: 1, dstNodeId: 1, spec }
  bench.core.traffic.setFlow(8, { ...flow, dstGroupId: 2 })
  bench.core.traffic.setFlow(8, { ...flow, srcNodeId: 2, dstNodeId: 2, dstGroupId: 1 })
  t.same(bench.takeEvents(), ['warning', 'warning'])
})

t.test('numbers that no flow or route can have are ignored with a warning: nodes leave who says them', async t => {
  const bench = new CoreBench(line(4))
  const flow = { srcNodeId: 1, dstNodeId: 2, spec }
  for (const id of [0, -3]) bench.core.traffic.setFlow(id, { id, ...flow })
  bench.core.traffic.setFlow(1, { id: 1, routeId: -1, ...flow })
  bench.core.setRoute(-4, [[1, 2]])
  t.same(bench.takeEvents(), ['warning', 'warning', 'warning', 'warning'])
  const row = { id: 1, src_node_id: 1, dst_node_id: 2, flow_len_type: 'bytes', flow_len_bytes: '10' }
  const absent = { flow_len_duration: null, packet_bytes: null, dst_group_id: null, transport: null, route_id: null }
  const whole = { ...row, ...absent, flow_rate: null, flow_weight: null }
  for (const [part, isFlow] of [
    [{}, true],
    [{ flow_rate: 0.5, flow_weight: 2 }, true],
    [{ flow_len_bytes: '0' }, false],
    [{ flow_len_type: 'duration', flow_len_duration: 0 }, false],
    [{ flow_rate: 0 }, false],
    [{ flow_rate: 1e300 }, false],
    [{ flow_rate: Number.NaN }, false],
    [{ flow_weight: 0 }, false],
  ] as const) {
    const made = flowOf({ ...whole, ...part }, 'tcp')
    t.equal(made !== null, isFlow, JSON.stringify(part))
    if (made === null) continue
    const text = JSON.stringify({ type: 'AddFlows', flows: [flowEntry(made)] })
    t.match(parseControllerMessage(text), { type: 'AddFlows' }, 'and nodes take it')
  }
})

t.test('groups of the configuration are numbered, each with an address of the pool', async t => {
  const group = { label: 'a', srcNodeId: 1, members: [4, 3], trees: [[[1, 2]]] } as const
  const groups = groupsOf(controllerConfig({ groups: [group, { ...group, label: 'b' }] }))
  t.match(groups, [
    { id: 1, label: 'a', groupIp: '239.255.0.1', members: [3, 4], trees: [{ treeId: 0, edges: [[1, 2]] }] },
    { id: 2, label: 'b', groupIp: '239.255.0.2' },
  ])
})

t.test('what nodes say of flows becomes rows, with the published id of the flow', async t => {
  const bench = shaped()
  bench.core.traffic.setFlow(16_385, { id: 16_385, srcNodeId: 2, dstNodeId: 4, spec })
  const { session } = bench.join(2)
  const [known, unknown] = [16_385, 9]
  bench.core.receive(session, {
    type: 'UserFlowStart',
    node_id: 2,
    flows: [known, unknown].map(controller_id => ({ controller_id, start_time: 1000 })),
  })
  bench.core.receive(session, {
    type: 'FlowFinished',
    node_id: 2,
    flows: [known, unknown].map(controller_id => ({ controller_id, start_time: 1001, finish_time: 2000 })),
  })
  t.same(bench.flowTimes, [
    { flowId: known, startTime: 1000, finishTime: null },
    { flowId: known, startTime: 1001, finishTime: 2000 },
  ])
  bench.core.receive(session, {
    type: 'Metrics',
    node_id: 2,
    metrics: [known, unknown, 7].map(controller_id => ({
      controller_id,
      remote_node_id: 4,
      bytes: 5_000_000_000,
      time_read: 1500,
    })),
  })
  const row = { localNodeId: 2, remoteNodeId: 4, bytes: 5_000_000_000, timeRead: 1500 }
  t.same(
    bench.metrics.map(({ flowId, ...rest }) => ({ flowId: flowId.toString('hex'), ...rest })),
    [
      // 10.0.0.2, 10.0.0.4, ports 49152 + 16385 % 16384 and 8888.
      { flowId: `0a0000020a000004${(49_153).toString(16)}22b800000000`, ...row },
      { flowId: `0a000001efff0001${(49_159).toString(16)}22b800000000`, ...row },
    ],
  )
})

t.test('what nodes say of flows of programs becomes rows, of nodes of the plan alone', async t => {
  const bench = shaped()
  const { session } = bench.join(2)
  const flow_id = '0a0000020a000004d431270f00000000'
  const flow = { flow_id, dst_node_id: 4, start_time: 1000 }
  const say = (message: NodeMessage) => bench.core.receive(session, message)
  const ends = [4, 0, 999].map(dst_node_id => ({ ...flow, src_node_id: 2, dst_node_id }))
  say({ type: 'AppFlowStart', node_id: 2, flows: ends })
  say({ type: 'RouteAssigned', node_id: 2, flows: [{ ...flow, route_id: 6, time: 1001 }] })
  say({ type: 'FlowFinished', node_id: 2, flows: [{ ...flow, finish_time: 2000 }] })
  const row = { flowId: flow_id, startTime: 1000, srcNodeId: 2, dstNodeId: 4, finishTime: null, routeId: null }
  t.same(bench.appFlows, [row, { ...row, dstNodeId: 0 }, { ...row, routeId: 6 }, { ...row, finishTime: 2000 }])
  t.same(bench.flowTimes, [])
  const metric = { flow_id, remote_node_id: 4, bytes: 5, time_read: 1500 }
  say({ type: 'Metrics', node_id: 2, metrics: [metric, { ...metric, remote_node_id: 999 }] })
  const moved = { localNodeId: 2, remoteNodeId: 4, bytes: 5, timeRead: 1500 }
  t.same(bench.metrics, [{ flowId: Buffer.from(flow_id, 'hex'), ...moved }])
})
