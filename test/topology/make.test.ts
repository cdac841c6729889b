import t from 'tap'
import { makeTopology, neighboursOf } from '../../src/topology/make.ts'
import type { Topology, TopologyConfig } from '../../src/topology/types.ts'
import { seededRounds } from '../fixtures/seeds.ts'
import { presets } from '../fixtures/topologies.ts'

const make = (preset: NonNullable<TopologyConfig['preset']>) => makeTopology({ preset, edges: [] })

const edgesOf = (topology: Topology): string[] => Array.from(topology.a, (a, edge) => `${a}-${topology.b[edge]}`)

const degreesOf = (topology: Topology): number[] =>
  Array.from({ length: topology.nodesCount }, (_, index) => neighboursOf(topology, index + 1).length)

t.test('a ring closes, and small rings collapse', t => {
  t.same(edgesOf(make({ type: 'ring', nNodes: 4 })), ['1-2', '1-4', '2-3', '3-4'])
  t.same(edgesOf(make({ type: 'ring', nNodes: 2 })), ['1-2'], 'two edges between two nodes are one')
  t.same(edgesOf(make({ type: 'ring', nNodes: 1 })), [], 'no self edge')
  t.end()
})

t.test('a line, a star and a grid', t => {
  t.same(edgesOf(make({ type: 'line', nNodes: 3 })), ['1-2', '2-3'])
  t.same(edgesOf(make({ type: 'star', nNodes: 4 })), ['1-2', '1-3', '1-4'])
  t.same(edgesOf(make({ type: 'grid', rows: 2, columns: 3 })), ['1-2', '1-4', '2-3', '2-5', '3-6', '4-5', '5-6'])
  t.end()
})

t.test('a full mesh has every pair once', t => {
  const topology = make({ type: 'full_mesh', nNodes: 30 })
  t.equal(topology.edgesCount, (30 * 29) / 2)
  t.ok(degreesOf(topology).every(degree => degree === 29))
  t.end()
})

t.test('a torus has one edge a node and dimension, by the published numbering', t => {
  const topology = make({ type: 'torus', dim: 3, n: 10 })
  t.equal(topology.nodesCount, 1000)
  t.equal(topology.edgesCount, 3000)
  // id = 1 + i + j·n + k·n²: node 1 is the corner, its neighbours are one step and nine steps along each axis.
  t.same([...neighboursOf(topology, 1)], [2, 10, 11, 91, 101, 901])
  t.same(edgesOf(make({ type: 'torus', dim: 2, n: 2 })), ['1-2', '1-3', '2-4', '3-4'], 'wrapping onto the same edge')
  t.end()
})

t.test('a fat tree attaches each server to one edge switch', t => {
  const topology = make({ type: 'fat_tree', k: 4 })
  t.equal(topology.nodesCount, 36, 'k³/4 + 5k²/4')
  const degrees = degreesOf(topology)
  t.same(degrees.slice(0, 16), Array(16).fill(4), 'edge and aggregation switches use all ports')
  t.same(degrees.slice(16, 20), Array(4).fill(4), 'each core switch reaches every pod')
  t.same(degrees.slice(20), Array(16).fill(1), 'each server hangs on one switch')
  t.same([...neighboursOf(topology, 1)], [9, 10, 21, 22])
  t.end()
})

t.test('edges of the configuration are merged with the preset', t => {
  const topology = makeTopology({
    preset: { type: 'line', nNodes: 4 },
    edges: [
      [4, 1],
      [2, 1],
      [1, 4],
    ],
  })
  t.same(edgesOf(topology), ['1-2', '1-4', '2-3', '3-4'])
  t.equal(topology.name, 'line')
  t.end()
})

t.test('edges alone make a custom topology up to their highest id, or n_nodes', t => {
  const edges: [number, number][] = [[3, 1]]
  t.match(makeTopology({ edges }), { name: 'custom', nodesCount: 3, edgesCount: 1 })
  t.match(makeTopology({ edges, nNodes: 9 }), { name: 'custom', nodesCount: 9, edgesCount: 1 })
  t.end()
})

t.test('n_nodes alone is connection-only', t => {
  t.match(makeTopology({ edges: [], nNodes: 5 }), { name: 'none', nodesCount: 5, edgesCount: 0 })
  t.match(makeTopology({ edges: [] }), { name: 'none', nodesCount: 0, edgesCount: 0 })
  t.end()
})

t.test('edges are sorted, and rows of neighbours rise and mirror each other', t => {
  for (const preset of presets()) {
    const topology = make(preset)
    const edges = Array.from(topology.a, (a, edge) => [a, topology.b[edge]] as [number, number])
    const sorted = edges.toSorted(([a, b], [c, d]) => a - c || b - d)
    t.same(edges, sorted)
    const ofRows: [number, number][] = []
    for (let id = 1; id <= topology.nodesCount; id++)
      for (const neighbour of neighboursOf(topology, id)) if (id < neighbour) ofRows.push([id, neighbour])
    t.same(ofRows, edges)
    t.equal(topology.neighbours.length, 2 * topology.edgesCount)
  }
  t.end()
})

t.test('random edges come out as a slow set of pairs says', t => {
  for (const random of seededRounds(t, 200)) {
    const nNodes = 2 + random.below(20)
    const edges: [number, number][] = []
    for (let count = random.below(60); count > 0; count--) {
      const x = 1 + random.below(nNodes)
      edges.push([x, 1 + ((x + random.below(nNodes - 1)) % nNodes)])
    }
    const pairs = edges.filter(([x, y]) => x !== y).map(([x, y]) => (x < y ? [x, y] : [y, x]) as [number, number])
    const expected = [...new Set(pairs.toSorted(([a, b], [c, d]) => a - c || b - d).map(pair => pair.join('-')))]
    t.same(edgesOf(makeTopology({ edges, nNodes })), expected)
  }
  t.end()
})
