import t from 'tap'
import { makeTopology } from '../../src/topology/make.ts'
import { ringOrder } from '../../src/topology/ring-order.ts'
import type { TopologyConfig } from '../../src/topology/types.ts'

function orderOf(preset: TopologyConfig['preset']): number[] | null {
  const topology = makeTopology({ preset, edges: [] } as TopologyConfig)
  return ringOrder(
    topology.nodesCount,
    Array.from(topology.a, (a, edge) => [a, topology.b[edge] as number] as const),
  )
}

t.test('the ring preset goes from 1 up', async t => {
  for (const nNodes of [3, 4, 100]) {
    const order = orderOf({ type: 'ring', nNodes })
    t.same(
      order,
      Array.from({ length: nNodes }, (_, i) => i + 1),
    )
  }
})

t.test('two nodes with a link are a ring, and one node without', async t => {
  t.same(orderOf({ type: 'ring', nNodes: 2 }), [1, 2])
  t.same(orderOf({ type: 'ring', nNodes: 1 }), [1])
  t.equal(ringOrder(1, [[1, 1]]), null)
  t.equal(ringOrder(2, []), null)
})

t.test('a ring in any other order is one, from 1 to its lower neighbour', async t => {
  t.same(
    ringOrder(5, [
      [4, 2],
      [2, 5],
      [1, 4],
      [3, 5],
      [1, 3],
    ]),
    [1, 3, 5, 2, 4],
  )
  t.same(orderOf({ type: 'grid', rows: 2, columns: 2 }), [1, 2, 4, 3])
  t.same(orderOf({ type: 'full_mesh', nNodes: 3 }), [1, 2, 3])
})

t.test('what is not one ring through all nodes is none', async t => {
  t.equal(orderOf({ type: 'line', nNodes: 5 }), null)
  t.equal(orderOf({ type: 'star', nNodes: 5 }), null)
  t.equal(orderOf({ type: 'torus', dim: 2, n: 3 }), null)
  const two = [
    [1, 2],
    [2, 3],
    [1, 3],
    [4, 5],
    [5, 6],
    [4, 6],
  ] as const
  t.equal(ringOrder(6, two), null, 'two rings')
  const tail = [
    [1, 2],
    [2, 3],
    [1, 3],
    [3, 4],
  ] as const
  t.equal(ringOrder(4, tail), null, 'a ring with a tail')
})

t.test('edges that make no sense are no ring', async t => {
  const ring = [
    [1, 2],
    [2, 3],
  ] as const
  t.equal(ringOrder(3, [...ring, [3, 3]]), null)
  t.equal(ringOrder(3, [...ring, [3, 4]]), null)
  t.equal(ringOrder(3, [...ring, [1, 2]]), null)
  t.equal(ringOrder(3, [...ring, [0, 1]]), null)
})
