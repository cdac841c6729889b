// The root of the command line. A command's module is loaded when that command is asked for, all of them for the help.
// Alone in turning errors into words and exit codes.

import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { exitCodeOf, NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import { Log } from '../base/log.ts'

type AddCommand = (program: Command) => void

/** Commands in the order of the help. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  run: async () => (await import('./run.ts')).addRunCommand,
  plan: async () => (await import('./plan.ts')).addPlanCommand,
  list: async () => (await import('./list.ts')).addListCommand,
  doctor: async () => (await import('./doctor.ts')).addDoctorCommand,
  report: async () => (await import('./report.ts')).addReportCommand,
  compare: async () => (await import('./compare.ts')).addCompareCommand,
  controller: async () => (await import('./controller.ts')).addControllerCommand,
  dataplane: async () => (await import('./dataplane.ts')).addDataplaneCommand,
  exec: async () => (await import('./exec.ts')).addExecCommand,
  reap: async () => (await import('./reap.ts')).addReapCommand,
  agent: async () => (await import('./agent.ts')).addAgentCommand,
  image: async () => (await import('./image.ts')).addImageCommand,
}

const log = new Log('info')

/** @returns the exit code; a command that has one of its own sets process.exitCode. */
async function main(args: readonly string[]): Promise<void> {
  const program = new Command('nslab')
    .description('A test lab for software that lives in thousands of Linux network namespaces.')
    .version(version())
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      'after',
      '\nExit codes: 0 pass, 1 a gate failed, 2 usage, 3 machine not fit, 4 deadline, 5 unknown, 6 refused, 70 bug, 130 interrupted.',
    )
  const asked = commands[args[0] ?? '']
  for (const load of asked === undefined ? Object.values(commands) : [asked]) (await load())(program)
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // --help and --version end here, too, with 0; help that nobody asked for is a wrong use.
    if (error.exitCode === 0) return
    if (error.code === 'commander.help') process.exitCode = ExitCode.usage
    else throw new NslabError('USAGE', { problem: error.message.replace(/^error: /, '') })
  }
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version
}

/** Says why and ends the process: whatever still runs is of no use after an error nobody handled. */
function endWith(error: unknown): never {
  if (error instanceof NslabError) {
    log.error(error.message)
    if (error.hint !== undefined) log.info(error.hint)
  } else {
    log.error(`a bug in nslab: ${error instanceof Error ? error.stack : String(error)}`)
  }
  process.exit(exitCodeOf(error))
}

/** `nslab list | head -1`: the reader has what it wanted; the command goes on and its exit code stands. */
function onOutputRefused(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' || error.code === 'EIO') return
  endWith(
    new NslabError('DISK_REFUSED', { path: 'standard output', reason: error.code ?? error.message, errno: error.code }),
  )
}

process.on('uncaughtException', endWith)
process.stdout.on('error', onOutputRefused)
// A run goes on, and is ended in order, when nobody can hear of it any more: `2>&1 | head -1`, a full disk, a lost
// terminal.
process.stderr.on('error', () => {})
await main(process.argv.slice(2)).catch(endWith)
