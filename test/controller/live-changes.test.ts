// Routes and flows that change while nodes are there: only those concerned hear of it.

import t from 'tap'

import type { Flow } from '../../src/controller/flows.ts'
import { CoreBench, type RecordingPort } from '../fixtures/controller.ts'

const line = (nNodes: number) => ({ topology: { preset: { type: 'line', nNodes }, edges: [] } }) as const
const take = (ports: readonly RecordingPort[]) => ports.map(port => port.take())
const flow = (changes: Partial<Flow> = {}): Flow => ({
  id: 1,
  srcNodeId: 1,
  dstNodeId: 3,
  spec: { flow_len: { Duration: 2 } },
  ...changes,
})

t.test('a changed route reaches the nodes on it, old and new, and nobody else', async t => {
  const bench = new CoreBench(line(4))
  bench.core.setRoute(1, [[1, 2]])
  const ports = [1, 2, 3, 4].map(id => bench.join(id).port)
  const entry = (next_hops: number[], dst_node_id = 2) => ({
    route_id: 1,
    next_hops,
    src_node_id: 1,
    dst_node_id,
    forward_mode: 'unicast',
  })
  t.same(
    ports.map(port => port.take().flatMap(message => (message.type === 'InstallRoutes' ? message.routes : []))),
    [[entry([2])], [entry([2])], [], []],
  )
  bench.core.setRoute(1, [
    [1, 2],
    [2, 3],
  ])
  t.same(take(ports), [
    [{ type: 'InstallRoutes', routes: [entry([2], 3)] }],
    [{ type: 'InstallRoutes', routes: [entry([3], 3)] }],
    [{ type: 'InstallRoutes', routes: [entry([3], 3)] }],
    [],
  ])
  bench.core.setRoute(1, [
    [1, 2],
    [2, 3],
  ])
  t.same(take(ports), [[], [], [], []], 'an equal route changes nothing')
  bench.core.replaceRoutes(new Map())
  t.same(
    ports.map(port => port.take()),
    [1, 2, 3].map(() => [{ type: 'InstallRoutes', routes: [] }] as object[]).concat([[]]),
  )
})

t.test('only nodes whose entry differs hear of a change', async t => {
  const bench = new CoreBench(line(4))
  bench.core.setRoute(1, [
    [1, 2],
    [2, 3],
    [2, 4],
  ])
  const ports = [1, 2, 3, 4].map(id => bench.join(id).port)
  take(ports)
  bench.core.setRoute(2, [[4, 3]])
  t.same(
    ports.map(port => port.takeTypes()),
    [[], [], ['InstallRoutes'], ['InstallRoutes']],
  )
})

t.test('a route that can be none is ignored with a warning, and the old one stays', async t => {
  const bench = new CoreBench(line(3))
  bench.core.setRoute(1, [[1, 2]])
  const { port } = bench.join(1)
  port.take()
  for (const edges of [
    [],
    [[1, 1]],
    [[1, 9]],
    [[0, 1]],
    [
      [1, 2],
      [2, 1],
    ],
    [
      [1, 3],
      [2, 3],
    ],
    [
      [1, 2],
      [2, 3],
      [3, 2],
    ],
    [
      [1, 2],
      [2, 2],
    ],
  ]) {
    bench.events.length = 0
    bench.core.setRoute(1, edges as [number, number][])
    t.same(bench.takeEvents(), ['warning'], JSON.stringify(edges))
  }
  t.same(port.take(), [])
})

t.test('several sinks make a route multicast, and a repeated edge counts once', async t => {
  const bench = new CoreBench(line(4))
  bench.core.setRoute(7, [
    [1, 2],
    [2, 3],
    [2, 4],
    [2, 3],
  ])
  t.match(bench.join(2).port.sent.at(-1), {
    routes: [{ route_id: 7, next_hops: [3, 4], src_node_id: 1, dst_node_id: 3, forward_mode: 'multicast' }],
  })
})

t.test('flows inserted, changed and deleted after the barrier reach their two ends', async t => {
  const bench = new CoreBench(line(3))
  const ports = [1, 2, 3].map(id => bench.join(id).port)
  take(ports)
  bench.core.traffic.setFlow(1, flow())
  t.same(
    ports.map(port => port.takeTypes()),
    [['AddFlows'], [], ['AddFlows']],
  )
  bench.core.traffic.setFlow(1, flow())
  t.same(take(ports), [[], [], []])
  bench.core.traffic.setFlow(1, flow({ dstNodeId: 2 }))
  t.same(
    ports.map(port => port.takeTypes()),
    [['RemoveFlows', 'AddFlows'], ['AddFlows'], ['RemoveFlows']],
  )
  bench.core.traffic.replaceFlows(new Map([[2, flow({ id: 2, srcNodeId: 3 })]]))
  t.same(take(ports), [
    [{ type: 'RemoveFlows', controller_ids: [1] }],
    [{ type: 'RemoveFlows', controller_ids: [1] }],
    [
      {
        type: 'AddFlows',
        flows: [{ controller_id: 2, src_node_id: 3, dst_node_id: 3, flow_spec: { flow_len: { Duration: 2 } } }],
      },
    ],
  ])
})

t.test('flows before the barrier wait for it, and a deleted one is never sent', async t => {
  const bench = new CoreBench(line(3))
  const ports = [1, 2].map(id => bench.join(id).port)
  bench.core.traffic.setFlow(1, flow())
  bench.core.traffic.setFlow(2, flow({ id: 2 }))
  bench.core.traffic.setFlow(1, null)
  t.notOk(ports.some(port => port.takeTypes().includes('AddFlows')))
  bench.join(3)
  t.match(ports[0]?.take(), [{ type: 'AddFlows', flows: [{ controller_id: 2 }] }])
})

t.test('a flow whose end is not in the plan is ignored with a warning', async t => {
  const bench = new CoreBench(line(3))
  bench.core.traffic.setFlow(1, flow({ dstNodeId: 4 }))
  t.same(bench.takeEvents(), ['warning'])
})
