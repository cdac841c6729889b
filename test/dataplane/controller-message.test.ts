// What the fleet takes from a controller, and what it does not.

import t from 'tap'
import { parseControllerMessage } from '../../src/dataplane/controller-message.ts'

const startUp = {
  type: 'StartUp',
  node_id: 1,
  run_id: '0'.repeat(32),
  neighbours: [2, 3],
  virtual_base_addr: '10.0.0.0',
  net_mask: '255.255.0.0',
  scheduler_type: 'fifo',
  routing: null,
}
const ring = { type: 'ring', nNodes: 6 }
const route = { route_id: 1, next_hops: [2, 3], src_node_id: 1, dst_node_id: 4, forward_mode: 'unicast' }
const flow = { controller_id: 1, src_node_id: 1, dst_node_id: 2, flow_spec: { flow_len: { Bytes: 1 } } }
const flowOf = (spec: object): object => ({ type: 'AddFlows', flows: [{ ...flow, flow_spec: spec }] })
const shaped = (shape: object): object => ({ type: 'SetLink', node_id: 2, shape })

t.test('takes messages whose fields it can act on', t => {
  for (const message of [
    startUp,
    { type: 'AddNode', remote_node_id: 2, remote_addr: '172.16.8.3:8080' },
    { type: 'RemoveNode', remote_node_id: 2, reason: 'left' },
    { ...startUp, routing: { protocol: 'shortest_path', topology: null } },
    { ...startUp, routing: { protocol: 'shortest_path', topology: ring } },
    { ...startUp, routing: { protocol: 'shortest_path', topology: { type: 'torus', dim: 3, n: 4 } } },
    { type: 'InstallRoutes', routes: [] },
    { type: 'InstallRoutes', routes: [route], next_hop_runs: [1, 1, 2, 2, 1, 0] },
    { type: 'SetLinkRate', node_id: 2, rate: { rate: 1, bucket_size: 2 } },
    shaped({}),
    { ...shaped({ rate: 1.5, delay_s: 0.02, loss_ratio: 1, queue_packets: 1 }), change: 0 },
    { type: 'InstallGroupDirectory', groups: [{ group_id: 1, group_ip: '239.255.0.1', member: true }] },
    { type: 'InstallGroupRoutes', group_id: 1, src_node_id: 2, routes: [{ tree_id: 0, next_hops: [] }] },
    { type: 'AddFlows', flows: [] },
    { type: 'AddFlows', flows: [{ ...flow, dst_group_id: 3, route_id: 7 }] },
    flowOf({ flow_len: { Duration: 0.5 }, flow_rate: 12.5, flow_weight: 2, packet_bytes: 52 }),
    { type: 'RemoveFlows', controller_ids: [1] },
    { type: 'TopologyReady' },
    { type: 'Refused', code: 'ending', reason: 'bye' },
  ]) {
    t.strictSame(parseControllerMessage(JSON.stringify(message)), message, JSON.stringify(message))
  }
  t.end()
})

t.test('passes unknown types on, also those named like what every object has', t => {
  t.strictSame(parseControllerMessage('{"type":"toString"}'), { type: 'toString' })
  t.end()
})

t.test('refuses what is malformed', t => {
  for (const value of [
    null,
    [],
    7,
    {},
    { type: 3 },
    { ...startUp, node_id: 0 },
    { ...startUp, node_id: '1' },
    { ...startUp, run_id: 'xyz' },
    { ...startUp, neighbours: 2 },
    { ...startUp, neighbours: [2, 'x'] },
    { ...startUp, virtual_base_addr: '10.0.0' },
    { ...startUp, net_mask: undefined },
    { ...startUp, scheduler_type: 'lifo' },
    { ...startUp, routing: undefined },
    { ...startUp, routing: { topology: { type: 'ring', nNodes: 1e7 } } },
    { ...startUp, routing: { topology: { type: 'toString' } } },
    { ...startUp, routing: { topology: { type: 'torus', dim: 4, n: 4 } } },
    { type: 'AddNode', remote_node_id: 2 },
    { type: 'AddNode', remote_node_id: 2.5, remote_addr: 'a:1' },
    { type: 'RemoveNode' },
    { type: 'InstallRoutes' },
    { type: 'InstallRoutes', routes: [{ ...route, next_hops: [0] }] },
    { type: 'InstallRoutes', routes: [{ ...route, route_id: -1 }] },
    { type: 'InstallRoutes', routes: [], next_hop_runs: [1] },
    { type: 'InstallRoutes', routes: [], next_hop_runs: [1, -1] },
    shaped({ loss_ratio: 1.1 }),
    shaped({ delay_s: 3601 }),
    shaped({ rate: 0 }),
    shaped({ queue_packets: 0.5 }),
    { type: 'SetLink', node_id: 2 },
    { type: 'InstallGroupDirectory', groups: [{ group_id: 1 }] },
    { type: 'InstallGroupRoutes', group_id: 1, src_node_id: 2, routes: [{ tree_id: 65_536, next_hops: [] }] },
    flowOf({ flow_len: {} }),
    flowOf({ flow_len: { Bytes: 0 } }),
    flowOf({ flow_len: { Bytes: 1 }, flow_rate: '5' }),
    flowOf({ flow_len: { Bytes: 1 }, packet_bytes: 51 }),
    { type: 'SetLinkRate', node_id: 1, rate: null },
    { type: 'AddFlows', flows: {} },
    { type: 'RemoveFlows' },
    { type: 'Refused', code: 1 },
  ]) {
    t.equal(parseControllerMessage(JSON.stringify(value)), null, JSON.stringify(value))
  }
  t.equal(parseControllerMessage('{"type":'), null)
  t.end()
})
