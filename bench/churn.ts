// Namespaces that come and go: how many operations a second the churn program carries out at most with so many alive,
// and how late it is at the rate of a soak, beside bare namespaces made and dropped by one thread. On two cores.

import { execFile, spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { native } from '../src/native/addon.ts'
import type { ChurnLine } from '../src/protocol/churn.ts'
import type { ChurnSpec, ChurnTask } from '../src/protocol/churning.ts'
import { alternate, type BenchOptions, type Result, type Row, spreadOf } from './figures.ts'
import { compiled } from './program.ts'

const CORES = 2
/** What the issue of these figures bounds. */
const RATE_PER_S = 500
const SUSTAINED_S = 10
/** More than any kernel does: the program is late from the first operation on, and never idle. */
const FLOOD_PER_S = 10_000
const FLOOD_S = 1
const FLOOR_OPERATIONS = 10_000
const CLEANUP_LIMIT_MS = 120_000

const cliPath = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

/** On two cores, where there are more. */
const pinned = (command: readonly string[]): string[] =>
  availableParallelism() > CORES ? ['taskset', '-c', `0-${CORES - 1}`, ...command] : [...command]

interface Figures {
  readonly ops_per_s: number
  readonly late_p50_s: number
  readonly late_p99_s: number
  readonly make_p50_s: number
  readonly drop_p50_s: number
  readonly gone_p50_s: number
  readonly gone_p99_s: number
}

async function measureBare(alive: number): Promise<Figures> {
  const words = pinned([await compiled('bare'), '--alive', String(alive), '--operations', String(FLOOR_OPERATIONS)])
  const { stdout } = await promisify(execFile)(words[0] as string, words.slice(1))
  const { operations, seconds } = JSON.parse(stdout) as { operations: number; seconds: number }
  await native.awaitNetnsCleanup(CLEANUP_LIMIT_MS)
  return { ...NOTHING, ops_per_s: operations / seconds }
}

const NOTHING: Figures = {
  ops_per_s: 0,
  late_p50_s: 0,
  late_p99_s: 0,
  make_p50_s: 0,
  drop_p50_s: 0,
  gone_p50_s: 0,
  gone_p99_s: 0,
}

/** Every kind, a connection and a listener each. */
function specOf(alive: number, ratePerS: number): ChurnSpec {
  return {
    namespaces: alive,
    ratePerS,
    kinds: { named: 4, mounted: 2, process: 1, thread: 1, descriptor: 1, socket: 1 },
    sockets: { pairs: 1, short: 0, halfClosed: 0, timeWait: 0, listeners: 1, families: [4, 6] },
    connectionTable: 'shared',
    shortLifeRatio: 0,
    minLifeS: alive / ratePerS,
    faults: [],
    faultIntervalS: 10,
  }
}

async function measureChurn(alive: number, ratePerS: number, durationS: number): Promise<Figures> {
  const task: ChurnTask = { spec: specOf(alive, ratePerS), seed: 1, duration_s: durationS }
  const program = pinned([
    process.execPath,
    cliPath,
    'churn',
    '--threads',
    String(CORES),
    '--spec',
    JSON.stringify(task),
  ])
  const own = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child']
  const child = spawn('unshare', [...own, 'sh', '-c', 'mount -t tmpfs none /run && exec "$@"', 'sh', ...program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  const of = { late: [] as number[], make: [] as number[], drop: [] as number[], gone: [] as number[] }
  let [beginS, lastS] = [0, 0]
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as ChurnLine
    if (line.is === 'begin') beginS = line.t_s
    if (line.is === 'failed') throw new Error(`the churn failed: ${text}`)
    if ((line.is !== 'made' && line.is !== 'dropped') || line.op <= alive) continue
    const doneS = line.is === 'made' ? line.made_s : line.returned_s
    of.late.push(line.asked_s - line.due_s)
    of[line.is === 'made' ? 'make' : 'drop'].push(doneS - line.asked_s)
    if (line.is === 'dropped' && line.gone_s !== null) of.gone.push(line.gone_s - line.asked_s)
    lastS = Math.max(lastS, doneS)
  }
  const code = await ended
  if (code !== 0) throw new Error(`the churn ended with ${code}`)
  await native.awaitNetnsCleanup(CLEANUP_LIMIT_MS)
  return {
    ops_per_s: of.late.length / (lastS - beginS),
    late_p50_s: at(of.late, 0.5),
    late_p99_s: at(of.late, 0.99),
    make_p50_s: at(of.make, 0.5),
    drop_p50_s: at(of.drop, 0.5),
    gone_p50_s: at(of.gone, 0.5),
    gone_p99_s: at(of.gone, 0.99),
  }
}

function at(values: number[], share: number): number {
  values.sort((a, b) => a - b)
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN
}

export async function benchChurn(options: BenchOptions): Promise<Result> {
  const rows: Row[] = []
  const data: unknown[] = []
  for (const alive of options.nodes) {
    const rounds = await alternate<Figures>(options.rounds, {
      bare: () => measureBare(alive),
      most: () => measureChurn(alive, FLOOD_PER_S, FLOOD_S),
      sustained: () => measureChurn(alive, RATE_PER_S, SUSTAINED_S),
    })
    const of = (who: 'bare' | 'most' | 'sustained', name: keyof Figures) =>
      spreadOf((rounds[who] ?? []).map(figures => figures[name]))
    rows.push({
      alive,
      bare_per_s: of('bare', 'ops_per_s').median,
      most_per_s: of('most', 'ops_per_s').median,
      make_ms: of('most', 'make_p50_s').median * 1000,
      drop_ms: of('most', 'drop_p50_s').median * 1000,
      [`at_${RATE_PER_S}_per_s`]: of('sustained', 'ops_per_s').median,
      late_p99_ms: of('sustained', 'late_p99_s').median * 1000,
      gone_p50_ms: of('sustained', 'gone_p50_s').median * 1000,
      gone_p99_ms: of('sustained', 'gone_p99_s').median * 1000,
    })
    data.push({ alive, rounds })
  }
  return {
    bench: 'churn',
    columns: Object.keys(rows[0] as Row),
    rows,
    data: { sizes: data },
    notes: [
      `bound at 1,000: ${RATE_PER_S} operations (makes and drops) a second; every kind, 3 sockets a namespace`,
      'bare: no loopback, no sockets, no names, one thread; the same kernel takes apart what both drop',
    ],
  }
}
