// What a packet-hop costs in a ring of 800, beside a ring of 8 with as many packet-hops a second: processor time of the
// fleet's process while flows run, by its threads; and what the same fleets cost with no flow at all.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../src/base/exec.ts'
import type { Report } from '../src/judge/types.ts'
import type { RunEvent } from '../src/protocol/events.ts'
import type { Sample } from '../src/protocol/sample.ts'
import { alternate, type BenchOptions, type Result, type Row, type Spread, spreadOf } from './figures.ts'
import { cliPath } from './nslab.ts'
import { readThreads, type ThreadTimes, timesBetween } from './thread-times.ts'

/** What every size is held against. */
const SMALL_NODES = 8
const COST_RATIO_MAX = 1.3

const PACKET_BYTES = 1400
const NEIGHBOUR_BITS_PER_S = 100_000
const FAR_FLOWS = 100
const FAR_BITS_PER_S = 10_000

/** Seconds. `settle`: from the start of the hold; all flows run by then, and none ends before the window does. */
export interface Timing {
  readonly settle: number
  readonly window: number
}
const TIMING: Timing = { settle: 3, window: 10 }
const MARGIN_S = 4

export interface Load {
  /** Bits a second from every node to the next. */
  readonly neighbour: number
  readonly farFlows: number
  /** Bits a second of each flow half-way round. */
  readonly far: number
}

/** Of one run. Times are those of the window, by its length: processors. */
export interface Cost {
  readonly hops_per_s: number
  readonly sent_per_s: number
  readonly lanes: number
  readonly others: number
  readonly user: number
  readonly system: number
  readonly threads: number
  readonly lost: number
  readonly dropped: number
  readonly unaccounted: number
  readonly latency_p50_s: number
}

const flowsSOf = ({ settle, window }: Timing): number => settle + window + MARGIN_S

const packetsPerS = (bits: number): number => bits / 8 / PACKET_BYTES

/** The load that is asked for at `nodes`. */
export const ownLoad = (nodes: number): Load => ({
  neighbour: NEIGHBOUR_BITS_PER_S,
  farFlows: Math.min(FAR_FLOWS, nodes),
  far: FAR_BITS_PER_S,
})

/** As many packet-hops a second, over one hop and over half the ring each as many as there; by as many flows as fit. */
export function sameHops(load: Load, nodes: number, small: number): Load {
  const farFlows = Math.min(load.farFlows, small)
  const perFlow = (load.far * load.farFlows) / farFlows
  return {
    neighbour: (load.neighbour * nodes) / small,
    farFlows,
    far: (perFlow * (nodes >> 1)) / (small >> 1),
  }
}

export const hopsOf = ({ neighbour, farFlows, far }: Load, nodes: number): number =>
  packetsPerS(neighbour) * nodes + packetsPerS(far) * farFlows * (nodes >> 1)

function scenarioText(nodes: number, load: Load | null, timing: Timing): string {
  const flowsS = flowsSOf(timing)
  const flow = (rest: string, bits: number): string =>
    `[[flow]]\nfrom = "all"\n${rest}\nrate = "${Math.round(bits)}bit"\npacket_bytes = ${PACKET_BYTES}\nfor = "${flowsS}s"\n\n`
  const flows =
    load === null ? '' : flow('to = "+1"', load.neighbour) + flow(`count = ${load.farFlows}\nto = "opposite"`, load.far)
  return `name = "bench-ring-flows"
summary = "A load of the benchmark."
seed = 1

[controller]
protocol = "tcp"
topology = { type = "ring", ring_config = { n_nodes = ${nodes} } }
routing = { protocol = "shortest_path" }

${flows}[run]
hold = "${flowsS + 2}s"
deadline = "300s"

[[gate]]
metric = "nodes_count"
require = "== nodes"
`
}

/** Lines that are whole, of a file that is being written; none before it is there. */
function linesOf<T>(path: string): T[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as T)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const sleep = (seconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, seconds * 1000))

