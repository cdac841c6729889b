import t from 'tap'

import type { NodeMessage } from '../../src/protocol/messages.ts'
import { CoreBench, runId, startUp } from '../fixtures/controller.ts'

t.test('the later of two neighbours dials, so every edge is dialled once', async t => {
  const bench = new CoreBench()
  const peers = [2, 1, 3].map(id => bench.join(id).port)
  const dials = peers.map(port =>
    port.take().flatMap(message => (message.type === 'AddNode' ? [message.remote_node_id] : [])),
  )
  t.same(dials, [[], [2], [1, 2]])
})

t.test('a node that joins gets StartUp, its neighbours that are there, and routes, in this order', async t => {
  const bench = new CoreBench()
  bench.join(3)
  const { port } = bench.join(1)
  t.same(port.take(), [
    {
      type: 'StartUp',
      node_id: 1,
      net_mask: '255.255.0.0',
      virtual_base_addr: '10.0.0.0',
      user_space_base_addr: '192.168.0.0',
      external_base_addr: '172.16.8.3',
      max_server_port: 8081,
      protocol: 'tcp',
      scheduler_type: 'fifo',
      node_spec: { node_id: 1, operating_mode: 'normal' },
      run_id: runId,
      neighbours: [2, 3],
      routing: null,
    },
    { type: 'AddNode', remote_node_id: 3, remote_addr: '172.16.8.4:8080' },
    { type: 'InstallRoutes', routes: [] },
  ])
})

t.test('neighbours of one private network meet at private addresses, others at public ones', async t => {
  const bench = new CoreBench()
  bench.join(1, { private_network_name: 'a', private_network_addr: '10.0.0.1:1', public_network_addr: '192.0.2.1:1' })
  const addressSeenFrom = (id: number, name: string) =>
    bench
      .join(id, { private_network_name: name })
      .port.take()
      .flatMap(message => (message.type === 'AddNode' && message.remote_node_id === 1 ? [message.remote_addr] : []))
  t.same(addressSeenFrom(2, 'a'), ['10.0.0.1:1'])
  t.same(addressSeenFrom(3, 'b'), ['192.0.2.1:1'])
})

t.test('the barrier passes: events in order, then readiness for everybody', async t => {
  const bench = new CoreBench()
  const peers = [1, 2, 3].map(id => bench.join(id))
  t.same(bench.takeEvents(), [
    'node_connected 1',
    'node_connected 2',
    'node_connected 3',
    'all_connected',
    'flows_sent',
  ])
  for (const { port } of peers) port.take()
  for (const { session } of peers) bench.ready(session)
  t.same(bench.takeEvents(), ['node_ready 1', 'node_ready 2', 'node_ready 3', 'all_wired'])
  for (const { port } of peers) t.same(port.takeTypes(), ['TopologyReady'])
  bench.ready(peers[0]?.session as never)
  t.same(bench.takeEvents(), [], 'said twice, it happens once')
})

t.test('a node may be ready before others are there', async t => {
  const bench = new CoreBench({ topology: { nNodes: 2, edges: [] } })
  const first = bench.join(1)
  bench.ready(first.session)
  const second = bench.join(2)
  t.notOk(bench.events.some(event => event.kind === 'all_wired'))
  bench.ready(second.session)
  t.same(bench.takeEvents().slice(-2), ['node_ready 2', 'all_wired'])
})

const rate = { rate: 3_000_000_000, bucket_size: 10_000 }
const spec = { flow_len: { Bytes: 4_294_967_296 } }

t.test('link rates and flows reach both ends when all are connected', async t => {
  const bench = new CoreBench({ linkRates: [{ srcNodeId: 1, dstNodeId: 2, rate }] })
  bench.core.traffic.setFlow(9, { id: 9, srcNodeId: 1, dstNodeId: 3, routeId: 4, spec })
  const peers = [1, 2, 3].map(id => bench.join(id).port)
  const flows = [{ controller_id: 9, src_node_id: 1, dst_node_id: 3, route_id: 4, flow_spec: spec }]
  const tails = peers.map(port => port.take().filter(message => /^(SetLinkRate|AddFlows)$/.test(message.type)))
  t.same(tails, [
    [
      { type: 'SetLinkRate', node_id: 2, rate },
      { type: 'AddFlows', flows },
    ],
    [],
    [{ type: 'AddFlows', flows }],
  ])
})

