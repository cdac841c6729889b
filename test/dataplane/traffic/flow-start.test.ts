// When a fleet's flows start, with an engine that only keeps what it is told: at once where no link leads out of the
// fleet, else by the controller's word.

import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import type { FleetNode } from '../../../src/dataplane/fleet-node.ts'
import type { NodeAgent, StartUpReply } from '../../../src/dataplane/node-agent.ts'
import { Traffic } from '../../../src/dataplane/traffic/traffic.ts'
import type { PacketEngineConstructor } from '../../../src/native/engine.ts'
import type { NodeMessage } from '../../../src/protocol/messages.ts'
import { dataplaneConfig } from '../../fixtures/fleet.ts'

const reply = {
  scheduler_type: 'fifo',
  virtual_base_addr: '10.0.0.0',
  user_space_base_addr: '10.1.0.0',
  net_mask: '255.255.0.0',
  routing: null,
} as unknown as StartUpReply
const route = { route_id: 1, next_hops: [2], src_node_id: 1, dst_node_id: 2, forward_mode: 'unicast' } as const
const flow = { controller_id: 1, src_node_id: 1, dst_node_id: 2, flow_spec: { flow_len: { Bytes: 1000 } } }

/** A fleet of node 1, whose neighbour is `peer`. */
function fleetWith(t: Test, peer: number) {
  const said: NodeMessage[] = []
  const started: unknown[] = []
  class Engine {
    changeRoutes = async (): Promise<void> => {}
    setLinks = async (): Promise<void> => {}
    startFlow = async (nodeId: number): Promise<void> => void started.push(nodeId)
  }
  const agent = { nodeId: 1, neighbours: [peer], isJoined: true, isTopologyReady: true } as unknown as NodeAgent
  const connection = { send: (message: NodeMessage) => said.push(message) }
  const node = { nodeId: 1, agent, peers: [peer], connection, listening: {}, preparing: null } as unknown as FleetNode
  const traffic = new Traffic({
    PacketEngine: Engine as unknown as PacketEngineConstructor,
    config: dataplaneConfig(),
    nodes: [node],
    nodesCount: 2,
    netnsOf: () => {
      throw new Error('it has none')
    },
    clock: systemClock,
    warn: message => t.fail(message),
  })
  traffic.begin(new Uint8Array(16))
  t.teardown(() => traffic.close())
  traffic.greeted(agent, reply)
  traffic.told(agent, { type: 'InstallRoutes', routes: [route] })
  return { traffic, agent, said, started }
}

/** Turns of the event loop, enough for all that waits for none but itself. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
}

const ready = ({ type }: NodeMessage): boolean => type === 'RoutesReady'

t.test('a fleet on its own starts them as soon as its routes are there', async t => {
  const { traffic, agent, said, started } = fleetWith(t, 1)
  traffic.told(agent, { type: 'AddFlows', flows: [flow] })
  await settle()
  t.same(started, [], 'not before all nodes are ready')
  traffic.told(agent, { type: 'TopologyReady' })
  await settle()
  t.same(started, [1])
  t.equal(said.filter(ready).length, 1)
})

t.test('one of several waits for the word that all have theirs', async t => {
  const { traffic, agent, said, started } = fleetWith(t, 2)
  traffic.told(agent, { type: 'AddFlows', flows: [flow] })
  traffic.told(agent, { type: 'TopologyReady' })
  await settle()
  t.same(said.filter(ready), [{ type: 'RoutesReady', node_id: 1 }])
  t.same(started, [])
  traffic.told(agent, { type: 'MayStartFlows' })
  await settle()
  t.same(started, [1])
  traffic.told(agent, { type: 'AddFlows', flows: [{ ...flow, controller_id: 2 }] })
  await settle()
  t.same(started, [1, 1], 'later ones start at once')
  t.equal(said.filter(ready).length, 1)
})

t.test('a fleet without flows says that it is ready, too: packets pass through it', async t => {
  const { traffic, agent, said } = fleetWith(t, 2)
  await settle()
  traffic.told(agent, { type: 'TopologyReady' })
  await settle()
  t.same(said.filter(ready), [{ type: 'RoutesReady', node_id: 1 }])
})

t.test('a controller that knows nothing of this is not waited for without end', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { traffic, agent, started } = fleetWith(t, 2)
  traffic.told(agent, { type: 'AddFlows', flows: [flow] })
  traffic.told(agent, { type: 'TopologyReady' })
  await settle()
  mock.timers.tick(9_000)
  await settle()
  t.same(started, [])
  mock.timers.tick(1_000)
  await settle()
  t.same(started, [1])
})
