// Flows start when every fleet has its routes, and not before.

import t from 'tap'
import { type FleetSession, FlowGate } from '../../src/controller/flow-gate.ts'
import { CoreBench } from '../fixtures/controller.ts'

const said: string[] = []
const sessionOf = (fleet: string | undefined): FleetSession => ({ fleet, release: () => said.push(fleet ?? 'none') })
t.beforeEach(() => said.splice(0))

t.test('the gate opens when the last fleet is prepared, once, and stays open', t => {
  const gate = new FlowGate()
  const fleets = (): string[] => ['a', 'b', 'a']
  gate.prepared(sessionOf('a'), fleets)
  gate.prepared(sessionOf('a'), fleets)
  gate.look(fleets)
  t.same(said, [])
  gate.prepared(sessionOf('b'), fleets)
  t.same(said, ['a', 'b'])
  gate.look(fleets)
  gate.prepared(sessionOf('c'), () => ['c', 'd'])
  t.same(said, ['a', 'b', 'c'])
  t.end()
})

t.test('nobody waits for a fleet that has left, or for nodes of none', t => {
  const gate = new FlowGate()
  gate.look(() => ['a'])
  gate.prepared(sessionOf('a'), () => ['a', 'b', undefined])
  t.same(said, [])
  gate.prepared(sessionOf(undefined), () => ['a', 'b', undefined])
  t.same(said, ['none'])
  gate.look(() => ['a', undefined])
  t.same(said, ['none', 'a'])
  t.end()
})

t.test('the controller tells each fleet through the node that spoke for it', async t => {
  const bench = new CoreBench()
  const join = (id: number, fleet: string) => bench.join(id, { fleet })
  const [first, , third] = [join(1, 'a'), join(2, 'a'), join(3, 'b')]
  const told = ({ port }: typeof first): boolean => port.sent.some(({ type }) => type === 'MayStartFlows')
  bench.core.receive(first.session, { type: 'RoutesReady', node_id: 1 })
  t.notOk(told(first))
  bench.core.receive(third.session, { type: 'RoutesReady', node_id: 3 })
  t.ok(told(first) && told(third))
  const other = new CoreBench()
  const alone = other.join(1, { fleet: 'a' })
  const leaving = other.join(3, { fleet: 'b' })
  other.core.receive(alone.session, { type: 'RoutesReady', node_id: 1 })
  t.notOk(told(alone))
  other.core.receive(leaving.session, { type: 'Leave', node_id: 3, reason: 'ends' })
  t.ok(told(alone))
})
