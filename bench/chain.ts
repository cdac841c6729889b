// A chain of three nodes in network namespaces of their own, with one relay (bench/chain/chain.cc): the packet engine
// beside native relays that read and write, or splice, and beside the kernel that forwards; in turn, in the same run.

import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { type BenchOptions, type Result, type Row, type Spread, spreadOf } from './figures.ts'
import { compiled } from './program.ts'

const execFileAsync = promisify(execFile)

const PACKETS_PER_S_MIN = 1e6
const TO_RELAY_MIN = 0.8
const MAX_TO_SPLICE_MIN = 0.9
const ADDED_P50_US_MAX = 30
const ADDED_P99_US_MAX = 150

const SECONDS = 1
/** A packet a millisecond: the 99th percentile stands on 40 of them a round. */
const LATENCY_SECONDS = 4
const LARGE_BYTES = 1400
const SMALL_BYTES = 100

/** A way from the first node to the last: words of the program. `peer`: a program that may not be there. */
const ways = {
  small: { words: ['engine', SECONDS, SMALL_BYTES], shows: 'engine, 100-byte packets' },
  engine: { words: ['engine', SECONDS, LARGE_BYTES], shows: 'engine, 1,400-byte packets; full queues drop' },
  held: { words: ['engine-held', SECONDS, LARGE_BYTES], shows: 'engine, 1,400-byte packets; full queues hold back' },
  max: { words: ['max', SECONDS, LARGE_BYTES], shows: 'engine in max mode, 1,400-byte packets' },
  relay: { words: ['relay', SECONDS], shows: 'relay that reads and writes' },
  splice: { words: ['splice', SECONDS], shows: 'relay that splices' },
  forward: { words: ['forward', SECONDS], shows: 'kernel that forwards' },
  socat: { words: ['socat', SECONDS], shows: 'socat as the relay', peer: 'socat' },
  iperf3: { words: ['iperf3', SECONDS], shows: 'iperf3 over the kernel that forwards', peer: 'iperf3' },
} as const
type Way = keyof typeof ways
const names = Object.keys(ways) as Way[]

/** Of one way in one round. Bytes are those of packets; processor seconds by role, the kernel's work included. */
interface Passed {
  readonly seconds: number
  readonly bytes: number
  readonly packets: number
  readonly dropped: number
  readonly cpu_s: Readonly<Record<string, number>>
}

interface Latency {
  readonly packets: number
  readonly p50_us: number
  readonly p99_us: number
}

interface Round {
  readonly passed: Readonly<Partial<Record<Way, Passed>>>
  readonly latency: { readonly engine: Latency; readonly forward: Latency }
}

/** What iperf3 says with -J. */
interface Iperf3 {
  readonly end: { readonly sum_received: { readonly seconds: number; readonly bytes: number } }
}

async function isInstalled(peer: string): Promise<boolean> {
  return execFileAsync(peer, [peer === 'socat' ? '-V' : '--version']).then(
    () => true,
    () => false,
  )
}

async function measureRound(program: string, present: readonly Way[]): Promise<Round> {
  const ask = async <T>(words: readonly (string | number)[]): Promise<T> =>
    JSON.parse((await execFileAsync(program, words.map(String), { maxBuffer: 16 * 1024 * 1024 })).stdout) as T
  const passed: Partial<Record<Way, Passed>> = {}
  for (const way of present) {
    const figures = await ask<Passed & { iperf3?: Iperf3 }>(ways[way].words)
    if (!figures.iperf3) passed[way] = figures
    else passed[way] = { ...figures.iperf3.end.sum_received, packets: 0, dropped: 0, cpu_s: {} }
  }
  return {
    passed,
    latency: {
      engine: await ask<Latency>(['engine-latency', LATENCY_SECONDS, SMALL_BYTES]),
      forward: await ask<Latency>(['forward-latency', LATENCY_SECONDS, SMALL_BYTES]),
    },
  }
}

