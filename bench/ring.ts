// A ring from the first kernel call to wired, beside the floor: time, memory, threads, teardown, and how they grow.

import { cpus } from 'node:os'
import { alternate, type BenchOptions, type Result, type Row, type Spread, spreadOf } from './figures.ts'
import { measureFloor } from './floor.ts'
import { measureRun } from './nslab.ts'

type Figures = Readonly<Record<string, number>>

/** What the issue of these figures bounds; threads are Node's own 11, one a core, and four. */
const THREADS_MAX = 11 + cpus().length + 4

async function measureFloorFigures(nodesCount: number): Promise<Figures> {
  const floor = await measureFloor(nodesCount)
  return { seconds: floor.seconds, teardown_s: floor.teardown_s }
}

export async function benchRing(options: BenchOptions): Promise<Result> {
  const rows: Row[] = []
  const data: unknown[] = []
  for (const nodesCount of options.nodes) {
    const rounds = await alternate<Figures>(options.rounds, {
      floor: () => measureFloorFigures(nodesCount),
      nslab: () => measureRun(['ring', '--nodes', String(nodesCount), '--on', 'host']),
    })
    const of = (who: 'floor' | 'nslab', name: string): Spread =>
      spreadOf((rounds[who] ?? []).map(figures => figures[name] ?? Number.NaN))
    const floor = of('floor', 'seconds')
    const wired = of('nslab', 'fabric_to_wired_s')
    const summary = {
      nodes: nodesCount,
      floor_s: floor.median,
      wired_s: wired.median,
      ratio: wired.median / floor.median,
      fabric_s: of('nslab', 'fabric_s').median,
      node_mb: of('nslab', 'memory_per_node_bytes').median / 1e6,
      threads: of('nslab', 'threads_count').median,
      teardown_s: of('nslab', 'teardown_s').median,
      total_s: of('nslab', 'total_s').median,
    }
    rows.push(summary)
    data.push({ ...summary, floor, wired, rounds })
  }
  return {
    bench: 'ring',
    columns: Object.keys(rows[0] as Row),
    rows,
    data: { sizes: data },
    notes: [
      `bounds at 800: ratio 1.6, node_mb 0.6, threads ${THREADS_MAX}, teardown_s 2; at 3,000: ratio of times per node 1.4`,
    ],
  }
}
