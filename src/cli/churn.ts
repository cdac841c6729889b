// nslab churn: namespaces that come and go by a schedule, as a program of a soak. Hidden: `nslab run` starts it.

import type { Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { readText } from '../config/load.ts'
import { operationLine, scheduleOf } from '../lab/churn/schedule.ts'
import type { ChurnTask } from '../protocol/churning.ts'
import { addSteeredFlags, type SteeredFlags } from './steered-flags.ts'

interface Flags extends SteeredFlags {
  readonly spec: string
  readonly print?: boolean
}

export function addChurnCommand(program: Command): void {
  const command = program
    .command('churn', { hidden: true })
    .summary('namespaces that come and go')
    .description(
      'Makes and drops network namespaces by a schedule that comes from a seed, and says what became of each.',
    )
    .requiredOption('--spec <json>', 'what to do, as JSON or the path of a file with it: spec, seed, duration_s')
    .option('--print', 'only print the schedule, one operation a line')
  addSteeredFlags(command)
  command.action(async (flags: Flags) => {
    const task = readTask(flags.spec)
    if (flags.print === true) await print(task)
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

const operationsOf = ({ spec, seed, duration_s, operations }: ChurnTask) =>
  operations ?? scheduleOf(spec, seed, duration_s)

/** Waits where the reader is slow: a schedule can be longer than memory. */
async function print(task: ChurnTask): Promise<void> {
  for (const operation of operationsOf(task))
    if (!process.stdout.write(`${operationLine(operation)}\n`))
      await new Promise(resolve => process.stdout.once('drain', resolve))
}
