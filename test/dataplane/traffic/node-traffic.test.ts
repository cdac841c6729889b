// What a controller says of one node's packets, as commands to the engine. Commands are recorded and no engine runs:
// that packets then go where they should is shown on the real one, in test/net/traffic.

import t from 'tap'
import { ENGINE_DEFAULTS } from '../../../src/config/dataplane.ts'
import type { HeldFlow } from '../../../src/dataplane/traffic/flows.ts'
import { NodeTraffic, type TrafficPlan } from '../../../src/dataplane/traffic/node-traffic.ts'
import type { PacketEngine } from '../../../src/native/engine.ts'
import type { RouteEntry } from '../../../src/protocol/messages.ts'

const PLAN: TrafficPlan = {
  routing: null,
  links: { discipline: 'fifo', dropStrategy: 'taildrop', queuePackets: 1000 },
  baseAddress: '10.0.0.0',
  lossless: { ...ENGINE_DEFAULTS.lossless, paritySymbols: 4 },
}
const RING: TrafficPlan = { ...PLAN, routing: { topology: { type: 'ring', nNodes: 6 } } }
const WRR: TrafficPlan = { ...PLAN, links: { discipline: 'wrr', dropStrategy: 'red', queuePackets: 50 } }

/** Node 5, between 4 and 6, and what the engine was asked and others were told, as short lines. */
function setUp(plan = PLAN) {
  const did: string[] = []
  const node = { nodeId: 5, neighbours: [4, 6], isTopologyReady: false }
  const failing = new Set<string>()
  const command = async (name: string, said: unknown): Promise<void> => {
    did.push(`${name} ${typeof said === 'string' ? said : JSON.stringify(said)}`)
    if (failing.has(name)) throw Object.assign(new Error('EINVAL: rate'), { code: 'EINVAL' })
  }
  const engine = {
    changeRoutes: (_: number, changes: object[]) =>
      command(
        'routes',
        changes.map(({ change, ...rest }: { change?: string }) => [change, ...Object.values(rest)]),
      ),
    setLink: (_: number, peer: number, setting: object) => command(`link ${peer}`, setting),
    startFlow: (_: number, { flow, ...setting }: { flow: number }) => command(`start ${flow}`, setting),
    startTransfer: (_: number, { flow, ...setting }: { flow: number }) => command(`send ${flow}`, setting),
    stopFlow: (_: number, flow: number) => command('stop', `${flow}`),
  } as unknown as PacketEngine
  const ids = (flows: Iterable<HeldFlow>): string => [...flows].map(({ flow }) => flow.controller_id).join()
  const traffic = new NodeTraffic(node, {
    refused: (_, what, error) => did.push(`refused ${what}: ${(error as Error).message}`),
    warn: message => did.push(`warn ${message}`),
    linkSet: (_, peer, changes) => did.push(`set ${peer} ${changes}`),
    started: (_, flows) => did.push(`started ${ids(flows)}`),
    toldAgain: (_, flows) => did.push(`again ${ids(flows)}`),
  })
  return {
    traffic,
    failing,
    ready: () => {
      node.isTopologyReady = true
      traffic.told({ type: 'TopologyReady' })
    },
    part: () => {
      node.isTopologyReady = false
      traffic.parted()
    },
    /** What it comes to, once commands are answered. */
    flush: async (mayStart = true, now = plan): Promise<string[]> => {
      traffic.prepare(engine, now, node.isTopologyReady)
      if (mayStart) traffic.start(engine, now)
      await new Promise(resolve => setImmediate(resolve))
      return did.splice(0)
    },
  }
}

const route = (route_id: number, next_hops: number[], dst_node_id = 2): RouteEntry => ({
  route_id,
  next_hops,
  src_node_id: 5,
  dst_node_id,
  forward_mode: 'unicast',
})
const flow = (controller_id: number, more: object = {}, spec: object = {}) => ({
  controller_id,
  src_node_id: 5,
  dst_node_id: 2,
  ...more,
  flow_spec: { flow_len: { Bytes: 100 }, ...spec },
})

