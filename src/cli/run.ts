// nslab run: a scenario from its file to its verdict. Progress goes to standard error, the result to standard output.

import type { Command } from 'commander'
import { type NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import type { RunResult } from '../lab/run.ts'
import { loadScenario, type ScenarioFlags, withScenarioFlags } from './scenario-flags.ts'

interface RunFlags extends ScenarioFlags {
  readonly out?: string
  readonly keep?: true
}

export function addRunCommand(program: Command): void {
  withScenarioFlags(program.command('run <scenario>').description('run a scenario and judge it'))
    .option('--out <dir>', 'the run folder (default: runs/<UTC>-<scenario>-<seed>)')
    .option('--keep', "keep the run's database files")
    .action(async (name: string, flags: RunFlags) => {
      process.exitCode = await runCommand(name, flags)
    })
}

async function runCommand(name: string, flags: RunFlags): Promise<ExitCode> {
  const { scenario, text } = loadScenario(name, flags)
  // Loaded late: a wrong flag is answered without the addon.
  const [{ runScenario }, { openProgressView }, { renderTerminal }] = await Promise.all([
    import('../lab/run.ts'),
    import('./progress.ts'),
    import('../report/terminal.ts'),
  ])
  const view = openProgressView()
  const { interrupted, hurried, unhook } = hookSignals(signal => {
    view.note(`nslab: ${signal}: ending in order; once more ends at once`)
  })
  let result: RunResult
  try {
    result = await runScenario({
      scenario,
      scenarioText: text,
      base: 'runs',
      ...(flags.out === undefined ? {} : { out: flags.out }),
      keep: flags.keep === true,
      interrupted,
      hurried,
      onProgress: progress => view.update(progress),
      onFolder: path => view.note(`nslab: run folder ${path}`),
      onWarning: message => view.note(`nslab: warning: ${message}`),
    })
  } finally {
    view.end()
    unhook()
  }
  process.stdout.write(renderTerminal(result.report, { color: process.stdout.isTTY, folder: result.folder }))
  return exitCodeOf(result)
}

function exitCodeOf({ report, diskError, bug }: RunResult): ExitCode {
  if (bug !== null) process.stderr.write(`nslab: a bug in nslab: ${bug instanceof Error ? bug.stack : String(bug)}\n`)
  if (diskError !== null) tellError(diskError)
  if (diskError !== null && report.exit_code === ExitCode.pass) return diskError.exitCode
  return report.exit_code as ExitCode
}

function tellError(error: NslabError): void {
  process.stderr.write(`nslab: ${error.message}\n${error.hint === undefined ? '' : `nslab: ${error.hint}\n`}`)
}

/** The first signal ends the run in order, the second at once. */
function hookSignals(onFirst: (signal: string) => void): {
  readonly interrupted: AbortSignal
  readonly hurried: AbortSignal
  readonly unhook: () => void
} {
  const interrupt = new AbortController()
  const hurry = new AbortController()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const onSignal = (signal: NodeJS.Signals): void => {
    if (interrupt.signal.aborted) hurry.abort(signal)
    else {
      onFirst(signal)
      interrupt.abort(signal)
    }
  }
  for (const signal of signals) process.on(signal, onSignal)
  const unhook = (): void => {
    for (const signal of signals) process.off(signal, onSignal)
  }
  return { interrupted: interrupt.signal, hurried: hurry.signal, unhook }
}
