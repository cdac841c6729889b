import t from 'tap'
import { Random } from '../../src/base/random.ts'
import { nextHopRuns } from '../../src/controller/next-hops.ts'
import { makeTopology } from '../../src/topology/make.ts'
import type { TopologyConfig } from '../../src/topology/types.ts'
import { CoreBench } from '../fixtures/controller.ts'

const joinOne = (topology: TopologyConfig) => {
  const messages = new CoreBench({ topology, routing: 'shortest_path' }).join(1).port.take()
  const startUp = messages.find(message => message.type === 'StartUp')
  const routes = messages.find(message => message.type === 'InstallRoutes')
  return { routing: startUp?.routing, runs: routes?.next_hop_runs }
}

t.test('a preset is described, never tabulated', async t => {
  const preset = { type: 'ring', nNodes: 800 } as const
  t.same(joinOne({ preset, edges: [] }), { routing: { protocol: 'shortest_path', topology: preset }, runs: undefined })
})

t.test('another graph gives each node its own next hops, as runs', async t => {
  const { routing, runs } = joinOne({ preset: { type: 'line', nNodes: 6 }, edges: [[1, 5]] })
  t.same(routing, { protocol: 'shortest_path', topology: null })
  t.same(runs, [1, 1, 2, 2, 3, 5], 'itself; 2 and 3 through 2; 4, 5 and 6 through 5')
})

t.test('what can not be reached has hop 0', async t => {
  t.same(
    joinOne({
      nNodes: 5,
      edges: [
        [1, 2],
        [4, 5],
      ],
    }).runs,
    [1, 1, 1, 2, 3, 0],
  )
})

t.test('runs expand to true shortest next hops on random graphs', async t => {
  const random = new Random(7)
  for (let round = 0; round < 20; round++) {
    const nNodes = 2 + random.below(30)
    const edges = Array.from(
      { length: nNodes },
      () => [1 + random.below(nNodes), 1 + random.below(nNodes)] as const,
    ).filter(([a, b]) => a !== b)
    const distance = floydWarshall(nNodes, edges)
    for (let id = 1; id <= nNodes; id++) {
      const runs = nextHopRuns(makeTopology({ nNodes, edges }), id)
      const hops = runs.flatMap((value, at) => (at % 2 === 0 ? Array<number>(value).fill(runs[at + 1] as number) : []))
      t.equal(hops.length, nNodes)
      const isRight = hops.every((hop, at) => {
        const steps = distance(id, at + 1)
        if (steps === 0) return hop === id
        return steps === Infinity ? hop === 0 : distance(id, hop) === 1 && distance(hop, at + 1) === steps - 1
      })
      if (!isRight) t.fail('a hop that is no step nearer', { nNodes, edges, id, hops })
    }
  }
})

function floydWarshall(
  nNodes: number,
  edges: readonly (readonly [number, number])[],
): (x: number, y: number) => number {
  const steps = Array.from({ length: nNodes + 1 }, (_, x) =>
    Array.from({ length: nNodes + 1 }, (_, y) => (x === y ? 0 : Infinity)),
  )
  const row = (x: number): number[] => steps[x] as number[]
  for (const [x, y] of edges) row(x)[y] = row(y)[x] = 1
  for (let via = 1; via <= nNodes; via++)
    for (let x = 1; x <= nNodes; x++)
      for (let y = 1; y <= nNodes; y++)
        row(x)[y] = Math.min(row(x)[y] as number, (row(x)[via] as number) + (row(via)[y] as number))
  return (x, y) => row(x)[y] as number
}
