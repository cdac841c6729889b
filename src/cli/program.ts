// The command line: options and commands as commander reads them.

import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'

export type AddCommand = (program: Command) => void

/** Runs what `args` ask for, of these commands. A command that has an exit code of its own sets process.exitCode. */
export async function runProgram(
  args: readonly string[],
  commands: Readonly<Record<string, () => Promise<AddCommand>>>,
): Promise<void> {
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
