// What `nslab run --deterministic` and `nslab replay` share: a prepared run from its VM to its verdict and its digest.

import { NslabError } from '../../base/errors.ts'
import type { ExitCode } from '../../base/exit-codes.ts'
import { shellWord } from '../../base/shell-word.ts'
import type { LoadedScenario } from '../../config/load.ts'
import { type Preparation, prepareDeterministic } from '../../lab/deterministic/machine.ts'
import type { Speed } from '../../lab/deterministic/record.ts'
import { type DeterministicResult, runDeterministic, seal } from '../../lab/deterministic/run.ts'
import { interruptible } from '../interruptible.ts'
import { openProgressView } from '../progress/progress.ts'
import { judgeAndTell } from './run-and-tell.ts'
import { hookSignals } from './run-signals.ts'

export interface PreparedRun {
  readonly result: DeterministicResult
  /** Of the verdict. */
  readonly exitCode: ExitCode
  /** Over every file of the run; null where another run would not be the same. */
  readonly digest: string | null
}

export async function runDeterministicCommand({ scenario, text }: LoadedScenario): Promise<ExitCode> {
  const preparation = await interruptible(signal => prepareDeterministic(scenario, text, note, signal))
  const { exitCode } = await runPrepared(preparation, scenario.run.out)
  return exitCode
}

/** Runs, judges, prints the report and the digest. */
export async function runPrepared(preparation: Preparation, out: string | undefined): Promise<PreparedRun> {
  const view = openProgressView()
  const { interrupted, unhook } = hookSignals(signal => view.note(`nslab: ${signal}: the VM is switched off`))
  try {
    const result = await runDeterministic(preparation, {
      base: 'runs',
      out,
      interrupted,
      onProgress: progress => view.update(progress),
      onFolder: path => view.note(`nslab: run folder ${path}`),
    })
    view.end()
    const exitCode = await judgeAndTell(result)
    return { result, ...tellDigest(result, exitCode) }
  } finally {
    view.end()
    unhook()
  }
}

function tellDigest(result: DeterministicResult, verdict: ExitCode): Pick<PreparedRun, 'exitCode' | 'digest'> {
  if (!result.isRepeatable) return { exitCode: verdict, digest: null }
  const { machine } = result.record
  try {
    const digest = seal(result)
    const lines = [
      `deterministic, seed ${machine.seed}: digest ${digest}`,
      ...(result.speed === null ? [] : [speedLine(result.speed)]),
      `once more, and compared: nslab replay ${shellWord(result.folder)}`,
    ]
    process.stdout.write(`\n${lines.map(line => `  ${line}\n`).join('')}`)
    return { exitCode: verdict, digest }
  } catch (error) {
    if (!(error instanceof NslabError)) throw error
    note(error.message)
    return { exitCode: verdict === 0 ? error.exitCode : verdict, digest: null }
  }
}

/** Figures of this machine, which is why they are in no report. */
function speedLine({ real_s, guest_s, guest_busy_s }: Speed): string {
  const slowdown = (real_s / guest_busy_s).toFixed(2)
  return (
    `${real_s.toFixed(1)} s here for ${guest_s.toFixed(1)} s of the guest's time, ` +
    `${guest_busy_s.toFixed(1)} s of it busy: slowdown ${slowdown}`
  )
}

export function note(line: string): void {
  process.stderr.write(`nslab: ${line}\n`)
}