t.test('explicit routes: what differs is told pair by pair, and what is gone is withdrawn', async t => {
  const { traffic, flush } = setUp()
  traffic.told({ type: 'InstallRoutes', routes: [route(2, [6]), route(1, [4, 6]), route(3, [5], 3)] })
  t.strictSame(await flush(), [
    'routes [["install",5,2,[{"id":1,"nextHops":[4,6]},{"id":2,"nextHops":[6]}]],["install",5,3,[{"id":3,"nextHops":[5]}]]]',
  ])
  traffic.told({ type: 'InstallRoutes', routes: [route(1, [4, 6]), route(2, [6]), route(3, [5], 3)] })
  t.strictSame(await flush(), [], 'the same in another order')
  traffic.told({ type: 'InstallRoutes', routes: [route(1, [4]), route(3, [5], 3)] })
  t.strictSame(await flush(), ['routes [["install",5,2,[{"id":1,"nextHops":[4]}]]]'])
  t.equal(traffic.routesCount, 2)
  traffic.told({ type: 'InstallRoutes', routes: [] })
  t.strictSame(await flush(), ['routes [["install",5,2,[]],["install",5,3,[]]]'])
})

t.test(
  'a preset is derived once all are ready, runs of the controller win over it, and neither leaves nothing',
  async t => {
    const { traffic, ready, part, flush } = setUp(RING)
    traffic.told({ type: 'InstallRoutes', routes: [] })
    t.strictSame(await flush(), [], 'not on the way to ready')
    ready()
    t.strictSame(await flush(), ['routes [["derive",[1,6,3,4,1,5,1,6]]]'])
    traffic.told({ type: 'InstallRoutes', routes: [route(1, [4])] })
    t.strictSame(await flush(), ['routes [["install",5,2,[{"id":1,"nextHops":[4]}]]]'], 'derived routes stay')
    traffic.told({ type: 'InstallRoutes', routes: [route(1, [4])], next_hop_runs: [6, 4] })
    t.strictSame(await flush(), ['routes [["derive",[6,4]]]'])
    part()
    traffic.told({ type: 'InstallRoutes', routes: [] })
    ready()
    t.strictSame(await flush(true, PLAN), ['again ', 'routes [["install",5,2,[]],["derive",[]]]'])
    t.strictSame(await flush(true, PLAN), [])
  },
)

t.test('links are shaped by their shape, else by their rate, over what holds for all', async t => {
  const { traffic, ready, flush } = setUp(WRR)
  traffic.told({ type: 'SetLinkRate', node_id: 4, rate: { rate: 1000.4, bucket_size: 3000 } })
  const all = '"discipline":"wrr","dropStrategy":"red","queuePackets":50'
  t.strictSame(await flush(), [`link 4 {${all},"rateBytesPerS":1000,"bucketBytes":3000}`])
  traffic.told({
    type: 'SetLink',
    node_id: 4,
    shape: { delay_s: 0.0201, loss_ratio: 0.5, queue_packets: 7 },
    change: 9,
  })
  traffic.told({ type: 'SetLinkRate', node_id: 4, rate: { rate: 5, bucket_size: 6 } })
  t.strictSame(await flush(), [
    'link 4 {"discipline":"wrr","dropStrategy":"red","queuePackets":7,"delayNs":20100000,"lossRatio":0.5}',
    'set 4 9',
  ])
  ready()
  t.strictSame(await flush(), [])
})

t.test('a link that the engine refuses to shape is told, and nobody hears that it is set', async t => {
  const { traffic, failing, flush } = setUp()
  failing.add('link 4')
  traffic.told({ type: 'SetLink', node_id: 4, shape: { rate: 1 }, change: 1 })
  t.match(await flush(), [/^link 4/, 'refused shape its link to node 4: EINVAL: rate'])
})

