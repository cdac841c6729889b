// The state machine of one node, without sockets or kernel.

import t from 'tap'
import { type AgentEffects, type AgentTraffic, NodeAgent } from '../../src/dataplane/node-agent.ts'
import type { ControllerMessage } from '../../src/protocol/messages.ts'

const RUN_ID = '00112233445566778899aabbccddeeff'

function startUp(neighbours: readonly number[], nodeId = 5): ControllerMessage {
  return {
    type: 'StartUp',
    node_id: nodeId,
    net_mask: '255.255.0.0',
    virtual_base_addr: '10.0.0.0',
    user_space_base_addr: '192.168.0.0',
    external_base_addr: '172.16.8.3',
    max_server_port: 8081,
    protocol: 'tcp',
    scheduler_type: 'fifo',
    node_spec: { node_id: nodeId, operating_mode: 'normal' },
    run_id: RUN_ID,
    neighbours,
    routing: null,
  }
}

const routes: ControllerMessage = { type: 'InstallRoutes', routes: [] }
const addNode = (id: number): ControllerMessage => ({
  type: 'AddNode',
  remote_node_id: id,
  remote_addr: `172.16.8.${id + 1}:8080`,
})
const removeNode = (id: number): ControllerMessage => ({ type: 'RemoveNode', remote_node_id: id, reason: 'left' })
const flow = (id: number) =>
  ({ controller_id: id, src_node_id: 5, dst_node_id: 9, flow_spec: { flow_len: { Bytes: 1 } } }) as const

/** An agent of node 5 and what it asked for, as short lines. */
function setUp(token?: string) {
  const did: string[] = []
  const effects: AgentEffects = {
    send: (_, message) => did.push(`send ${JSON.stringify(message)}`),
    joined: (_, reply) => did.push(`joined ${reply.run_id}`),
    setPeers: (_, peers) => did.push(`peers ${peers.join()}`),
    dial: (_, peer, address, port) => did.push(`dial ${peer} ${address}:${port}`),
    cancelDial: (_, peer) => did.push(`cancel ${peer}`),
    refused: (_, code, reason) => did.push(`refused ${code} ${reason}`),
    broken: (_, reason) => did.push(`broken ${reason}`),
  }
  const heard: string[] = []
  const traffic: AgentTraffic = {
    greeted: (_, reply) => heard.push(`greeted ${reply.scheduler_type}`),
    told: (agent, message) => heard.push(`${message.type} ${agent.isTopologyReady}`),
    parted: () => heard.push('parted'),
  }
  const agent = new NodeAgent(
    {
      nodeId: 5,
      address: '172.16.8.6',
      port: 8080,
      privateNetworkName: 'a',
      ...(token === undefined ? undefined : { token }),
    },
    effects,
    traffic,
  )
  /** What was done since the last call. */
  const done = (): string[] => did.splice(0)
  const joined = (neighbours: readonly number[]): void => {
    agent.connected(1)
    agent.receive(startUp(neighbours))
    done()
  }
  return { agent, done, heard, joined }
}

const READY = 'send {"type":"NodeTopologyReady","node_id":5}'
const changed = (up: number, expected: number) =>
  `send {"type":"LinksChanged","node_id":5,"links_up":${up},"links_expected":${expected}}`

t.test('greets with its listener, incarnation and token', t => {
  const { agent, done } = setUp('secret')
  agent.connected(3)
  const [greeting] = done()
  t.strictSame(JSON.parse(greeting?.slice(5) ?? ''), {
    type: 'StartUp',
    node_id: 5,
    private_network_name: 'a',
    private_network_addr: '172.16.8.6:8080',
    public_network_addr: '172.16.8.6:8080',
    incarnation: 3,
    token: 'secret',
  })
  t.equal(agent.incarnation, 3)
  t.end()
})

t.test('greets without a token where there is none', t => {
  const { agent, done } = setUp()
  agent.connected(1)
  t.notMatch(done()[0], /token/)
  t.end()
})

t.test('a node without neighbours is ready as soon as it has routes', t => {
  const { agent, done, joined } = setUp()
  joined([])
  t.equal(agent.isReady, false)
  agent.receive(routes)
  t.strictSame(done(), [READY])
  t.equal(agent.isReady, true)
  t.end()
})

