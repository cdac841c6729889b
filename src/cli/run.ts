// nslab run: a scenario from its file to its verdict. Progress goes to standard error, the result to standard output.

import type { Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import type { Scenario } from '../config/types.ts'
import type { KeptResult } from '../lab/keep-run.ts'
import type { RepeatedPlan, RunOptions, RunResult } from '../lab/run.ts'
import { severalKernels } from './kernels.ts'
import { addScenarioOptions, isPlanPath, loadWithOptions, type ScenarioOptions } from './scenario-options.ts'
import { addShrinkOptions, refuseShrinking, type ShrinkFlags } from './shrink-options.ts'

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .summary('run a scenario and judge it')
    .description(
      'Runs a scenario and judges it. With --keep its VMs stay on after the verdict: torn down and measured as always, ' +
        'so without fleets, for nslab shell and nslab exec --vm; nslab vms lists them, nslab stop ends them. To look at ' +
        'a fleet that is wired, hold it: --duration 1h, and nslab shell or nslab exec meanwhile. A run that is ' +
        'interrupted keeps nothing. A run is repeated from its plan.json, with --out, --on and --accel alone: the same ' +
        'scenario, seed, ids and schedule. Of a soak that failed a gate, --shrink looks for a shorter schedule that ' +
        'still fails it.',
    )
    .argument('<scenario>', "name under soak/scenarios, a path, or a run's plan.json")
  addScenarioOptions(command)
  addShrinkOptions(command).action(async (name: string, options: ScenarioOptions & ShrinkFlags) => {
    process.exitCode = await runCommand(name, options)
  })
}

async function runCommand(name: string, options: ScenarioOptions & ShrinkFlags): Promise<number> {
  if (isPlanPath(name)) return (await import('./repeat.ts')).repeatCommand(name, options)
  refuseShrinking(options)
  const kernels = severalKernels(options)
  if (kernels !== null) return (await import('./kernel-matrix.ts')).matrixCommand(name, options, kernels)
  const loaded = loadWithOptions(name, options)
  const { scenario, text } = loaded
  if (scenario.run.deterministic) return (await import('./deterministic.ts')).runDeterministicCommand(loaded)
  return runAndTell(scenario, text)
}

/** Runs, judges and prints; `repeated`: the plan, where there is one already. */
export async function runAndTell(scenario: Scenario, text: string, repeated?: RepeatedPlan): Promise<ExitCode> {
  // Loaded late: a wrong flag is answered without the addon.
  const [run, { openProgressView }] = await Promise.all([loadRunner(scenario), import('./progress.ts')])
  const view = openProgressView()
  const { interrupted, hurried, unhook } = hookSignals(signal => {
    view.note(`nslab: ${signal}: ending in order; once more ends at once`)
  })
  try {
    const { kept, ...result } = await run({
      scenario,
      scenarioText: text,
      base: 'runs',
      ...(repeated === undefined ? {} : { repeated }),
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

type Runner = (options: RunOptions) => Promise<KeptResult>

/** VMs that stay need a process that stays. */
async function loadRunner(scenario: Scenario): Promise<Runner> {
  const { mayKeepVms, runInKeeper } = await import('../lab/keep-run.ts')
  if (mayKeepVms(scenario)) return options => runInKeeper({ ...options, onText: text => process.stderr.write(text) })
  const { runScenario } = await import('../lab/run.ts')
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
    import('../report/render.ts'),
    import('../report/terminal.ts'),
  ])
  const judged = judgeFolder(folder)
  // A disk that was full during the run has room for the report: the reserve, and what the database had taken.
  const refusal = refusalOf(() => writeReports(folder, judged))
  const writeError = diskError ?? refusal
  process.stdout.write(renderTerminal(judged.report, judged.history, { color: process.stdout.isTTY, folder }))
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

/** What the disk said to `work`; null when it was done. The verdict stands either way. */
function refusalOf(work: () => void): NslabError | null {
  try {
    work()
    return null
  } catch (error) {
    if (error instanceof NslabError) return error
    throw error
  }
}

/** The first signal ends the run in order, the second at once. */
export function hookSignals(onFirst: (signal: string) => void): {
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