t.test('flows are held until all are ready, and started once', async t => {
  const { traffic, ready, flush } = setUp()
  traffic.told({ type: 'AddFlows', flows: [flow(1), flow(2), flow(3, { src_node_id: 2, dst_node_id: 5 })] })
  traffic.told({ type: 'RemoveFlows', controller_ids: [2] })
  t.equal(traffic.flows.heldCount, 1)
  t.strictSame(await flush(), ['stop 2'])
  ready()
  t.strictSame(await flush(), ['start 1 {"destination":2,"baseAddress":"10.0.0.0","bytes":100}', 'started 1'])
  traffic.told({ type: 'AddFlows', flows: [flow(1)] })
  t.strictSame(await flush(), [], 'told again as it was')
  const spec = { flow_len: { Duration: 1.5 }, flow_rate: 2000, flow_weight: 3, packet_bytes: 500 }
  traffic.told({ type: 'AddFlows', flows: [flow(1, { dst_group_id: 7 }, spec)] })
  t.strictSame(await flush(), [
    'stop 1',
    'start 1 {"destination":7,"baseAddress":"10.0.0.0","isGroup":true,"durationNs":1500000000,"packetBytes":500,' +
      '"rateBytesPerS":2000,"weight":3}',
    'started 1',
  ])
  traffic.told({ type: 'RemoveFlows', controller_ids: [3, 1, 99] })
  t.strictSame(await flush(), ['stop 3', 'stop 1'])
})

t.test('no flow starts once sources are stopped; one that the engine refuses has not started', async t => {
  const { traffic, failing, ready, flush } = setUp()
  ready()
  traffic.told({ type: 'AddFlows', flows: [flow(1)] })
  t.strictSame(await flush(false), [])
  failing.add('start 1')
  t.match(await flush(), [/^start 1/, /^refused start flow 1/, 'started '])
})

t.test('a lossless flow is a transfer to its receivers, over the trees of its group', async t => {
  const { traffic, ready, flush } = setUp()
  ready()
  const lossless = { transport: 'lossless', flow_rate: 1000 }
  const trees = [0, 3].map(tree_id => ({ tree_id, next_hops: [4] }))
  traffic.told({ type: 'InstallGroupRoutes', group_id: 7, src_node_id: 5, routes: trees })
  await flush()
  const group = { dst_node_id: 5, dst_group_id: 7, receivers: [2, 5, 6] }
  traffic.told({ type: 'AddFlows', flows: [flow(1, group, lossless), flow(2, {}, { transport: 'lossless_unicast' })] })
  const cut = '"sourceSymbols":32,"paritySymbols":4,"silenceNs":15000000000'
  t.strictSame(await flush(), [
    'send 1 {"destination":7,"baseAddress":"10.0.0.0","receivers":[2,6],"isGroup":true,' +
      '"trees":[{"number":0,"weight":100},{"number":3,"weight":100}],"payloadBytes":100,"payloadSeed":1,' +
      `"symbolBytes":1348,${cut},"rateBytesPerS":1000}`,
    'send 2 {"destination":2,"baseAddress":"10.0.0.0","receivers":[2],"payloadBytes":100,"payloadSeed":2,' +
      `"symbolBytes":1348,${cut}}`,
    'started 1,2',
  ])
  traffic.told({ type: 'AddFlows', flows: [flow(1, { ...group, receivers: [2] }, lossless)] })
  t.strictSame(await flush(), [], 'told again with other members, it goes on')
})

t.test('of a lossless flow that says neither how much nor how fast nothing is sent, and that is told once', async t => {
  const { traffic, ready, flush } = setUp()
  ready()
  const endless = { transport: 'lossless_unicast', flow_len: { Duration: 1 } }
  traffic.told({ type: 'AddFlows', flows: [flow(1, {}, endless), flow(2, { src_node_id: 3 }, endless)] })
  traffic.told({ type: 'AddFlows', flows: [flow(1, {}, endless)] })
  t.match(await flush(), [
    'warn flow 1 of node 5 is not run: a lossless flow with a Duration needs a flow_rate, which says how much it is',
  ])
})

