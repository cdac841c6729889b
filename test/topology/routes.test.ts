import t from 'tap'
import { distanceFormula } from '../../src/topology/distance.ts'
import { makeTopology, neighboursOf } from '../../src/topology/make.ts'
import { bfsNextHops, farthest, firstUnreachable, nextHop } from '../../src/topology/routes.ts'
import { seededRounds } from '../fixtures/seeds.ts'
import { presets } from '../fixtures/topologies.ts'

t.test('by formula and by search the next hop of every pair is the same, in every preset', t => {
  for (const preset of presets()) {
    const config = { preset, edges: [] }
    const topology = makeTopology(config)
    const distance = distanceFormula(config)
    if (distance === null) return t.fail('a preset without a formula')
    const differing: string[] = []
    for (let from = 1; from <= topology.nodesCount; from++) {
      const searched = bfsNextHops(topology, from)
      for (let to = 1; to <= topology.nodesCount; to++)
        if (searched[to] !== nextHop(distance, neighboursOf(topology, from), from, to))
          differing.push(`${from} to ${to}`)
    }
    t.same(differing, [], JSON.stringify(preset))
  }
  t.end()
})

t.test('the farthest id is as far as the formula says', t => {
  for (const preset of presets()) {
    const config = { preset, edges: [] }
    const topology = makeTopology(config)
    const distance = distanceFormula(config) ?? (() => -1)
    const steps = Array.from({ length: topology.nodesCount }, (_, index) => distance(1, index + 1))
    t.equal(farthest(topology, 1), Math.max(...steps), JSON.stringify(preset))
  }
  t.equal(farthest(makeTopology({ nNodes: 4, edges: [[2, 3]] }), 1), 0, 'what can not be reached is not counted')
  t.end()
})

t.test('there is no formula beside presets', t => {
  t.equal(distanceFormula({ edges: [], nNodes: 3 }), null)
  t.equal(
    distanceFormula({ preset: { type: 'ring', nNodes: 5 }, edges: [[1, 3]] }),
    null,
    'an added edge may be shorter',
  )
  t.end()
})

t.test('among shortest ways the lowest next hop is taken', t => {
  // 1 reaches 4 over 2 and over 3.
  const topology = makeTopology({
    edges: [
      [1, 3],
      [3, 4],
      [1, 2],
      [2, 4],
    ],
  })
  t.equal(bfsNextHops(topology, 1)[4], 2)
  t.equal(bfsNextHops(topology, 4)[1], 2)
  t.end()
})

t.test('the source delivers to itself, and where there is no way the hop is 0', t => {
  const topology = makeTopology({ edges: [[1, 2]], nNodes: 3 })
  t.same([...bfsNextHops(topology, 1)], [0, 1, 2, 0])
  t.equal(firstUnreachable(topology), 3)
  t.equal(firstUnreachable(makeTopology({ preset: { type: 'ring', nNodes: 3 }, edges: [] })), 0)
  t.equal(
    nextHop((x, y) => (x === y ? 0 : 5), [2], 1, 3),
    0,
    'no neighbour is nearer',
  )
  t.end()
})

t.test('following next hops arrives on a shortest way, in random graphs', t => {
  for (const random of seededRounds(t, 100)) {
    const nNodes = 2 + random.below(15)
    // A random tree and some more edges: connected.
    const edges: [number, number][] = []
    for (let id = 2; id <= nNodes; id++) edges.push([id, 1 + random.below(id - 1)])
    for (let more = random.below(10); more > 0; more--) edges.push([1 + random.below(nNodes), 1 + random.below(nNodes)])
    const topology = makeTopology({ edges, nNodes })
    const tables = Array.from({ length: nNodes + 1 }, (_, id) =>
      id === 0 ? new Uint32Array(0) : bfsNextHops(topology, id),
    )
    const distances = slowDistances(nNodes, edges)
    for (let from = 1; from <= nNodes; from++)
      for (let to = 1; to <= nNodes; to++) {
        let steps = 0
        for (let at = from; at !== to && steps <= nNodes; steps++) at = tables[at]?.[to] as number
        if (steps !== distances[from]?.[to]) t.fail('a detour', { edges, from, to, steps })
      }
  }
  t.end()
})

/** Floyd and Warshall: slow and obvious. */
function slowDistances(nNodes: number, edges: readonly [number, number][]): number[][] {
  const ids = Array.from({ length: nNodes + 1 }, (_, id) => id)
  const distances = ids.map(x => ids.map(y => (x === y ? 0 : Number.POSITIVE_INFINITY)))
  for (const [x, y] of edges) if (x !== y) (distances[x] as number[])[y] = (distances[y] as number[])[x] = 1
  for (const via of ids)
    for (const x of ids)
      for (const y of ids) {
        const row = distances[x] as number[]
        row[y] = Math.min(row[y] as number, (row[via] as number) + (distances[via]?.[y] as number))
      }
  return distances
}
