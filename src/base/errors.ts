// Expected errors: one table of codes, each with its exit code, message and hint.
// A message is a pure function of the facts. Bugs are not here: they are plain Errors and exit with 70.

import { ExitCode } from './exit-codes.ts'

/** Facts an error was made from: enough to rebuild its message, and what tests assert on. */
export type Facts = Readonly<Record<string, unknown>>

interface ErrorKind {
  readonly exit: ExitCode | ((facts: Facts) => ExitCode)
  readonly message: (facts: Facts) => string
  readonly hint?: (facts: Facts) => string
}

interface Failure {
  readonly exit_code: ExitCode
  readonly message: string
  readonly hint?: string
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : Array.isArray(value) ? value.map(text).join(', ') : JSON.stringify(value)

/** Of a refusal by the file system: a fact of its own, or how the reason begins. */
const errnoOf = ({ errno, reason }: Facts): string => /^E[A-Z]+/.exec(text(errno ?? reason))?.[0] ?? ''

/** What a user can do about a refusal, where the errno alone tells. */
const kernelRemedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another program listens there: end it (ss -ltnp), or set another port.',
  EADDRNOTAVAIL: 'This machine has no such address: set another to listen on (ip addr).',
  EACCES: 'This user may not do that: another port (1024 or above), a folder of its own, or root.',
  ENOENT: 'Check the path: its folder must be there.',
  ENAMETOOLONG: 'Name a shorter one: the kernel takes some 80 bytes for the name of a unix socket.',
  EPERM: 'This user may not do that: see nslab doctor.',
  EMFILE: 'Raise the limit on open files (ulimit -n), or use fewer nodes or namespaces.',
  ENFILE: 'The machine is out of open files (fs.file-max): use fewer nodes or namespaces.',
  ENOMEM: 'End what takes memory, or use fewer nodes or namespaces: see nslab doctor.',
  ENOSPC: 'A limit of the kernel is reached (user.max_net_namespaces): see nslab doctor.',
}

/** What a user can do about a path that can't be written, where the errno alone tells. */
const writeRemedies: Readonly<Record<string, string>> = {
  ENOENT: 'Make its folder, or name another.',
  EISDIR: 'Name a file in it.',
  ENOTDIR: 'A part of the path is no folder: name another.',
  EACCES: 'This user may not write there: name another place.',
  EPERM: 'This user may not write there: name another place.',
  EROFS: 'That is mounted read-only: name another place.',
  ENAMETOOLONG: 'Name a shorter path.',
  EAGAIN: 'Its reader takes nothing: have it read, or end it.',
  ENXIO: 'Nobody reads that pipe: start its reader first.',
}

/** What a user can do about a database that refuses, by its SQLSTATE or the errno of who connects. */
const databaseRemedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'No server listens there: start it, or name another host and port.',
  ENOENT: "No server's socket is there: start it, or name another folder.",
  ENOTFOUND: 'No such host: name another.',
  '28P01': 'Check user and password.',
  '28000': 'Check the user, and what pg_hba.conf of the server lets it do.',
  '3D000': 'Make it first (createdb), or name another.',
  '42501': 'Let an owner of the database make the tables by running this once, and grant this role what it lacks.',
  '42P07': "Tables of that name are somebody else's: name a database of its own.",
  '53100': 'Free some space on the disk of the server.',
  '53300': 'The server has no connection left: raise max_connections, or end others.',
  '25006': 'That server only reads: name the one that writes.',
  '22P05':
    'Its encoding has not all letters that names may have: name a database of UTF8 (createdb -E UTF8 -T template0).',
  '55P03': 'Somebody holds a lock on its tables (pg_locks): end that, or wait for it.',
}

/** No table, no such column, a type or a constraint that a row does not fit. */
const TABLES_CHANGED = /^(22|23|42|44|P0)/

const databaseRemedy = (code: string): string =>
  databaseRemedies[code] ??
  (TABLES_CHANGED.test(code) ? 'Its tables are not as nslab made them: undo that, or name another database.' : '')