t.test('a flow is pinned before it starts, and again when the routes of its pair are told anew', async t => {
  const { traffic, ready, flush } = setUp()
  ready()
  traffic.told({ type: 'InstallRoutes', routes: [route(1, [4]), route(2, [6])] })
  traffic.told({ type: 'AddFlows', flows: [flow(1, { route_id: 2 }), flow(2, { route_id: 9 })] })
  const routes = '["install",5,2,[{"id":1,"nextHops":[4]},{"id":2,"nextHops":[6]}]]'
  const start = '{"destination":2,"baseAddress":"10.0.0.0","bytes":100}'
  t.strictSame(await flush(), [
    `routes [${routes}]`,
    'warn flow 2 is pinned to route 9, and node 5 has no such route to node 2: it takes any',
    'routes [["pin",5,2,1,2]]',
    `start 1 ${start}`,
    `start 2 ${start}`,
    'started 1,2',
  ])
  traffic.told({ type: 'InstallRoutes', routes: [route(2, [6])] })
  t.match(await flush(), [/^warn flow 2/, 'routes [["install",5,2,[{"id":2,"nextHops":[6]}]],["pin",5,2,1,2]]'])
})

t.test('groups: who is a member, and trees through here', async t => {
  const { traffic, flush } = setUp()
  const group = (group_id: number, member: boolean) => ({ group_id, group_ip: `239.255.0.${group_id}`, member })
  const tree = (...routes: { tree_id: number; next_hops: number[] }[]) =>
    ({ type: 'InstallGroupRoutes', group_id: 1, src_node_id: 2, routes }) as const
  traffic.told({ type: 'InstallGroupDirectory', groups: [group(1, true), group(2, false)] })
  traffic.told(tree({ tree_id: 0, next_hops: [6, 5] }))
  t.strictSame(await flush(), ['routes [["member",1,true],["install_trees",2,1,[{"number":0,"nextHops":[6,5]}]]]'])
  traffic.told({ type: 'InstallGroupDirectory', groups: [group(1, true), group(2, true)] })
  traffic.told(tree({ tree_id: 0, next_hops: [6, 5] }))
  t.strictSame(await flush(), ['routes [["member",2,true]]'])
  traffic.told({ type: 'InstallGroupDirectory', groups: [] })
  traffic.told(tree())
  t.strictSame(await flush(), ['routes [["member",1,false],["member",2,false],["install_trees",2,1,[]]]'])
})

t.test('after a new connection: what is told again goes on, what is not is taken back', async t => {
  const { traffic, ready, part, flush } = setUp()
  const shaped = (node_id: number) => traffic.told({ type: 'SetLink', node_id, shape: { rate: 10 } })
  const trees = (group_id: number) =>
    traffic.told({
      type: 'InstallGroupRoutes',
      group_id,
      src_node_id: 2,
      routes: [{ tree_id: 0, next_hops: [6] }],
    })
  ready()
  traffic.told({ type: 'AddFlows', flows: [flow(1), flow(2)] })
  for (const id of [4, 6]) shaped(id)
  for (const id of [1, 2]) trees(id)
  await flush()
  part()
  traffic.told({ type: 'AddFlows', flows: [flow(1)] })
  shaped(4)
  trees(1)
  t.match(await flush(), [/^link 4 .*"rateBytesPerS":10/], 'before all are ready nothing is taken back')
  ready()
  t.strictSame(await flush(), [
    'again 1',
    'routes [["install_trees",2,2,[]]]',
    'link 6 {"discipline":"fifo","dropStrategy":"taildrop","queuePackets":1000}',
    'stop 2',
  ])
})