t.test('is ready once, when every link is up and routes are in, in either order', t => {
  for (const routesFirst of [true, false]) {
    const { agent, done, joined } = setUp()
    joined([4, 6])
    if (routesFirst) agent.receive(routes)
    agent.linkUp(4)
    t.strictSame(done(), [])
    agent.linkUp(6)
    if (!routesFirst) {
      t.strictSame(done(), [])
      agent.receive(routes)
    }
    t.strictSame(done(), [READY])
    agent.receive(routes)
    agent.linkUp(6)
    t.strictSame(done(), [], 'never twice')
  }
  t.end()
})

t.test('a link that came up before the controller answered counts', t => {
  const { agent, done } = setUp()
  agent.connected(1)
  agent.linkUp(4)
  agent.receive(startUp([4]))
  agent.receive(routes)
  t.ok(done().includes(READY))
  t.equal(agent.linksUp, 1)
  t.end()
})

t.test('a link of somebody who is no neighbour counts for nothing', t => {
  const { agent, done, joined } = setUp()
  joined([4])
  agent.receive(routes)
  agent.linkUp(9)
  t.strictSame(done(), [])
  agent.linkDown(9)
  agent.linkDown(8)
  t.strictSame([done(), agent.linksUp, agent.linksExpected], [[], 0, 1])
  t.end()
})

t.test('dials on AddNode, not when the link is up already', t => {
  const { agent, done, joined } = setUp()
  joined([4, 6])
  agent.receive(addNode(4))
  t.strictSame(done(), ['dial 4 172.16.8.5:8080'])
  agent.linkUp(6)
  agent.receive(addNode(6))
  t.strictSame(done(), [])
  t.end()
})

t.test('AddNode of an id that was no neighbour makes it one', t => {
  const { agent, done, joined } = setUp()
  joined([4])
  agent.receive(addNode(9))
  t.strictSame(done(), ['peers 4,9', 'dial 9 172.16.8.10:8080'])
  t.equal(agent.linksExpected, 2)
  t.end()
})

t.test('RemoveNode ends the dial and keeps expecting the neighbour', t => {
  const { agent, done, joined } = setUp()
  joined([4])
  agent.receive(addNode(4))
  done()
  agent.receive(removeNode(4))
  t.strictSame(done(), ['cancel 4'])
  agent.receive(removeNode(4))
  t.strictSame(done(), [])
  t.equal(agent.linksExpected, 1)
  agent.receive(routes)
  t.equal(agent.isReady, false)
  agent.linkUp(4)
  t.strictSame(done(), [READY])
  t.end()
})

t.test('a ready node tells of links that go and come back, and dials again those it dialled', t => {
  const { agent, done, joined } = setUp()
  joined([4, 6])
  agent.receive(addNode(4))
  agent.receive(routes)
  agent.linkUp(4)
  agent.linkUp(6)
  done()
  agent.linkDown(6)
  t.strictSame(done(), [changed(1, 2)])
  agent.linkDown(6)
  t.strictSame(done(), [])
  agent.linkDown(4)
  t.strictSame(done(), [changed(0, 2), 'dial 4 172.16.8.5:8080'])
  agent.receive(removeNode(4))
  agent.linkUp(4)
  agent.linkUp(6)
  t.strictSame(done(), ['cancel 4', changed(1, 2), changed(2, 2)])
  agent.linkDown(4)
  t.strictSame(done(), [changed(1, 2)], 'not dialled: it dials when it comes back')
  t.end()
})

t.test('a link that goes before the node is ready must come back', t => {
  const { agent, done, joined } = setUp()
  joined([4, 6])
  agent.receive(routes)
  agent.linkUp(4)
  agent.linkDown(4)
  agent.linkUp(6)
  t.strictSame(done(), [])
  agent.linkUp(4)
  t.strictSame(done(), [READY])
  t.end()
})