t.test('a node that comes back gets its neighbours, rates, flows and readiness again', async t => {
  const bench = new CoreBench({ linkRates: [{ srcNodeId: 2, dstNodeId: 3, rate }] })
  bench.core.traffic.setFlow(1, { id: 1, srcNodeId: 2, dstNodeId: 1, spec })
  const peers = [1, 2, 3].map(id => bench.join(id))
  for (const { session } of peers) bench.ready(session)
  for (const { port } of peers) port.take()
  bench.takeEvents()
  bench.core.closed(peers[1]?.session as never, 'connection closed (1006)')
  t.same(bench.takeEvents(), ['node_left 2'])
  t.same(bench.core.missing(), { notConnected: [2], notReady: [] })
  for (const at of [0, 2]) {
    t.same(peers[at]?.port.take(), [{ type: 'RemoveNode', remote_node_id: 2, reason: 'connection closed (1006)' }])
  }
  const back = bench.join(2, { incarnation: 2 })
  t.same(back.port.takeTypes(), ['StartUp', 'AddNode', 'AddNode', 'InstallRoutes', 'SetLinkRate', 'AddFlows'])
  bench.ready(back.session)
  t.same(bench.takeEvents(), ['node_connected 2', 'all_connected', 'flows_sent', 'node_ready 2', 'all_wired'])
  t.same(back.port.takeTypes(), ['TopologyReady'])
  t.same(peers[0]?.port.take(), [], 'those who stayed are told nothing twice')
})

t.test('a node whose link is down holds the barrier until it is back', async t => {
  const bench = new CoreBench()
  const peers = [1, 2, 3].map(id => bench.join(id))
  for (const { session } of peers) bench.ready(session)
  bench.takeEvents()
  const links = (links_up: number): NodeMessage => ({ type: 'LinksChanged', node_id: 1, links_up, links_expected: 2 })
  bench.core.receive(peers[0]?.session as never, links(1))
  t.same(bench.core.missing(), { notConnected: [], notReady: [1] })
  bench.core.receive(peers[0]?.session as never, links(2))
  t.same(bench.takeEvents(), ['node_ready 1', 'all_wired'])
})

t.test('a node that leaves on purpose is gone at once, and only once', async t => {
  const bench = new CoreBench()
  const { port, session } = bench.join(1)
  bench.core.receive(session, { type: 'Leave', node_id: 1, reason: 'asked to' })
  t.equal(port.closed?.code, 1000)
  bench.core.closed(session, 'connection closed (1000)')
  bench.core.receive(session, { type: 'NodeTopologyReady', node_id: 1 })
  t.same(bench.takeEvents(), ['node_connected 1', 'node_left 1'])
  t.same(
    bench.states.map(state => state.connected),
    [true, false],
  )
})

t.test('a node that is lost has left by the word of another of its fleet', async t => {
  const bench = new CoreBench()
  const teller = bench.join(1, { fleet: 'a' })
  const lost = bench.join(2, { fleet: 'a', incarnation: 5 })
  const stranger = bench.join(3, { fleet: 'b' })
  bench.takeEvents()
  const say = ({ session }: typeof teller, incarnation: number, lost_node_id = 2): string[] => {
    const message = {
      type: 'NodeLost',
      node_id: session.nodeId,
      lost_node_id,
      incarnation,
      reason: 'link down',
    } as const
    bench.core.receive(session, message)
    return bench.takeEvents()
  }
  t.same(say(teller, 4), [], 'it has come back since')
  t.same(say(stranger, 5), ['warning'], 'no word of another fleet counts')
  t.equal(lost.port.closed, undefined)
  stranger.port.take()
  t.same(say(teller, 5), ['node_left 2'])
  t.match(lost.port.closed, { code: 1000, reason: 'lost' })
  t.match(stranger.port.take(), [{ type: 'RemoveNode', remote_node_id: 2, reason: 'link down' }])
  t.same(say(teller, 5), [], 'once')
  t.same(say(teller, 5, 99), [])
  bench.core.closed(lost.session, 'connection broke')
  t.same(bench.takeEvents(), [])
})

t.test('messages out of order are refused, and a node that sends one has left', async t => {
  const bench = new CoreBench()
  const cases: readonly (readonly [boolean, NodeMessage])[] = [
    [false, { type: 'NodeTopologyReady', node_id: 1 }],
    [false, { type: 'Leave', node_id: 1, reason: '' }],
    [true, startUp(1)],
    [true, { type: 'NodeTopologyReady', node_id: 2 }],
    [true, { type: 'Leave', node_id: 2, reason: '' }],
  ]
  for (const [isJoined, message] of cases) {
    const { port, session } = isJoined ? bench.join(1) : bench.open()
    bench.core.receive(session, message)
    t.match(port.sent.at(-1), { type: 'Refused', code: 'out_of_order' })
    t.equal(port.closed?.code, 1008)
    t.equal(bench.core.connectedCount, 0)
  }
})

