// Routing and forwarding in memory (bench/engine/engine.cc): 64-byte packets on one core, beside the floor, which reads
// their destination and indexes an array.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type BenchOptions, type Result, type Spread, spreadOf } from './figures.ts'
import { compiled } from './program.ts'

const PACKETS_COUNT = 5_000_000
/** Of one core, by each way that a relay's packets take. */
const PACKETS_PER_S_MIN = 5e6

const ways = {
  floor: 'reads the destination, indexes an array',
  derived: "a ring's derived routes, links without settings",
  installed: '40,000 pairs of two routes each, flows remembered',
  queued: 'derived routes; queued in deficit round robin, copied',
  shaped: 'derived routes; token bucket and delay',
} as const
type Way = keyof typeof ways
const names = Object.keys(ways) as Way[]

/** Seconds: of the processor, which others on the machine don't lengthen, and of the clock. */
type Figures = Readonly<Record<Way, { readonly packets: number; readonly cpu_s: number; readonly wall_s: number }>>

export async function benchEngine({ rounds }: BenchOptions): Promise<Result> {
  const program = await compiled('engine')
  const measure = async (): Promise<Figures> => {
    const { stdout } = await promisify(execFile)(program, ['--packets', String(PACKETS_COUNT)])
    return JSON.parse(stdout) as Figures
  }
  const engine: Figures[] = []
  for (let round = 0; round < rounds; round++) engine.push(await measure())
  const perSecond = (way: Way): Spread => spreadOf(engine.map(figures => figures[way].packets / figures[way].cpu_s))
  const floor = perSecond('floor').median
  const rates = names.map(way => ({ way, rate: perSecond(way) }))
  const isMet = rates.every(({ rate }) => rate.median >= PACKETS_PER_S_MIN)
  if (!isMet) process.exitCode = 1
  return {
    bench: 'engine: 64-byte packets in memory, one core',
    columns: ['way', 'million_per_s', 'min', 'max', 'ns', 'to floor'],
    rows: rates.map(({ way, rate }) => ({
      way: `${way}: ${ways[way]}`,
      million_per_s: rate.median / 1e6,
      min: rate.min / 1e6,
      max: rate.max / 1e6,
      ns: 1e9 / rate.median,
      'to floor': rate.median / floor,
    })),
    data: {
      packets_per_s: Object.fromEntries(rates.map(({ way, rate }) => [way, rate])),
      to_floor: Object.fromEntries(rates.map(({ way, rate }) => [way, rate.median / floor])),
      rounds: engine,
    },
    notes: [
      `at least ${PACKETS_PER_S_MIN / 1e6} million a second of one core: ${isMet ? 'met' : 'NOT met'} by every way`,
      'a packet is decoded, routed, takes a hop and is handed on; seconds are those of the processor',
    ],
  }
}
