// The same ring by Debian's mininet, when it is installed, beside nslab, the floor and the published table; and the
// chart of all.

import { existsSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { run } from '../src/base/exec.ts'
import { lineChart, type Point, type Series } from '../src/report/chart.ts'
import { published } from '../src/report/published.ts'
import { alternate, type BenchOptions, type Result, type Row, spreadOf } from './figures.ts'
import { measureFloor } from './floor.ts'
import { measureRun } from './nslab.ts'

const mininetModule = '/usr/lib/python3/dist-packages/mininet/net.py'
const mininetScript = fileURLToPath(new URL('mininet-ring.py', import.meta.url))

interface Cost {
  readonly seconds: number
  readonly teardownS: number
}

/** Builds the ring with mininet in a network and mount namespace of its own. */
async function measureMininet(nodesCount: number): Promise<Cost> {
  const ended = await run(
    'unshare',
    ['--net', '--mount', '--', '/usr/bin/python3', mininetScript, String(nodesCount)],
    {
      timeoutMs: 600_000,
    },
  )
  const line = ended.stdout.trim().split('\n').at(-1) ?? ''
  if (ended.code !== 0)
    throw new Error(`mininet with ${nodesCount} nodes: exit ${ended.code}: ${ended.stderr.slice(-500)}`)
  const result = JSON.parse(line) as { seconds: number; stop_s: number; neighbour_answers: boolean }
  if (!result.neighbour_answers)
    throw new Error(`mininet with ${nodesCount} nodes built a ring whose neighbours don't answer`)
  return { seconds: result.seconds, teardownS: result.stop_s }
}

async function measureNslab(nodesCount: number): Promise<Cost> {
  const metrics = await measureRun(['ring', '--nodes', String(nodesCount), '--on', 'host'])
  return { seconds: metrics.fabric_to_wired_s as number, teardownS: metrics.teardown_s as number }
}

async function floorCost(nodesCount: number): Promise<Cost> {
  const { seconds, teardown_s } = await measureFloor(nodesCount)
  return { seconds, teardownS: teardown_s }
}

export async function benchPeers(options: BenchOptions): Promise<Result> {
  const hasMininet = existsSync(mininetModule)
  const rows: Row[] = []
  const points: Record<string, Point[]> = {}
  for (const nodesCount of options.nodes) {
    const costs = await alternate(options.rounds, {
      floor: () => floorCost(nodesCount),
      nslab: () => measureNslab(nodesCount),
      ...(hasMininet ? { mininet: () => measureMininet(nodesCount) } : {}),
    })
    for (const [who, values] of Object.entries(costs)) {
      const up = spreadOf(values.map(value => value.seconds))
      const down = spreadOf(values.map(value => value.teardownS))
      rows.push({ who, nodes: nodesCount, up_s: up.median, up_min_s: up.min, up_max_s: up.max, down_s: down.median })
      points[who] = [...(points[who] ?? []), [nodesCount, up.median]]
    }
  }
  if (options.chart !== undefined) writeFileSync(options.chart, chartOf(points))
  return {
    bench: 'peers',
    columns: ['who', 'nodes', 'up_s', 'up_min_s', 'up_max_s', 'down_s'],
    rows,
    data: { rows },
    notes: hasMininet ? [] : ['mininet is not installed: not measured (apt-get install mininet)'],
  }
}

function chartOf(points: Readonly<Record<string, readonly Point[]>>): string {
  const shape = 'line+dots' as const
  const measured: Series[] = Object.entries(points).map(([name, list]) => ({ name, points: list, shape }))
  const seed = published.filter(row => !row.note.startsWith('before'))
  return lineChart({
    title: 'Seconds until a ring is wired',
    description:
      'Nodes against seconds on a logarithmic scale, for the floor, nslab, mininet and the published Nextmini table.',
    x: 'nodes',
    y: { label: 'seconds (logarithmic)' },
    log: true,
    series: [
      ...measured,
      { name: 'Nextmini, published (16 cores)', points: seed.map(row => [row.nodes, row.wiringS]), shape },
    ],
  })
}
