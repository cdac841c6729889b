// nslab selfcheck: every gate of a soak shown to fail on its canary. Exit 0: all did, and nothing else turned; 5: so
// did those that could be put in, but this machine lacks what another needs.

import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { NslabError } from '../../base/errors.ts'
import { ExitCode } from '../../base/exit-codes.ts'
import { nearestOf } from '../../config/nearest.ts'
import type { Canary, CanaryFinding } from '../../judge/canaries.ts'
import { ensureFolder } from '../../lab/run-folder/run-folder.ts'
import { writeCanaryBook } from '../../lab/state/canary-book.ts'
import { textTable } from '../../report/table.ts'
import { kvmOfThisMachine } from '../../vm/accelerator.ts'
import { hookSignals } from '../run/run-signals.ts'
import { loadWithOptions } from '../run/scenario-options.ts'
import { canaries } from './canaries.ts'
import { type SelfcheckResult, seenRed, selfcheck } from './canary-runs.ts'

interface Options {
  readonly jobs: number
  readonly scenario: string
  readonly set: readonly string[]
  readonly on?: string
  readonly accel?: string
  readonly out?: string
  readonly list?: boolean
}

export function addSelfcheckCommand(program: Command): void {
  program
    .command('selfcheck')
    .summary('show every gate of a soak to fail on its canary')
    .description(
      'Runs a small soak once as it is, which must pass, and once with each fault put into the running system, which ' +
        'must turn its own gate and none that it is not known to turn. When each gate was last seen red is kept, and ' +
        'told by the reports of soaks.',
    )
    .argument('[canary...]', 'only these; see --list')
    .option('--list', 'name the canaries, their faults and their gates')
    .option('--jobs <n>', 'how many runs at once', parseJobs, 1)
    .option('--scenario <scenario>', 'what to run', 'selfcheck')
    .option('--on <where>', 'where the soaks run: auto, host or vm (key: hosts.on)')
    .option('--accel <how>', 'of VMs: auto, kvm or tcg (key: hosts.accel)')
    .option('--set <key=value>', 'any key of the scenario; may be repeated', collect, [])
    .option('--out <dir>', 'where the run folders go; default: a new folder under runs/')
    .action(async (names: readonly string[], options: Options) => {
      const chosen = choose(names)
      if (options.list === true) process.stdout.write(describeCanaries(chosen))
      else process.exitCode = await check(chosen, options)
    })
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

/** Flags come after every --set, as those of `nslab run` do. */
function setsOf({ set, on, accel }: Options): readonly string[] {
  const flags = Object.entries({ 'hosts.on': on, 'hosts.accel': accel })
  return [...set, ...flags.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]))]
}

/** Whether the soaks will be at level tcg. Throws what is wrong with the scenario. */
async function isEmulated(options: Options): Promise<boolean> {
  const { on, accel } = loadWithOptions(options.scenario, { set: setsOf(options) }).scenario.hosts
  if (on === 'host' || accel === 'kvm') return false
  if (on === 'vm' && accel === 'tcg') return true
  const { works } = await kvmOfThisMachine()
  return on === 'vm' ? !works : works && accel === 'tcg'
}

function parseJobs(text: string): number {
  const jobs = Number(text)
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 64) throw new InvalidArgumentError('a whole number from 1 to 64')
  return jobs
}

/** All, or those named. Throws USAGE. */
function choose(names: readonly string[]): readonly Canary[] {
  const known = canaries.map(({ name }) => name)
  for (const name of names) {
    if (known.includes(name)) continue
    const nearest = nearestOf(name, known)
    const problem = `there is no canary "${name}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`
    throw new NslabError('USAGE', { problem, hint: `Canaries: ${known.join(', ')}.` })
  }
  return names.length === 0 ? canaries : canaries.filter(({ name }) => names.includes(name))
}

const describeCanaries = (chosen: readonly Canary[]): string =>
  `${textTable({ head: ['Canary', 'Gate', 'Fault'], rows: chosen.map(({ name, gates, fault }) => [name, gates.join(', '), fault]) }).join('\n')}\n`

async function check(chosen: readonly Canary[], options: Options): Promise<ExitCode> {
  const startedAt = new Date().toISOString()
  const name = `${startedAt.replaceAll(/[-:]|\.\d+/g, '')}-selfcheck`
  const folder = options.out ?? join('runs', name)
  ensureFolder(folder)
  const say = (line: string): void => void process.stderr.write(`nslab: ${line}\n`)
  const { interrupted, hurried, unhook } = hookSignals(signal =>
    say(`${signal}: ending in order; once more ends at once`),
  )
  try {
    const result = await selfcheck({
      canaries: chosen,
      scenario: options.scenario,
      set: setsOf(options),
      isEmulated: await isEmulated(options),
      folder,
      jobs: options.jobs,
      signal: interrupted,
      hurried,
      onStart: name => say(`${name} …`),
      onEnd: (name, problems) => say(`${name}: ${problems.length === 0 ? 'as it should' : problems.join('; ')}`),
    })
    writeCanaryBook(seenRed(result, startedAt))
    process.stdout.write(describe(result, folder))
    return exitCodeOf(result)
  } finally {
    unhook()
  }
}

const words = { [ExitCode.pass]: 'PASS', [ExitCode.unknown]: 'UNKNOWN', [ExitCode.gateFailed]: 'FAIL' } as const

function exitCodeOf({ control, findings }: SelfcheckResult): keyof typeof words {
  if (control.length > 0 || findings.some(({ problems }) => problems.length > 0)) return ExitCode.gateFailed
  return findings.some(({ refused }) => refused !== null) ? ExitCode.unknown : ExitCode.pass
}

/** A line for each of its gates; what is wrong with it stands in the first. */
function rowsOf({ canary, seen, problems, refused }: CanaryFinding): string[][] {
  const mark = refused !== null ? '?' : problems.length === 0 ? '✓' : '✗'
  return canary.gates.map((name, index) => {
    const gate = seen[index]
    const turned = gate && refused === null ? `${gate.verdict} at ${gate.observed ?? 'no value'} (${gate.limit})` : '–'
    return [mark, canary.name, name, turned, index === 0 ? (refused ?? problems.join('; ')) : '']
  })
}

function describe(result: SelfcheckResult, folder: string): string {
  const { control, findings, unproven } = result
  return [
    ...control.map(problem => `✗ without a canary: ${problem}`),
    ...textTable({ head: ['', 'Canary', 'Gate', 'Turned', 'Problem'], rows: findings.flatMap(rowsOf) }),
    ...(unproven.length === 0 ? [] : [`without a canary of their own: ${unproven.join(', ')}`]),
    `${words[exitCodeOf(result)]}  ${findings.length} canaries, ${folder}`,
    '',
  ].join('\n')
}
