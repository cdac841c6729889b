// What the fleet takes from a controller, and what it does not.

import t from 'tap'
import { parseControllerMessage } from '../../src/dataplane/controller-message.ts'

const startUp = { type: 'StartUp', node_id: 1, run_id: '0'.repeat(32), neighbours: [2, 3] }

t.test('takes messages whose fields it can act on', t => {
  for (const message of [
    startUp,
    { type: 'AddNode', remote_node_id: 2, remote_addr: '172.16.8.3:8080' },
    { type: 'RemoveNode', remote_node_id: 2, reason: 'left' },
    { type: 'InstallRoutes', routes: [] },
    { type: 'SetLinkRate', node_id: 2, rate: { rate: 1, bucket_size: 2 } },
    { type: 'AddFlows', flows: [] },
    { type: 'RemoveFlows', controller_ids: [1] },
    { type: 'TopologyReady' },
    { type: 'Refused', code: 'ending', reason: 'bye' },
  ]) {
    t.strictSame(parseControllerMessage(JSON.stringify(message)), message, message.type)
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
    { type: 'AddNode', remote_node_id: 2 },
    { type: 'AddNode', remote_node_id: 2.5, remote_addr: 'a:1' },
    { type: 'RemoveNode' },
    { type: 'InstallRoutes' },
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
