// nslab churn: namespaces that come and go by a schedule, as a program of a soak. Hidden: `nslab run` starts it.

import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { NslabError } from '../../base/errors.ts'
import { readText } from '../../config/load.ts'
import type { ChurnLine } from '../../protocol/churn.ts'
import type { ChurnTask } from '../../protocol/churning.ts'
import { addSteeredFlags, hookSignals, inherit, type SteeredFlags } from '../steered-flags.ts'

interface Flags extends SteeredFlags {
  readonly spec: string
  readonly directory: string
  readonly mountedDirectory: string
  readonly threads?: string
  readonly print?: boolean
}

const THREADS_MAX = 64

export function addChurnCommand(program: Command): void {
  const command = program
    .command('churn', { hidden: true })
    .summary('namespaces that come and go')
    .description(
      'Makes and drops network namespaces by a schedule that comes from a seed, and prints what became of each. ' +
        'For a mount namespace of its own: unshare --mount.',
    )
    .requiredOption('--spec <json>', 'what to do, as JSON or the path of a file with it: spec, seed, duration_s')
    .option('--directory <path>', 'of named namespaces', '/run/netns')
    .option('--mounted-directory <path>', 'of those mounted elsewhere', '/run/docker/netns')
    .option('--threads <n>', 'native threads that make and drop')
    .option('--print', 'only print the schedule, one operation a line')
  addSteeredFlags(command)
  command.action(async (flags: Flags) => {
    const task = readTask(flags.spec)
    if (flags.print === true) return print(task)
    const threads = flags.threads === undefined ? {} : { threads: threadsOf(flags.threads) }
    const stop = new AbortController()
    const unhook = hookSignals(stop)
    try {
      const [{ native }, { runChurn }] = await Promise.all([
        import('../../native/addon.ts'),
        import('../../lab/churn/program.ts'),
      ])
      const { steering } = await inherit(flags)
      await runChurn({
        native,
        task,
        directory: flags.directory,
        mountedDirectory: flags.mountedDirectory,
        ...threads,
        clock: systemClock,
        originNs: BigInt(flags.originNs ?? systemClock.nowNs()),
        signal: stop.signal,
        ...(steering === undefined ? { onLines: printLines } : { steering }),
      })
    } finally {
      unhook()
    }
  })
}

/** JSON, or the path of a file with it. Throws USAGE and FILE_UNREADABLE. */
function readTask(text: string): ChurnTask {
  const json = text.startsWith('{') ? text : readText(text)
  try {
    return JSON.parse(json) as ChurnTask
  } catch (error) {
    throw new NslabError('USAGE', { problem: `--spec: not JSON: ${(error as Error).message}` }, { cause: error })
  }
}

function threadsOf(text: string): number {
  const threads = Number(text)
  if (Number.isInteger(threads) && threads >= 1 && threads <= THREADS_MAX) return threads
  throw new NslabError('USAGE', { problem: `--threads ${text}: must be a number from 1 to ${THREADS_MAX}` })
}

function printLines(lines: readonly ChurnLine[]): void {
  process.stdout.write(lines.map(line => `${JSON.stringify(line)}\n`).join(''))
}

/** Waits where the reader is slow: a schedule can be longer than memory. */
async function print(task: ChurnTask): Promise<void> {
  const [{ operationLine }, { operationsOf }] = await Promise.all([
    import('../../lab/churn/schedule.ts'),
    import('../../lab/churn/program.ts'),
  ])
  for (const operation of operationsOf(task))
    if (!process.stdout.write(`${operationLine(operation)}\n`))
      await new Promise(resolve => process.stdout.once('drain', resolve))
}