t.test('a StartUp that does not fit is refused with its code, naming both sides of a conflict', async t => {
  const bench = new CoreBench({}, { token: 'secret' })
  const join = (id: number, changes: object = {}) => bench.join(id, { token: 'secret', ...changes }).port
  join(1)
  const refusals = [
    join(4),
    join(2, { token: undefined }),
    join(2, { token: 'wrong' }),
    join(1),
    join(1, { incarnation: 0 }),
    join(2, { public_network_addr: '172.16.8.2:8080' }),
    join(2, { private_network_addr: '172.16.8.2:8080' }),
  ].map(port => port.sent)
  t.match(refusals, [
    [{ type: 'Refused', code: 'unknown_id' }],
    [{ type: 'Refused', code: 'token_required' }],
    [{ type: 'Refused', code: 'token_required' }],
    [{ type: 'Refused', code: 'id_taken' }],
    [{ type: 'Refused', code: 'id_taken' }],
    [{ type: 'Refused', code: 'address_taken', reason: /172\.16\.8\.2:8080 of node 2 .* node 1$/ }],
    [{ type: 'Refused', code: 'address_taken' }],
  ])
  t.same(bench.takeEvents().slice(1), [
    'refused 4',
    'refused 2',
    'refused 2',
    'refused 1',
    'refused 1',
    'refused 2',
    'refused 2',
  ])
  t.equal(bench.core.connectedCount, 1, 'those who are in are not touched')
})

t.test('an address is free again when its node has left, and may repeat in another private network', async t => {
  const bench = new CoreBench()
  const first = bench.join(1)
  bench.core.closed(first.session, 'gone')
  bench.join(2, { public_network_addr: '172.16.8.2:8080', private_network_name: 'a' })
  bench.join(3, { private_network_addr: '172.16.8.3:8080', private_network_name: 'b' })
  t.equal(bench.core.connectedCount, 2)
})

t.test('a newer incarnation takes the place of a half-dead connection', async t => {
  const bench = new CoreBench()
  const neighbour = bench.join(2)
  const old = bench.join(1)
  neighbour.port.take()
  const young = bench.join(1, { incarnation: 2 })
  t.match(old.port.sent.at(-1), { type: 'Refused', code: 'replaced' })
  t.same(neighbour.port.takeTypes(), ['RemoveNode'])
  t.same(young.port.takeTypes(), ['StartUp', 'AddNode', 'InstallRoutes'])
  bench.core.closed(old.session, 'connection closed (1008)')
  t.equal(bench.core.connectedCount, 2, 'the end of the old connection is no leave of the new one')
  t.same(bench.takeEvents(), ['node_connected 2', 'node_connected 1', 'refused 1', 'node_left 1', 'node_connected 1'])
})

t.test('a plan without a node count takes any id and never passes the barrier', async t => {
  const bench = new CoreBench({ topology: { edges: [] } })
  bench.ready(bench.join(5_000, { public_network_addr: 'a:1', private_network_addr: 'a:1' }).session)
  t.same(bench.takeEvents(), ['node_connected 5000', 'node_ready 5000'])
})

t.test('at the end sessions are closed, neighbours are not told, and nobody joins any more', async t => {
  const bench = new CoreBench()
  const peers = [1, 2].map(id => bench.join(id))
  for (const { port } of peers) port.take()
  bench.core.end()
  for (const { port } of peers) t.same([port.sent, port.closed?.code], [[], 1001])
  t.match(bench.join(3).port.sent, [{ type: 'Refused', code: 'ending' }])
  t.same(
    bench.states.map(state => state.connected),
    [true, true, false, false],
  )
})

