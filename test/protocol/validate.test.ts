import t from 'tap'

import { parseNodeMessage } from '../../src/protocol/validate.ts'
import { startUp } from '../fixtures/controller.ts'

const parse = (value: unknown) => parseNodeMessage(JSON.stringify(value))
const reasonOf = (value: unknown): string => {
  const parsed = parse(value)
  return parsed.ok ? 'accepted' : parsed.reason
}

t.test('every message a node sends comes through as it was', async t => {
  const messages = [
    startUp(1),
    startUp(2, { token: 'secret', public_network_addr: 'node-2.example:1', private_network_addr: '[fe80::1]:65535' }),
    { type: 'NodeTopologyReady', node_id: 7 },
    { type: 'LinksChanged', node_id: 7, links_up: 0, links_expected: 2 },
    { type: 'NodeLost', node_id: 7, lost_node_id: 8, incarnation: 2, reason: 'link down' },
    { type: 'Leave', node_id: 7, reason: 'asked to' },
  ]
  for (const message of messages) t.same(parse(message), { ok: true, message })
})

t.test('unknown fields are dropped, because the protocol only grows', async t => {
  t.same(parse({ type: 'Leave', node_id: 1, reason: '', mood: 'sad' }), {
    ok: true,
    message: { type: 'Leave', node_id: 1, reason: '' },
  })
  for (const message of [startUp(1), { ...startUp(1), fleet: 'f' }, { ...startUp(1), token: 't' }])
    t.strictSame(parse({ ...message, mood: 'sad' }), { ok: true, message })
})

t.test('what is no JSON object with a known type is refused', async t => {
  t.same(parseNodeMessage('{"type":'), { ok: false, reason: 'not JSON' })
  for (const value of [null, 1, 'StartUp', [startUp(1)]]) t.equal(reasonOf(value), 'not a JSON object')
  t.equal(reasonOf({}), 'type: must be a string')
  for (const type of ['Probe', 'toString', '__proto__', ''])
    t.match(reasonOf({ type }), /^type: must be one of StartUp, /)
})

t.test('the first wrong field is named with what it must be', async t => {
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ['node_id', '1', /^StartUp\.node_id: must be number/],
    ['node_id', 0, /^StartUp\.node_id: must be >=1/],
    ['node_id', 1.5, /^StartUp\.node_id: /],
    ['node_id', 2 ** 31, /^StartUp\.node_id: must be <=2147483647/],
    ['node_id', undefined, /^StartUp\.node_id: /],
    ['incarnation', -1, /^StartUp\.incarnation: must be >=0/],
    ['incarnation', 2 ** 53, /^StartUp\.incarnation: /],
    ['private_network_name', null, /^StartUp\.private_network_name: must be string/],
    ['private_network_name', 'x'.repeat(256), /^StartUp\.private_network_name: /],
    ['private_network_name', 'a\0b', /^StartUp\.private_network_name: must have no NUL/],
    ['fleet', null, /^StartUp\.fleet: must be string/],
    ['fleet', 'x'.repeat(256), /^StartUp\.fleet: /],
    ['incarnation', 0.5, /^StartUp\.incarnation: /],
    ['private_network_addr', 'host', /^StartUp\.private_network_addr: must be host:port/],
    ['private_network_addr', `${'h'.repeat(255)}:1`, /^StartUp\.private_network_addr: /],
    ['public_network_addr', 7, /^StartUp\.public_network_addr: /],
    ['token', 5, /^StartUp\.token: must be string/],
    ...['', ':1', 'host', 'host:', 'host:0', 'host:65536', 'host:01', 'a b:1', 'a:1:1', '[::1:1', 'h:1 '].map(
      address => ['public_network_addr', address, /^StartUp\.public_network_addr: must be host:port/] as const,
    ),
  ]
  for (const [field, value, expected] of cases) t.match(reasonOf({ ...startUp(1), [field]: value }), expected)
  t.match(reasonOf({ ...startUp(1), fleet: 'f', token: 5 }), /^StartUp\.token: must be string/)
  t.match(reasonOf({ type: 'NodeTopologyReady', node_id: 0 }), /^NodeTopologyReady\.node_id: must be >=1/)
  t.match(reasonOf({ type: 'LinksChanged', node_id: 1, links_up: -1, links_expected: 2 }), /^LinksChanged\.links_up: /)
  const moved = { remote_node_id: 0, bytes: 1, time_read: 1 }
  const flow = { flow_id: '0a'.repeat(16), dst_node_id: 0, start_time: 1 }
  const reasonOfFlow = (type: string, one: object) =>
    reasonOf({ type, node_id: 1, [type === 'Metrics' ? 'metrics' : 'flows']: [one] })
  t.match(reasonOfFlow('Metrics', moved), /^Metrics\.metrics\.0: must be of a controller_id, or of a flow_id/)
  t.match(reasonOfFlow('Metrics', { ...moved, flow_id: '0A'.repeat(16) }), /^Metrics\.metrics\.0: must be of/)
  t.match(reasonOfFlow('FlowFinished', { ...flow, finish_time: -1 }), /^FlowFinished\.flows\.0: must be of/)
  const long = { ...flow, src_node_id: 1, flow_id: `${flow.flow_id}0` }
  t.match(reasonOfFlow('AppFlowStart', long), /^AppFlowStart\.flows\.0\.flow_id: must be 32 hex digits/)
  t.match(reasonOfFlow('RouteAssigned', { ...flow, route_id: -1, time: 1 }), /^RouteAssigned\.flows\.0\.route_id: /)
})
