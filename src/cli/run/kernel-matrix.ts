// nslab run SCENARIO --kernel a,b: the same run on one kernel after the other, each in a process of its own, and a
// table of what they came to. The exit code is the worst of theirs.

import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ExitCode } from '../../base/exit-codes.ts'
import type { Report } from '../../judge/types.ts'
import { ensureFolder } from '../../lab/run-folder/run-folder.ts'
import { formatMetric, printable } from '../../report/format.ts'
import { textTable } from '../../report/table.ts'
import { runChild } from './child-run.ts'
import { kernelFolder } from './kernels.ts'
import { hookSignals } from './run-signals.ts'
import { type ScenarioOptions, wordsOf } from './scenario-options.ts'

/** From best to worst. A gate that failed says more than one nothing is known of, and less than a run that was none. */
const SEVERITY: readonly number[] = [
  ExitCode.pass,
  ExitCode.unknown,
  ExitCode.gateFailed,
  ExitCode.deadline,
  ExitCode.notFit,
  ExitCode.refused,
  ExitCode.usage,
  ExitCode.bug,
  ExitCode.interrupted,
]

/** The worst of several exit codes; one that is not nslab's is worse than all that are. */
export const worstOf = (codes: readonly number[]): number =>
  codes.reduce((worst, code) => (severityOf(code) > severityOf(worst) ? code : worst), ExitCode.pass as number)

const severityOf = (code: number): number => (SEVERITY.indexOf(code) < 0 ? SEVERITY.length : SEVERITY.indexOf(code))

export interface KernelRun {
  readonly kernel: string
  readonly folder: string
  readonly exitCode: number
  /** Null: it left none. */
  readonly report: Report | null
}

export async function matrixCommand(
  scenario: string,
  { kernel: _, ...options }: ScenarioOptions,
  kernels: readonly string[],
): Promise<number> {
  const folder = folderFor(scenario, options.out)
  const say = (line: string): void => void process.stderr.write(`nslab: ${line}\n`)
  const { interrupted, hurried, unhook } = hookSignals(signal => {
    say(`${signal}: ending in order, and no further kernel; once more ends at once`)
  })
  const runs: KernelRun[] = []
  try {
    for (const kernel of kernels) {
      if (interrupted.aborted) break
      const out = join(folder, kernelFolder(kernel))
      say(`kernel ${kernel} (${runs.length + 1} of ${kernels.length})`)
      const args = [scenario, ...wordsOf(options), '--kernel', kernel, '--out', out]
      const { code } = await runChild({ args, signals: [interrupted, hurried], isShown: true })
      runs.push({ kernel, folder: out, exitCode: code ?? ExitCode.bug, report: readReport(out) })
    }
  } finally {
    unhook()
  }
  process.stdout.write(describeMatrix(runs))
  return interrupted.aborted ? ExitCode.interrupted : worstOf(runs.map(({ exitCode }) => exitCode))
}

/** Made here: where it can't be, nothing runs. */
function folderFor(scenario: string, out: string | boolean | undefined): string {
  const at = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const folder = typeof out === 'string' ? out : join('runs', `${at}-${basename(scenario, '.toml')}-kernels`)
  ensureFolder(folder)
  return folder
}

function readReport(folder: string): Report | null {
  try {
    return JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Report
  } catch {
    return null
  }
}

/** Figures that kernels are told apart by, of each column the first that the runs have. */
const COLUMNS: readonly (readonly string[])[] = [
  ['vm_ready_s'],
  ['fabric_to_wired_s', 'discovery_p99_s', 'connections_per_s'],
  ['memory_per_node_bytes', 'observer_rss_max_bytes', 'connection_bytes'],
]

export function describeMatrix(runs: readonly KernelRun[]): string {
  const metrics = COLUMNS.flatMap(names => names.find(name => runs.some(run => figureOf(run, name) !== null)) ?? [])
  const rows = runs.map(run => [
    printable(run.kernel),
    [...new Set(Object.values(guestsOf(run.report)).map(guest => printable(guest.kernel)))].join(' ') || '–',
    run.report?.verdict ?? 'no report',
    String(run.exitCode),
    ...metrics.map(name => {
      const value = figureOf(run, name)
      return value === null ? '–' : formatMetric(name, value)
    }),
    printable(run.folder),
  ])
  const head = ['Kernel', 'Release', 'Verdict', 'Exit', ...metrics, 'Run folder']
  return ['', ...textTable({ head, rows, right: [3, ...metrics.map((_, index) => 4 + index)] }), ''].join('\n')
}

const figureOf = ({ report }: KernelRun, metric: string): number | null => report?.metrics[metric] ?? null

/** What a report says of the guests of its run. */
function guestsOf(report: Report | null): Readonly<Record<string, { readonly kernel: string }>> {
  const environment = (report?.environment ?? {}) as { readonly guests?: Record<string, { readonly kernel: string }> }
  return environment.guests ?? {}
}