t.test('the next incarnation is ready anew, its links kept unless they were dropped', t => {
  const { agent, done, joined } = setUp()
  joined([4])
  agent.receive(routes)
  agent.linkUp(4)
  agent.disconnected()
  done()
  agent.connected(2)
  agent.receive(startUp([4]))
  agent.receive(routes)
  t.ok(done().includes(READY))
  agent.linksDropped()
  agent.linkDown(4)
  agent.connected(3)
  agent.receive(startUp([4]))
  agent.receive(routes)
  t.notOk(done().includes(READY))
  agent.linkUp(4)
  t.strictSame(done(), [READY])
  t.end()
})

t.test('what is said of packets goes on, in order, from StartUp to the end of the connection', t => {
  const { agent, heard, joined } = setUp()
  agent.disconnected()
  joined([6, 4])
  t.strictSame(agent.neighbours, [4, 6])
  agent.receive({ type: 'InstallRoutes', routes: [] })
  agent.receive({ type: 'InstallGroupDirectory', groups: [] })
  agent.receive({ type: 'InstallGroupRoutes', group_id: 1, src_node_id: 5, routes: [] })
  agent.receive({ type: 'SetLinkRate', node_id: 6, rate: { rate: 10, bucket_size: 20 } })
  agent.receive({ type: 'SetLink', node_id: 6, shape: {} })
  agent.receive({ type: 'AddFlows', flows: [flow(1)] })
  agent.receive({ type: 'TopologyReady' })
  agent.receive({ type: 'RemoveFlows', controller_ids: [1] })
  agent.receive(addNode(4))
  agent.disconnected()
  agent.disconnected()
  t.equal(agent.isTopologyReady, false)
  t.strictSame(heard, [
    'greeted fifo',
    'InstallRoutes false',
    'InstallGroupDirectory false',
    'InstallGroupRoutes false',
    'SetLinkRate false',
    'SetLink false',
    'AddFlows false',
    'TopologyReady true',
    'RemoveFlows true',
    'parted',
  ])
  t.end()
})

t.test('nothing is said of packets to a node whose run was refused', t => {
  const { agent, heard } = setUp()
  const effects = { joined: () => refused.disconnected(), send: () => {} } as unknown as AgentEffects
  const traffic = {
    greeted: () => heard.push('greeted'),
    parted: () => heard.push('parted'),
  } as unknown as AgentTraffic
  const refused: NodeAgent = new NodeAgent(agent.identity, effects, traffic)
  refused.connected(1)
  refused.receive(startUp([]))
  t.strictSame(heard, ['parted'])
  t.end()
})

t.test('a controller that breaks the protocol is told apart', t => {
  const cases: [string, (agent: NodeAgent) => void, string][] = [
    ['before StartUp', agent => agent.receive(addNode(4)), 'broken AddNode before StartUp'],
    ['StartUp of another', agent => agent.receive(startUp([], 6)), 'broken StartUp for node 6'],
  ]
  for (const [name, act, expected] of cases) {
    const { agent, done } = setUp()
    agent.connected(1)
    done()
    act(agent)
    t.strictSame(done(), [expected], name)
  }
  const { agent, done, joined } = setUp()
  joined([4])
  agent.receive(startUp([4]))
  agent.receive(addNode(5))
  agent.receive({ type: 'AddNode', remote_node_id: 4, remote_addr: 'nowhere' })
  agent.receive({ type: 'Surprise' } as unknown as ControllerMessage)
  t.strictSame(done(), [
    'broken a second StartUp',
    'broken AddNode of 5 at "172.16.8.6:8080"',
    'broken AddNode of 4 at "nowhere"',
    'broken unknown message "Surprise"',
  ])
  t.end()
})

t.test('a refusal is passed on, before and after joining', t => {
  const { agent, done, joined } = setUp()
  agent.receive({ type: 'Refused', code: 'unknown_id', reason: 'not in the plan' })
  t.strictSame(done(), ['refused unknown_id not in the plan'])
  joined([])
  agent.receive({ type: 'AddNodeAddress', remote_node_id: 4, remote_max_server_addr: '172.16.8.5:8081' })
  agent.receive({ type: 'AddNodeAddress', remote_node_id: 4, remote_max_server_addr: 'nowhere' })
  agent.receive({ type: 'Refused', code: 'replaced', reason: 'a newer one came' })
  t.strictSame(done(), ['broken AddNodeAddress of "nowhere"', 'refused replaced a newer one came'])
  t.end()
})