const holds = (event: RunEvent): boolean => event.kind === 'phase_started' && event.phase === 'hold'

/** The process that has the fleet, once the run holds and a sample names it; null where the run ends before. */
async function fleetPid(out: string, isOver: () => boolean): Promise<number | null> {
  while (!isOver()) {
    if (linesOf<RunEvent>(join(out, 'events.ndjson')).some(holds)) {
      const processes = linesOf<Sample>(join(out, 'samples.ndjson')).flatMap(sample => sample.processes)
      const fleet = processes.find(({ name }) => name.startsWith('dataplane'))
      if (fleet !== undefined) return fleet.pid
    }
    await sleep(0.1)
  }
  return null
}

/**
 * A second of the flows' own time, which is the same for each: all that they made, none of which is lost, and the links
 * that this goes over. What was taken from links tells less: a flow's end is said more than once, and goes as far.
 */
function ratesOf(sent: number, load: Load, nodes: number, flowsS: number): Pick<Cost, 'hops_per_s' | 'sent_per_s'> {
  const planned = packetsPerS(load.neighbour) * nodes + packetsPerS(load.far) * load.farFlows
  return { hops_per_s: (hopsOf(load, nodes) * sent) / flowsS / planned, sent_per_s: sent / flowsS }
}

/** `load` null: the same ring, engine and links, and no flow. */
export async function measureCost(nodes: number, load: Load | null, timing: Timing = TIMING): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-bench-'))
  try {
    const [scenario, out] = [join(folder, 'scenario.toml'), join(folder, 'run')]
    writeFileSync(scenario, scenarioText(nodes, load, timing))
    let isOver = false
    const running = run(process.execPath, [cliPath, 'run', scenario, '--on', 'host', '--out', out], {
      timeoutMs: 600_000,
    }).finally(() => {
      isOver = true
    })
    const pid = await fleetPid(out, () => isOver)
    let times: ThreadTimes | null = null
    if (pid !== null) {
      await sleep(timing.settle)
      const before = readThreads(pid)
      await sleep(timing.window)
      times = timesBetween(before, readThreads(pid))
    }
    const ended = await running
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as Report
    if (report.verdict === 'error' || times === null)
      throw new Error(`a ring of ${nodes}: ${report.error?.message ?? 'it never held'}\n${ended.stderr}`)
    const { metrics } = report
    const metric = (name: string): number => (load === null ? 0 : (metrics[name] ?? Number.NaN))
    return {
      ...(load === null
        ? { hops_per_s: 0, sent_per_s: 0 }
        : ratesOf(metric('flow_packets_sent_count'), load, nodes, flowsSOf(timing))),
      ...times,
      threads: metrics.threads_count ?? Number.NaN,
      lost: metric('flow_packets_lost_count'),
      dropped: metric('packets_dropped_count'),
      unaccounted: metric('packets_unaccounted_count'),
      latency_p50_s: metric('flow_latency_p50_s'),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const busyOf = ({ lanes, others }: Cost): number => lanes + others
const hopNs = (cost: Cost): number => (busyOf(cost) / cost.hops_per_s) * 1e9
const lanesHopNs = (cost: Cost): number => (cost.lanes / cost.hops_per_s) * 1e9

export async function benchRingFlows(options: BenchOptions): Promise<Result> {
  const rows: Row[] = []
  const data: unknown[] = []
  const notes: string[] = []
  for (const nodes of options.nodes) {
    const load = ownLoad(nodes)
    const small = sameHops(load, nodes, SMALL_NODES)
    const rounds = await alternate<Cost>(options.rounds, {
      large: () => measureCost(nodes, load),
      small: () => measureCost(SMALL_NODES, small),
      large_idle: () => measureCost(nodes, null),
      small_idle: () => measureCost(SMALL_NODES, null),
    })
    const of = (who: string, value: (cost: Cost) => number): Spread => spreadOf((rounds[who] ?? []).map(value))
    const most = (who: string, value: (cost: Cost) => number): number => of(who, value).max
    const pairs = (value: (large: Cost, small: Cost) => number): Spread =>
      spreadOf((rounds.large ?? []).map((large, round) => value(large, rounds.small?.[round] as Cost)))
    const ratio = pairs((one, other) => hopNs(one) / hopNs(other))
    const lanesRatio = pairs((one, other) => lanesHopNs(one) / lanesHopNs(other))
    const show = (who: string, name: string, planned: number): Row => ({
      ring: name,
      'hops/s': of(who, cost => cost.hops_per_s).median,
      planned,
      'packets/s': of(who, cost => cost.sent_per_s).median,
      'µs a hop': planned === 0 ? '' : of(who, hopNs).median / 1e3,
      'of lanes': planned === 0 ? '' : of(who, lanesHopNs).median / 1e3,
      cores: of(who, busyOf).median,
      lanes: of(who, cost => cost.lanes).median,
      others: of(who, cost => cost.others).median,
      user: of(who, cost => cost.user).median,
      system: of(who, cost => cost.system).median,
      threads: of(who, cost => cost.threads).median,
      lost: most(who, cost => cost.lost),
    })
    rows.push(
      show('large', `${nodes}`, hopsOf(load, nodes)),
      show('small', `${SMALL_NODES}`, hopsOf(small, SMALL_NODES)),
      show('large_idle', `${nodes}, no flows`, 0),
      show('small_idle', `${SMALL_NODES}, no flows`, 0),
    )
    const faults = (['large', 'small'] as const).map(who =>
      most(who, cost => cost.lost + cost.dropped + cost.unaccounted),
    )
    const shares = (['large', 'small'] as const).map(
      who =>
        of(who, cost => cost.hops_per_s / (who === 'large' ? hopsOf(load, nodes) : hopsOf(small, SMALL_NODES))).min,
    )
    const more = pairs((one, other) => one.threads - other.threads)
    const bounds = [
      {
        figure: 'packets lost, dropped or unaccounted for',
        of: Math.max(...faults),
        bound: '= 0',
        isMet: faults.every(n => n === 0),
      },
      { figure: 'threads more than with 8 nodes', of: more.max, bound: '≤ 0', isMet: more.max <= 0 },
      {
        figure: 'processor time a packet-hop, to the ring of 8',
        of: ratio.median,
        bound: `≤ ${COST_RATIO_MAX}`,
        isMet: ratio.median <= COST_RATIO_MAX,
      },
    ]
    if (bounds.some(({ isMet }) => !isMet)) process.exitCode = 1
    data.push({ nodes, load, small, ratio, lanes_ratio: lanesRatio, bounds, rounds })
    notes.push(
      ...bounds.map(bound => `${bound.figure}: ${shown(bound.of)}, ${bound.bound}: ${bound.isMet ? 'met' : 'NOT met'}`),
      `ratio ${shown(ratio.median)} (${shown(ratio.min)} to ${shown(ratio.max)}), of the lanes alone ${shown(lanesRatio.median)} (${shown(lanesRatio.min)} to ${shown(lanesRatio.max)}); pairs of one round`,
      `least share of the planned packets that were made: ${shown(shares[0] as number)} and ${shown(shares[1] as number)}`,
    )
  }
  return {
    bench: 'ring-flows',
    columns: Object.keys(rows[0] as Row),
    rows,
    data: { sizes: data },
    notes: [
      ...notes,
      `flows of the small ring: as many packet-hops over one hop, and as many over half the ring; a far packet has ${SMALL_NODES >> 1} hops there, so that more packets are made and taken for as many hops`,
      `a window of ${TIMING.window} s; cores are processors by the scheduler's own clock, lanes the threads that move packets, what the kernel does in them included`,
    ],
  }
}

const shown = (value: number): string => value.toFixed(2)
