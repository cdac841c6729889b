// A run from its scenario to its verdict, as `nslab run` and the commands that run something by themselves have it.
// Progress goes to standard error, the result to standard output.

import { refusalOf } from '../../base/errors.ts'
import { ExitCode } from '../../base/exit-codes.ts'
import type { Scenario } from '../../config/types.ts'
import type { KeptResult } from '../../lab/keep/run.ts'
import type { RepeatedPlan, RunOptions, RunResult } from '../../lab/run/run.ts'
import { wantsColours } from '../progress/colours.ts'
import { hookSignals } from './run-signals.ts'

/** Runs, judges and prints; `repeated`: the plan, where there is one already. */
export async function runAndTell(scenario: Scenario, text: string, repeated?: RepeatedPlan): Promise<ExitCode> {
  // Loaded late: a wrong flag is answered without the addon.
  const [run, { openProgressView }] = await Promise.all([loadRunner(scenario), import('../progress/progress.ts')])
  // A soak of days is planned for a minute, in which no signal would be heard: one ends this process until they are.
  const planned = repeated ?? (scenario.soak === undefined ? undefined : await planOf(scenario))
  const view = openProgressView()
  const { interrupted, hurried, unhook } = hookSignals(signal => {
    view.note(`nslab: ${signal}: ending in order; once more ends at once`)
  })
  try {
    const { kept, ...result } = await run({
      scenario,
      scenarioText: text,
      base: 'runs',
      ...(planned === undefined ? {} : { repeated: planned }),
      interrupted,
      hurried,
      onProgress: progress => view.update(progress),
      onFolder: path => view.note(`nslab: run folder ${path}`),
      onWarning: message => view.note(`nslab: warning: ${message}`),
    })
    view.end()
    // Still hooked: an impatient signal must not take the report away from a run that has ended.
    const exitCode = await judgeAndTell(result)
    if (kept.length > 0) process.stderr.write(describeKept(kept))
    return exitCode
  } finally {
    view.end()
    unhook()
  }
}

async function planOf(scenario: Scenario): Promise<RepeatedPlan> {
  const { makePlan } = await import('../../lab/plan/plan.ts')
  return { plan: makePlan(scenario), out: scenario.run.out }
}

type Runner = (options: RunOptions) => Promise<KeptResult>

/** VMs that stay need a process that stays. */
async function loadRunner(scenario: Scenario): Promise<Runner> {
  const { mayKeepVms, runInKeeper } = await import('../../lab/keep/run.ts')
  if (mayKeepVms(scenario)) return options => runInKeeper({ ...options, onText: text => process.stderr.write(text) })
  const { runScenario } = await import('../../lab/run/run.ts')
  return async options => ({ ...(await runScenario(options)), kept: [] })
}

function describeKept(names: readonly string[]): string {
  return (
    `nslab: kept running: ${names.join(', ')} (the fleets have ended)\n` +
    `nslab:   nslab shell ${names[0]}  enters one    nslab vms  lists them    nslab stop  ends them\n`
  )
}

/** Judges from the saved folder, as `nslab report` does, writes the report's files and prints it. */
export async function judgeAndTell({ folder, diskError, bug }: RunResult): Promise<ExitCode> {
  const [{ judgeFolder, writeReports }, { renderTerminal }] = await Promise.all([
    import('../../report/render.ts'),
    import('../../report/terminal.ts'),
  ])
  const judged = judgeFolder(folder)
  // A disk that was full during the run has room for the report: the reserve, and what the database had taken.
  const refusal = refusalOf(() => writeReports(folder, judged))
  const writeError = diskError ?? refusal
  process.stdout.write(renderTerminal(judged.report, judged.history, { color: wantsColours(), folder }))
  if (bug !== null) process.stderr.write(`nslab: a bug in nslab: ${bug instanceof Error ? bug.stack : String(bug)}\n`)
  const exitCode = bug === null ? (judged.report.exit_code as ExitCode) : ExitCode.bug
  if (writeError === null) return exitCode
  process.stderr.write(
    `nslab: ${writeError.message}\n${writeError.hint === undefined ? '' : `nslab: ${writeError.hint}\n`}`,
  )
  // Without an outcome the report can only say that the run did not end; why is known here.
  const isBetterKnownHere = bug === null && (exitCode === ExitCode.pass || judged.history.outcome === null)
  return isBetterKnownHere ? writeError.exitCode : exitCode
}
