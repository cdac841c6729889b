// Expected errors: one table of codes, each with its exit code, message and hint.
// A message is a pure function of the facts. Bugs are not here: they are plain Errors and exit with 70.

import { ExitCode } from './exit-codes.ts'

/** Facts an error was made from: enough to rebuild its message, and what tests assert on. */
export type Facts = Readonly<Record<string, unknown>>

interface ErrorKind {
  readonly exit: ExitCode
  readonly message: (facts: Facts) => string
  readonly hint?: (facts: Facts) => string
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : Array.isArray(value) ? value.map(text).join(', ') : JSON.stringify(value)

/** Every expected error of nslab. Add a line here and one in errors.md (a test holds the two together). */
export const errorTable = {
  // Usage and configuration.
  USAGE: { exit: ExitCode.usage, message: f => text(f.problem), hint: f => text(f.hint ?? 'See nslab --help.') },
  CONFIG_INVALID: {
    exit: ExitCode.usage,
    message: f => `${text(f.source)} is not valid:\n${(f.problems as readonly string[]).join('\n')}`,
  },
  FILE_UNREADABLE: {
    exit: ExitCode.usage,
    message: f => `cannot read ${text(f.path)}: ${text(f.reason)}`,
    hint: () => 'Check the path and its permissions.',
  },
  // Machine.
  NOT_FIT: {
    exit: ExitCode.notFit,
    message: f => `this machine is not fit for the run:\n${(f.problems as readonly string[]).join('\n')}`,
    hint: () => 'See nslab doctor.',
  },
  // Deadlines.
  DEADLINE: {
    exit: ExitCode.deadline,
    message: f => `${text(f.waitingFor)} did not happen within ${text(f.limitS)} s; missing: ${text(f.missing)}`,
  },
  // Kernel, VM, database, another process.
  KERNEL_REFUSED: {
    exit: ExitCode.refused,
    message: f => `${text(f.operation)} in ${text(f.where)}: ${text(f.errno)} (${text(f.reason)})`,
  },
  DATABASE_REFUSED: { exit: ExitCode.refused, message: f => `database ${text(f.target)}: ${text(f.reason)}` },
  PROCESS_ENDED: {
    exit: ExitCode.refused,
    message: f => `${text(f.process)} ended early (${text(f.status)})${f.lastWords ? `: ${text(f.lastWords)}` : ''}`,
  },
  DISK_REFUSED: {
    exit: ExitCode.refused,
    message: f => `cannot write ${text(f.path)}: ${text(f.reason)}`,
    hint: () => 'Free some space, or name another folder with --out.',
  },
  INTERRUPTED: { exit: ExitCode.interrupted, message: f => `interrupted by ${text(f.signal)}` },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof errorTable

/** An expected error. `code` and `facts` are its meaning; `message` is only their rendering. */
export class NslabError extends Error {
  readonly code: ErrorCode
  readonly facts: Facts

  constructor(code: ErrorCode, facts: Facts, options?: ErrorOptions) {
    const kind: ErrorKind = errorTable[code]
    super(kind.message(facts), options)
    this.name = 'NslabError'
    this.code = code
    this.facts = facts
  }

  get exitCode(): ExitCode {
    return errorTable[this.code].exit
  }

  get hint(): string | undefined {
    const kind: ErrorKind = errorTable[this.code]
    return kind.hint?.(this.facts)
  }
}

/** The exit code an error thrown at the top level ends the process with: anything unexpected is a bug. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof NslabError ? error.exitCode : ExitCode.bug
}