/** What a user can do about a program of theirs that can't be started. */
const commandRemedies: Readonly<Record<string, string>> = {
  ENOENT: 'Name its path, or one that is on the PATH. A script may name an interpreter (#!) that is not there.',
  EACCES: 'Make it executable (chmod +x), or name its interpreter first: ["python3", "FILE"].',
}

/** What a user can do about a VM that ended, by how it ended. */
const vmRemedies: Readonly<Record<string, string>> = {
  out_of_memory: 'Give it more memory: --set hosts.memory_mib=N.',
  qemu_died: 'Killed: was this machine out of memory (dmesg)? SIGBUS: was its disk full? Else see what QEMU said.',
  guest_panic: 'The whole text is in the console folder of the run.',
  boot_deadline: 'A busy machine boots slowly; --cold boots without a snapshot. See the console folder of the run.',
  hang: 'The stack of its kernel is in the console folder of the run.',
}

/** What to do about a run that can't be repeated. */
const replayRemedies: Readonly<Record<string, string>> = {
  other_run: 'Such a run is made by: nslab run SCENARIO --deterministic.',
  other_image: 'Name the image that it was run with: --image FILE.',
}

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
  /** This process may not do what the command is about. */
  CAPABILITY_MISSING: {
    exit: ExitCode.notFit,
    message: f => `${text(f.what)} needs ${text(f.capability)}: ${text(f.reason)}`,
    hint: f => `Run it as root (sudo), or give it the capability: ${text(f.capability)}.`,
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
    hint: f => kernelRemedies[text(f.errno)] ?? '',
  },
  NODE_LOST: { exit: ExitCode.refused, message: f => `node lost: ${text(f.nodeId)}: ${text(f.reason)}` },
  FOREIGN_RUN: {
    exit: ExitCode.refused,
    message: f => `node ${text(f.nodeId)}: the controller runs ${text(f.given)}, not ${text(f.expected)}`,
    hint: () => 'Another run listens at this address; check controller_addr.',
  },
  FOREIGN_PROTOCOL: {
    exit: ExitCode.refused,
    message: f => `node ${text(f.nodeId)}: the controller's links are ${text(f.given)}, its own ${text(f.expected)}`,
    hint: () => "Write the same protocol into the controller's and the dataplane's configuration.",
  },
  /** `code`: what the server or the kernel calls it, where that is known. */
  DATABASE_REFUSED: {
    exit: ExitCode.refused,
    message: f => `database ${text(f.target)}: ${text(f.reason)}`,
    hint: f => databaseRemedy(text(f.code ?? '')),
  },
  /** A program that the user named. `key`: where; `errno` of who tried. */
  COMMAND_REFUSED: {
    exit: ExitCode.usage,
    message: f => `${text(f.key)}: ${text(f.command)} can't be started: ${text(f.errno)} (${text(f.reason)})`,
    hint: f => commandRemedies[text(f.errno)] ?? '',
  },
  PROCESS_ENDED: {
    exit: ExitCode.refused,
    message: f => `${text(f.process)} ended early (${text(f.status)})${f.lastWords ? `: ${text(f.lastWords)}` : ''}`,
  },
  /** A program of the run said why it can't go on: its own error, its own exit code. */
  PROGRAM_FAILED: {
    exit: f => (f.failure as Failure).exit_code,
    message: f => `${text(f.process)}: ${(f.failure as Failure).message}`,
    hint: f => (f.failure as Failure).hint ?? '',
  },
  DISK_REFUSED: {
    exit: ExitCode.refused,
    message: f => `cannot write ${text(f.path)}: ${text(f.reason)}`,
    hint: f =>
      writeRemedies[errnoOf(f)] ?? 'Free some space, or name another folder (--out of runs, --cache of images).',
  },
  // Guest images.
  IMAGE_DAMAGED: {
    exit: ExitCode.refused,
    message: f => `the guest image ${text(f.image)} is not what it says: ${text(f.reason)}`,
    hint: () => 'Remove its folder; the next run builds it again.',
  },
  IMAGE_UNFIT: {
    exit: ExitCode.notFit,
    message: f => `no guest image can be built for the role ${text(f.role)}: ${text(f.reason)}`,
    hint: f => text(f.remedy ?? ''),
  },
  KERNEL_UNKNOWN: {
    exit: ExitCode.usage,
    message: f => `no kernel for a guest: ${text(f.reason)}`,
    hint: () =>
      "Name a package of Debian's (linux-image-amd64), its release (6.1.0-56-cloud-amd64), or the path of a vmlinuz whose " +
      "modules are in ../lib/modules. lts and latest are the flake's: nix run .#ring -- --kernel lts,latest",
  },
  // Guests.
  /** `reason` is a clause whose subject is the VM: "rebooted". */
  GUEST_LOST: { exit: ExitCode.refused, message: f => `${text(f.vm)} ${text(f.reason)}` },
  // MicroVMs.
  /** A VM ended, or did not start, though it should have lived. */
  VM_FAILED: {
    exit: ExitCode.refused,
    message: f => {
      const said = f.consoleLines as readonly string[]
      const words = `${text(f.vm)} ${text(f.words)}`
      return said.length === 0 ? words : `${words}\nits console said last:\n  ${said.join('\n  ')}`
    },
    hint: f => vmRemedies[text(f.kind)] ?? '',
  },
  VM_REFUSED: { exit: ExitCode.refused, message: f => `${text(f.vm)}: ${text(f.operation)}: ${text(f.reason)}` },
  VM_TOO_SMALL: {
    exit: ExitCode.usage,
    message: f =>
      `${text(f.vm)} of ${text(f.askedMib)} MiB is too small: it needs ${text(f.neededMib)} MiB (${text(f.parts)})`,
    hint: f => `Give it more: --set hosts.memory_mib=${text(f.neededMib)}.`,
  },
  /** No process of the run was left to say how it ended. */
  RUN_UNFINISHED: {
    exit: ExitCode.unknown,
    message: f =>
      f.damaged
        ? 'the run did not end in order: outcome.json is damaged'
        : 'the run did not end: nothing recorded its outcome, so it was killed, or is still going on',
    hint: () => 'nslab reap restores what a killed run left on this machine.',
  },
  /** A run that `nslab replay` can't repeat, or not here. */
  NOT_REPEATABLE: {
    exit: f => (f.kind === 'other_run' ? ExitCode.usage : ExitCode.unknown),
    message: f => `${text(f.folder)} can't be repeated: ${text(f.reason)}`,
    hint: f => replayRemedies[text(f.kind)] ?? '',
  },
  // Another machine, of nslab remote.
  REMOTE_UNFIT: {
    exit: ExitCode.notFit,
    message: f => `${text(f.host)} is not fit for the run:\n${(f.problems as readonly string[]).join('\n')}`,
  },
  REMOTE_REFUSED: {
    exit: ExitCode.refused,
    message: f => `${text(f.host)}: ${text(f.operation)}: ${text(f.reason)}`,
    hint: f => text(f.remedy ?? ''),
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
    const { exit }: ErrorKind = errorTable[this.code]
    return typeof exit === 'function' ? exit(this.facts) : exit
  }

  get hint(): string | undefined {
    const kind: ErrorKind = errorTable[this.code]
    return kind.hint?.(this.facts) || undefined
  }
}

/** The exit code an error thrown at the top level ends the process with: anything unexpected is a bug. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof NslabError ? error.exitCode : ExitCode.bug
}

/** The expected error that ended `work`; null: none did. Throws any other. */
export function refusalOf(work: () => void): NslabError | null {
  try {
    work()
    return null
  } catch (error) {
    if (error instanceof NslabError) return error
    throw error
  }
}