export async function benchChain({ rounds: roundsCount }: BenchOptions): Promise<Result> {
  const program = await compiled('chain')
  const present: Way[] = []
  for (const way of names) {
    const { peer } = ways[way] as { readonly peer?: string }
    if (peer === undefined || (await isInstalled(peer))) present.push(way)
  }
  const rounds: Round[] = []
  for (let round = 1; round <= roundsCount; round++) {
    process.stderr.write(`bench: round ${round} of ${roundsCount}\n`)
    rounds.push(await measureRound(program, present))
  }
  const of = (way: Way, value: (passed: Passed) => number): Spread =>
    spreadOf(rounds.map(round => value(round.passed[way] as Passed)))
  const rate = (way: Way): Spread => of(way, ({ bytes, seconds }) => (bytes * 8) / seconds / 1e9)
  const packets = (way: Way): Spread => of(way, passed => passed.packets / passed.seconds)
  /** Round by round: a machine that drifts is the same to both. */
  const ratio = (way: Way, floor: Way, value: (passed: Passed) => number): Spread =>
    spreadOf(rounds.map(round => value(round.passed[way] as Passed) / value(round.passed[floor] as Passed)))
  const bitRate = ({ bytes, seconds }: Passed): number => bytes / seconds
  const relayCpu = ({ bytes, cpu_s }: Passed): number => (cpu_s.relay ?? Number.NaN) / bytes
  const added = (value: (latency: Latency) => number): Spread =>
    spreadOf(rounds.map(({ latency }) => value(latency.engine) - value(latency.forward)))

  const small = packets('small')
  const toRelay = ratio('engine', 'relay', bitRate)
  const toSplice = ratio('max', 'splice', bitRate)
  const p50 = added(latency => latency.p50_us)
  const p99 = added(latency => latency.p99_us)
  const bounds = [
    {
      figure: 'million 100-byte packets/s',
      of: scaled(small, 1e-6),
      bound: `≥ ${PACKETS_PER_S_MIN / 1e6}`,
      isMet: small.median >= PACKETS_PER_S_MIN,
    },
    {
      figure: 'bit rate to the reading relay',
      of: toRelay,
      bound: `≥ ${TO_RELAY_MIN}`,
      isMet: toRelay.median >= TO_RELAY_MIN,
    },
    {
      figure: 'bit rate of max mode to the splicing relay',
      of: toSplice,
      bound: `≥ ${MAX_TO_SPLICE_MIN}`,
      isMet: toSplice.median >= MAX_TO_SPLICE_MIN,
    },
    { figure: 'added latency p50, µs', of: p50, bound: `≤ ${ADDED_P50_US_MAX}`, isMet: p50.median <= ADDED_P50_US_MAX },
    { figure: 'added latency p99, µs', of: p99, bound: `≤ ${ADDED_P99_US_MAX}`, isMet: p99.median <= ADDED_P99_US_MAX },
  ]
  if (bounds.some(({ isMet }) => !isMet)) process.exitCode = 1
  const rows = present.map((way): Row => {
    const { median, min, max } = rate(way)
    const cpu = of(way, relayCpu).median
    return {
      way: ways[way].shows,
      gbit_per_s: median,
      min,
      max,
      million_per_s: packets(way).median / 1e6,
      'to relay': ratio(way, 'relay', bitRate).median,
      relay_ns_per_kib: Number.isNaN(cpu) ? '' : cpu * 1024 * 1e9,
      dropped: of(way, passed => passed.dropped / (passed.dropped + passed.packets || 1)).median,
    }
  })
  const text = ({ median, min, max }: Spread): string => `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`
  return {
    bench: 'chain: three nodes, one relay',
    columns: Object.keys(rows[0] ?? {}),
    rows,
    data: {
      ways: Object.fromEntries(present.map(way => [way, { gbit_per_s: rate(way), packets_per_s: packets(way) }])),
      bounds,
      relay_cpu_to_relay: ratio('engine', 'relay', relayCpu),
      max_cpu_to_splice: ratio('max', 'splice', relayCpu),
      rounds,
    },
    notes: [
      ...bounds.map(({ figure, of, bound, isMet }) => `${figure}: ${text(of)}, ${bound}: ${isMet ? 'met' : 'NOT met'}`),
      `the relay's processor time for a byte, engine to relay: ${text(ratio('engine', 'relay', relayCpu))}`,
      `the same, max mode to the splicing relay: ${text(ratio('max', 'splice', relayCpu))}`,
      ...(['p50_us', 'p99_us'] as const).map(
        name =>
          `latency, µs, engine: ${text(latencyOf('engine', name, rounds))}; kernel: ${text(latencyOf('forward', name, rounds))} (${name.slice(0, 3)})`,
      ),
      'at such a load one thread turns all lanes of an engine: nobody is woken between its nodes, and the kernel wakes its reader',
      `three busy threads a way; this machine offers ${availableParallelism()} cores, shared with what else it does`,
      'bits are those of packets; a relay that is no engine carries nothing else',
    ],
  }
}

function latencyOf(who: 'engine' | 'forward', name: 'p50_us' | 'p99_us', rounds: readonly Round[]): Spread {
  return spreadOf(rounds.map(({ latency }) => latency[who][name]))
}

function scaled({ median, min, max, rounds_count }: Spread, factor: number): Spread {
  return { median: median * factor, min: min * factor, max: max * factor, rounds_count }
}
