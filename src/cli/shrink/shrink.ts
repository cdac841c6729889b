// nslab run RUN/plan.json --shrink: from a soak that failed a gate to the shortest schedule found that still fails it.
// Exit 0: a shorter one was found; 5: none was.

import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { NslabError } from '../../base/errors.ts'
import { ExitCode } from '../../base/exit-codes.ts'
import { shellWord } from '../../base/shell-word.ts'
import type { GateConfig } from '../../config/types.ts'
import { readHistory } from '../../judge/history.ts'
import { judge } from '../../judge/judge.ts'
import type { Report } from '../../judge/types.ts'
import { scheduleOf } from '../../lab/churn/schedule.ts'
import { namespacesOf, type Schedule, type Shrunk, shrinkSchedule } from '../../lab/churn/shrink.ts'
import { planToJson } from '../../lab/plan/plan.ts'
import { planWithSchedule } from '../../lab/plan/soak.ts'
import { writeFileAtomic } from '../../lab/run-folder/disk.ts'
import { ensureFolder } from '../../lab/run-folder/run-folder.ts'
import type { Plan } from '../../plan.ts'
import { hookSignals } from '../run/run-signals.ts'
import { BUDGET_S } from './options.ts'
import { ShrinkRuns } from './runs.ts'

export interface ShrinkCommandOptions {
  /** Seconds. */
  readonly budget?: number
  readonly gate?: string
  readonly out: string | undefined
}

export async function shrinkCommand(path: string, plan: Plan, options: ShrinkCommandOptions): Promise<ExitCode> {
  const { budget: budgetS = BUDGET_S } = options
  const report = failedReport(path, plan)
  const gate = chooseGate(report, plan.scenario.gates, options.gate)
  const folder = makeFolder(options.out, plan.scenario.name)
  copyScenario(path, folder)
  const say = (line: string): void => void process.stderr.write(`nslab: ${line}\n`)
  say(`looks for a shorter schedule that fails ${gate}, for ${budgetS} s at most; folder ${folder}`)
  const { interrupted, hurried, unhook } = hookSignals(signal =>
    say(`${signal}: ends with the best so far; once more ends its run at once`),
  )
  try {
    const runs = new ShrinkRuns({
      plan,
      gate,
      folder,
      budgetS,
      overheadS: overheadOf(report),
      clock: systemClock,
      signal: interrupted,
      hurried,
      say,
    })
    const start = startOf(plan, budgetS)
    const shrunk = await shrinkSchedule(start, {
      oracle: (schedule, step) => runs.attempt(schedule, step),
      fits: durationS => runs.fits(durationS),
    })
    process.stdout.write(tell({ path, plan, gate, folder, start, shrunk, attempts: runs.count }))
    if (interrupted.aborted) return ExitCode.interrupted
    return shrunk.schedule === start ? ExitCode.unknown : ExitCode.pass
  } finally {
    unhook()
  }
}

/** The report of the run that the plan is of. Throws USAGE where that is no soak that failed. */
function failedReport(path: string, plan: Plan): Report {
  const refused = (problem: string, hint: string): NslabError => new NslabError('USAGE', { problem, hint, path })
  if (plan.scenario.soak === undefined)
    throw refused(`${path} is not of a soak: only a churn's schedule can be shorter`, 'Repeat it without --shrink.')
  const folder = dirname(path)
  if (!existsSync(join(folder, 'environment.json')))
    throw refused(`${folder} is no run folder: nothing says which gate failed`, 'Run the plan first, without --shrink.')
  const report = judge(readHistory(folder))
  if (report.verdict === 'fail') return report
  throw refused(
    `the run in ${folder} did not fail a gate: its verdict is ${report.verdict}`,
    'There is nothing to look for. See nslab report RUN.',
  )
}

/** Metrics of how much was done: of any shorter schedule they are less, whatever broke. */
const WORK = /^(churn_ops_|namespaces_made_|namespaces_live_|netns_judged_|sockets_judged_|polls_|rows_(sent|stored)_)/

