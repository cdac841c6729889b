// The kernel objects of a fleet: the addon's fabric beside the floor, in processes that do nothing else.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { planFleet } from '../src/addressing/fleet.ts'
import { native } from '../src/native/addon.ts'
import { makeTopology } from '../src/topology/make.ts'
import { alternate, type BenchOptions, type Result, type Row, spreadOf } from './figures.ts'
import { measureFloor } from './floor.ts'

interface Cost {
  readonly seconds: number
  readonly teardown_s: number
}

const TEARDOWN_LIMIT_MS = 60_000
const selfPath = fileURLToPath(import.meta.url)

/** Builds and removes one fabric in this process; prints its cost. */
async function buildOnce(nodesCount: number): Promise<void> {
  const topology = makeTopology({ preset: { type: 'ring', nNodes: nodesCount }, edges: [] })
  const facts = { nodeIdOffset: 0, bridgeIp: '172.16.8.1', bridgeName: 'isobr0', mtu: 1400 }
  const root = await native.Netns.create()
  const fabric = new native.Fabric(root, planFleet({ ...facts, nNodes: nodesCount, topology }))
  const built = await fabric.build()
  const gone = await fabric.teardown(TEARDOWN_LIMIT_MS)
  root.close()
  const cost: Cost = {
    seconds: Number(built.endedNs - built.startedNs) / 1e9,
    teardown_s: Number(gone.goneNs - gone.startedNs) / 1e9,
  }
  process.stdout.write(`${JSON.stringify(cost)}\n`)
}

/** One fabric in a process of its own, so that rounds don't share a heap. */
async function measureFabric(nodesCount: number): Promise<Cost> {
  const ended = spawnSync(process.execPath, ['--import', 'tsx', selfPath, String(nodesCount)], { encoding: 'utf8' })
  if (ended.status !== 0) throw new Error(`fabric of ${nodesCount}: exit ${ended.status}: ${ended.stderr}`)
  return JSON.parse(ended.stdout) as Cost
}

export async function benchFabric(options: BenchOptions): Promise<Result> {
  const rows: Row[] = []
  const data: unknown[] = []
  for (const nodesCount of options.nodes) {
    const rounds = await alternate<Cost>(options.rounds, {
      floor: () => measureFloor(nodesCount),
      fabric: () => measureFabric(nodesCount),
    })
    const floor = spreadOf((rounds.floor ?? []).map(cost => cost.seconds))
    const fabric = spreadOf((rounds.fabric ?? []).map(cost => cost.seconds))
    const teardown = spreadOf((rounds.fabric ?? []).map(cost => cost.teardown_s))
    const floorTeardown = spreadOf((rounds.floor ?? []).map(cost => cost.teardown_s))
    rows.push({
      nodes: nodesCount,
      floor_s: floor.median,
      fabric_s: fabric.median,
      ratio: fabric.median / floor.median,
      node_ms: (fabric.median / nodesCount) * 1000,
      teardown_s: teardown.median,
      floor_teardown_s: floorTeardown.median,
    })
    data.push({ nodes: nodesCount, floor, fabric, teardown, floor_teardown: floorTeardown })
  }
  return { bench: 'fabric', columns: Object.keys(rows[0] as Row), rows, data: { sizes: data }, notes: [] }
}

if (process.argv[1] === selfPath) await buildOnce(Number(process.argv[2]))
