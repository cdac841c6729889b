// What every benchmark here shares: rounds measured alternately, medians with their range, a table and a JSON document.

import { cpus, release, totalmem } from 'node:os'
import { memoryUsedBytes } from '../src/lab/proc/proc.ts'
import { textTable } from '../src/report/table.ts'

/** What the command line says; each benchmark takes of it what it knows. */
export interface BenchOptions {
  readonly nodes: readonly number[]
  readonly rounds: number
  readonly chart?: string
}

export type Bench = (options: BenchOptions) => Promise<Result>

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly rounds_count: number
}

/** Median and range; of an even number of values the mean of the middle two. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1
      ? (sorted[middle] as number)
      : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number, rounds_count: sorted.length }
}

export type Row = Readonly<Record<string, string | number>>

/** A benchmark's result: rows for people, data for programs. */
export interface Result {
  readonly bench: string
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
  readonly data: unknown
  readonly notes: readonly string[]
}

/**
 * The kernel frees what namespaces held for up to half a minute after they are gone, and whoever comes next pays for
 * it.
 */
const STILL_MS = 2000
const STILL_LIMIT_MS = 30_000
const STEP_BYTES = 1024 * 1024

async function awaitStillKernel(): Promise<void> {
  const endMs = performance.now() + STILL_LIMIT_MS
  let lowest = memoryUsedBytes()
  for (let fellMs = performance.now(); performance.now() < Math.min(fellMs + STILL_MS, endMs); ) {
    await new Promise(resolve => setTimeout(resolve, 100))
    const used = memoryUsedBytes()
    if (used > lowest - STEP_BYTES) continue
    lowest = used
    fellMs = performance.now()
  }
}

/** Runs `subjects` in turn, round by round, so that a machine that drifts is the same to each. */
export async function alternate<T>(
  roundsCount: number,
  subjects: Readonly<Record<string, () => Promise<T>>>,
): Promise<Readonly<Record<string, readonly T[]>>> {
  const results: Record<string, T[]> = Object.fromEntries(Object.keys(subjects).map(name => [name, []]))
  for (let round = 1; round <= roundsCount; round++) {
    for (const [name, measure] of Object.entries(subjects)) {
      process.stderr.write(`bench: round ${round} of ${roundsCount}, ${name}\n`)
      await awaitStillKernel()
      results[name]?.push(await measure())
    }
  }
  return results
}

/** The machine, in one line, for whoever quotes a figure. */
export function machineLine(): string {
  const memoryGib = (totalmem() / 2 ** 30).toFixed(0)
  return `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${memoryGib} GiB, Linux ${release()}, Node ${process.versions.node}`
}

/** Table to standard error, JSON alone to standard output. */
export function printResult(result: Result): void {
  const cell = (value: string | number | undefined): string =>
    typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 3 }) : (value ?? '')
  const table = textTable({
    head: result.columns,
    rows: result.rows.map(row => result.columns.map(column => cell(row[column]))),
    right: result.columns.flatMap((column, index) => (typeof result.rows[0]?.[column] === 'number' ? [index] : [])),
  })
  process.stderr.write(`\n${result.bench} on ${machineLine()}\n${table.join('\n')}\n`)
  for (const note of result.notes) process.stderr.write(`${note}\n`)
  process.stdout.write(
    `${JSON.stringify({ bench: result.bench, machine: machineLine(), ...(result.data as object) }, null, 2)}\n`,
  )
}
