// Deterministic runs: whether each has the same digest, beside processor hogs, too, and what the counting costs
// against the same ring on this machine and in an emulated VM that counts none.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../src/base/exec.ts'
import type { DeterministicRecord, Speed } from '../src/lab/deterministic/record.ts'
import { RECORD_NAME, SPEED_NAME } from '../src/lab/deterministic/record.ts'
import { imageFor } from '../src/vm/image/build.ts'
import { type BenchOptions, type Result, type Row, spreadOf } from './figures.ts'

const cliPath = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

/** Every second run has them beside it: 2 of 5. */
const hasHogs = (round: number): boolean => round % 2 === 0
const HOLD = '2s'
const IDLE = '1h'
const LIMIT_MS = 900_000

interface Measured {
  readonly realS: number
  /** Of a deterministic run. */
  readonly digest: string
  readonly speed: Speed | null
}

export async function benchDeterministic({ nodes, rounds }: BenchOptions): Promise<Result> {
  const nodesCount = nodes[0] ?? 10
  const step = (line: string): void => void process.stderr.write(`bench: ${line}\n`)
  const image = join((await imageFor('fleet', { onStep: step })).folder, 'image.json')
  const ring = ['ring', '--nodes', String(nodesCount), '--image', image]
  const emulated = ['--on', 'vm', '--accel', 'tcg', '--cold', '--set', 'hosts.vcpus=1']
  const measure = (args: readonly string[], hold = HOLD): Promise<Measured> =>
    measureRun([...ring, '--duration', hold, ...args])

  step('on this machine')
  const host = await measure(['--on', 'host'])
  step('in an emulated VM')
  const vm = await measure(emulated)
  const counted: (Measured & { readonly hogs: boolean })[] = []
  for (let round = 1; round <= rounds; round++) {
    const hogs = hasHogs(round)
    step(`deterministic, run ${round} of ${rounds}${hogs ? ', beside processor hogs' : ''}`)
    counted.push({ ...(await beside(hogs ? cpus().length : 0, () => measure(['--deterministic']))), hogs })
  }
  step(`deterministic, ${IDLE} of idle time`)
  const idle = await measure(['--deterministic'], IDLE)

  const row = (what: string, { realS, speed, digest }: Measured, beside = ''): Row => ({
    what,
    beside,
    real_s: realS,
    guest_s: speed?.guest_s ?? '',
    guest_busy_s: speed?.guest_busy_s ?? '',
    'to emulated': realS / vm.realS,
    digest: digest.slice(0, 12),
  })
  const digests = new Set(counted.map(({ digest }) => digest))
  const isOne = digests.size === 1 && !digests.has('')
  if (!isOne) process.exitCode = 1
  const quiet = spreadOf(counted.filter(({ hogs }) => !hogs).map(({ realS }) => realS))
  const slowdown = { to_emulated: quiet.median / vm.realS, to_host: quiet.median / host.realS }
  return {
    bench: `deterministic ring of ${nodesCount}`,
    columns: ['what', 'beside', 'real_s', 'guest_s', 'guest_busy_s', 'to emulated', 'digest'],
    rows: [
      row('on this machine', host),
      row('emulated', vm),
      ...counted.map((one, index) => row(`deterministic ${index + 1}`, one, one.hogs ? `${cpus().length} hogs` : '')),
      row(`deterministic, held ${IDLE}`, idle),
    ],
    data: { nodes: nodesCount, host, vm, deterministic: counted, quiet, idle, slowdown, digests: [...digests] },
    notes: [
      isOne ? `${rounds} runs, one digest` : `${rounds} runs, ${digests.size} digests: NOT deterministic`,
      `slowdown: ${slowdown.to_emulated.toFixed(2)} to the emulated run, ${slowdown.to_host.toFixed(1)} to this machine (whole commands)`,
    ],
  }
}

/** One `nslab run`, whole command. Throws where it came to no verdict. */
async function measureRun(args: readonly string[]): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-bench-'))
  try {
    const out = join(folder, 'run')
    const startMs = performance.now()
    const ended = await run(process.execPath, [cliPath, 'run', ...args, '--out', out], { timeoutMs: LIMIT_MS })
    const realS = (performance.now() - startMs) / 1000
    const isDeterministic = args.includes('--deterministic')
    // A gate that fails says nothing of the time; a run that has no verdict does.
    if (ended.code !== 0 && (isDeterministic || ended.code !== 1)) {
      throw new Error(`nslab run ${args.join(' ')}: exit ${ended.code}\n${ended.stdout}${ended.stderr}`)
    }
    if (!isDeterministic) return { realS, digest: '', speed: null }
    const read = (name: string): unknown => JSON.parse(readFileSync(join(out, name), 'utf8'))
    return { realS, digest: (read(RECORD_NAME) as DeterministicRecord).digest ?? '', speed: read(SPEED_NAME) as Speed }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Does `work` while `count` processes do nothing but compute. */
async function beside<T>(count: number, work: () => Promise<T>): Promise<T> {
  const hogs: ChildProcess[] = []
  for (let index = 0; index < count; index++) {
    // Ends by itself where this process is killed.
    const program = `const end = Date.now() + ${LIMIT_MS}; while (Date.now() < end);`
    hogs.push(spawn(process.execPath, ['-e', program], { stdio: 'ignore' }))
  }
  try {
    return await work()
  } finally {
    for (const hog of hogs) hog.kill('SIGKILL')
  }
}