/** The name of the gate that a shorter schedule has to fail. */
function chooseGate(report: Report, gates: readonly GateConfig[], asked: string | undefined): string {
  const failed = report.gates.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name)
  const isOfWork = (name: string): boolean =>
    gates.some(gate => gate.name === name && gate.operator.startsWith('>') && WORK.test(gate.metric))
  const able = failed.filter(name => !isOfWork(name))
  const chosen = asked === undefined ? able[0] : able.find(name => name === asked)
  if (chosen !== undefined) return chosen
  const words = asked === undefined ? 'each gate that failed asks' : `${asked} asks`
  throw new NslabError('USAGE', {
    problem:
      asked !== undefined && !failed.includes(asked)
        ? `the run did not fail a gate ${asked}`
        : `${words} for work done, which a shorter schedule has less of, whatever broke`,
    hint: able.length === 0 ? 'There is nothing to look for.' : `Gates that failed: ${able.join(', ')}.`,
    failed,
  })
}

/** What a run takes beside its churning, as this one did. */
function overheadOf({ phases }: Report): number {
  return phases.reduce((sumS, { name, duration_s }) => sumS + (name === 'churn' ? 0 : duration_s), 0)
}

/** The schedule that broke; of one that is longer than the budget, no more than could be tried. */
function startOf({ scenario, churn }: Plan, budgetS: number): Schedule {
  if (scenario.soak === undefined) throw new Error('the plan is of no soak')
  const durationS = scenario.run.holdS
  const { operations } = churn ?? {}
  if (operations !== undefined) return { operations, durationS }
  const triedS = Math.min(durationS, budgetS)
  return { operations: [...scheduleOf(scenario.soak.churn, scenario.seed, triedS)], durationS }
}

function makeFolder(out: string | undefined, scenario: string): string {
  const utc = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const name = `${utc}-shrink-${scenario.replaceAll(/[^A-Za-z0-9._-]+/g, '-')}`
  const folder = ensureFolder(out ?? join('runs', name))
  if (readdirSync(folder).length === 0) return folder
  throw new NslabError('USAGE', {
    problem: `--out ${folder} is not an empty folder`,
    hint: 'Name a folder that does not exist yet, or an empty one.',
    path: folder,
  })
}

/** Runs of a plan take the text of its scenario from beside it. */
function copyScenario(path: string, folder: string): void {
  const scenario = join(dirname(path), 'scenario.toml')
  if (existsSync(scenario)) copyFileSync(scenario, join(folder, 'scenario.toml'))
}

interface Telling {
  readonly path: string
  readonly plan: Plan
  readonly gate: string
  readonly folder: string
  readonly start: Schedule
  readonly shrunk: Shrunk
  readonly attempts: number
}

/** Writes shrunk/plan.json where a shorter one was found; the words for people. */
function tell({ path, plan, gate, folder, start, shrunk, attempts }: Telling): string {
  const { schedule, isWhole } = shrunk
  const end = isWhole ? 'all was tried' : 'ended before all was tried'
  if (schedule === start) return `\n  NOT SHORTER  no shorter schedule failed ${gate}: ${attempts} attempts, ${end}\n`
  const shorter = join(folder, 'shrunk')
  const file = join(shorter, 'plan.json')
  mkdirSync(shorter, { recursive: true })
  writeFileAtomic(file, planToJson(planWithSchedule(plan, schedule)), 0o600)
  copyScenario(path, shorter)
  const before = plan.churn?.ops_count ?? start.operations.length
  const made = namespacesOf(schedule, 'namespaces').length
  const filled = namespacesOf(schedule, 'fill').length
  return [
    '',
    `  SHORTER  from ${before} operations in ${start.durationS} s to ${schedule.operations.length} in ${schedule.durationS} s`,
    `           namespaces: ${filled} at the start, ${made} made later; ${attempts} attempts, ${end}`,
    `  fails    ${gate}`,
    `  again    nslab run ${shellWord(file)}`,
    '',
  ].join('\n')
}