t.test('in max mode neighbours learn where flows are taken, again when one of them comes back', async t => {
  const bench = new CoreBench({
    nodes: [
      { nodeId: 1, operatingMode: 'max' },
      { nodeId: 2, operatingMode: 'max' },
      { nodeId: 4, operatingMode: 'normal' },
    ],
    topology: { preset: { type: 'line', nNodes: 4 }, edges: [] },
  })
  type Joined = ReturnType<CoreBench['join']>
  const [first, second, third] = [1, 2, 3].map(id => bench.join(id)) as [Joined, Joined, Joined]
  // The controller's word counts where it has said one, else the node's own.
  const fourth = bench.join(4, { operating_mode: 'max' })
  t.match(third.port.sent[0], { node_spec: { operating_mode: 'normal' } })
  t.match(fourth.port.sent[0], { node_spec: { operating_mode: 'normal' } })
  t.match(second.port.sent[0], { node_spec: { operating_mode: 'max' } })
  const addresses = (port: typeof first.port) =>
    port.take().flatMap(message => (message.type === 'AddNodeAddress' ? [message] : []))
  t.same(addresses(first.port), [
    { type: 'AddNodeAddress', remote_node_id: 2, remote_max_server_addr: '172.16.8.3:8081' },
  ])
  t.match(
    addresses(second.port).map(message => message.remote_node_id),
    [1],
    'of those that are in it, too',
  )
  t.same([addresses(third.port), addresses(fourth.port)], [[], []])
  bench.core.closed(third.session, 'gone')
  const max = bench.join(3, { incarnation: 2, operating_mode: 'max' })
  t.match(max.port.sent[0], { node_spec: { operating_mode: 'max' } }, 'by its own word')
  t.match(addresses(max.port), [{ remote_node_id: 2 }])
  t.match(addresses(second.port), [{ remote_node_id: 3 }])
  bench.core.closed(second.session, 'gone')
  const back = bench.join(2, { incarnation: 2, private_network_addr: '172.16.8.9:8080' })
  t.equal(addresses(back.port).length, 2)
  t.match(addresses(first.port), [{ remote_max_server_addr: '172.16.8.9:8081' }])
})

t.test('only its own fleet may replace a node that is connected; another is refused, naming both', async t => {
  const bench = new CoreBench()
  const first = bench.join(1, { fleet: 'a' })
  first.port.take()
  const other = bench.join(1, { fleet: 'b', incarnation: 9 })
  t.same([other.port.take(), first.port.asked], [[], 1], 'the one that is connected is asked first')
  bench.core.answered(first.session)
  t.match(other.port.take(), [{ type: 'Refused', code: 'id_taken', reason: /fleet a .*fleet b / }])
  t.same(first.port.take(), [])
  const again = bench.join(1, { fleet: 'a', incarnation: 2 })
  t.match(again.port.take()[0], { type: 'StartUp' })
  t.match(first.port.take(), [{ type: 'Refused', code: 'replaced' }])
  bench.core.answered(again.session)
  t.same(again.port.take(), [], 'an answer that nobody waits for changes nothing')
})

t.test('a node that does not answer gives its id up to another fleet', async t => {
  const bench = new CoreBench()
  bench.join(2)
  const silent = bench.join(1, { fleet: 'a', incarnation: 5 })
  const back = bench.join(1, { fleet: 'b', incarnation: 9 })
  bench.takeEvents()
  bench.core.closed(silent.session, 'does not answer')
  t.same(back.port.takeTypes(), ['StartUp', 'AddNode', 'InstallRoutes'])
  t.same(bench.takeEvents(), ['node_left 1', 'node_connected 1'])
})

t.test(
  'of those that want one id only the first waits, and not when its next incarnation comes or it goes',
  async t => {
    const bench = new CoreBench()
    const first = bench.join(1, { fleet: 'a' })
    const waiting = bench.join(1, { fleet: 'b', incarnation: 9 })
    const third = bench.join(1, { fleet: 'c', incarnation: 9 })
    t.match(third.port.take(), [{ type: 'Refused', code: 'id_taken', reason: /fleet a .*fleet c / }])
    bench.core.receive(waiting.session, { type: 'NodeTopologyReady', node_id: 1 })
    t.match(waiting.port.take(), [{ type: 'Refused', code: 'out_of_order' }])
    bench.core.answered(first.session)
    const gone = bench.join(1, { fleet: 'b', incarnation: 9 })
    bench.core.closed(gone.session, 'gone')
    const next = bench.join(1, { fleet: 'd', incarnation: 9 })
    t.same(next.port.take(), [], 'the place of one that went away is free')
    const again = bench.join(1, { fleet: 'a', incarnation: 2 })
    t.match(next.port.take(), [{ type: 'Refused', code: 'id_taken' }])
    t.match(again.port.take()[0], { type: 'StartUp' })
    const late = bench.join(1, { fleet: 'e', incarnation: 3 })
    bench.core.end()
    t.match(late.port.take(), [{ type: 'Refused', code: 'ending' }])
  },
)
