// The calls that run commands in the guest and move files in and out of it. Loaded when the first of them is made.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, createReadStream, createWriteStream, openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { NslabError } from '../../base/errors.ts'
import { listPids } from '../../base/netns-holders.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import type { ByteStream } from '../../protocol/byte-streams.ts'
import type { Answer, Ask, ExecRequest, StartedAs } from '../../vm/guest-calls.ts'
import type { ProcessEnd } from '../../vm/site-calls.ts'
import type { Session } from './session.ts'

/** The guest's end of the runner's virtconsole. */
const SHELL_DEVICE = '/dev/hvc0'

export interface ExecStreams {
  readonly stdin?: ByteStream
  readonly stdout?: ByteStream
  readonly stderr?: ByteStream
}

/** Runs a command in a session of its own (setsid); a kill reaches all of its processes. Throws KERNEL_REFUSED. */
export async function exec(session: Session, ask: ExecRequest, streams: ExecStreams): Promise<StartedAs> {
  const { argv, cwd, env, process: number } = ask
  const { stdin, stdout, stderr } = streams
  const child = await started(argv, {
    stdio: [stdin ? 'pipe' : 'ignore', stdout ? 'pipe' : 'ignore', stderr ? 'pipe' : 'ignore'],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  })
  // The command need not read all of its input.
  child.stdin?.on('error', () => {})
  if (child.stdin) stdin?.pipe(child.stdin)
  // Two streams may go into one, which then ends with the later.
  if (stdout) child.stdout?.pipe(stdout, { end: false })
  if (stderr) child.stderr?.pipe(stderr, { end: false })
  const said = new Set([stdout, stderr].flatMap(stream => stream ?? []))
  // A reader that has gone is to the command as a closed pipe.
  for (const stream of said) {
    stream.on('close', () => {
      if (stream === stdout) child.stdout?.destroy()
      if (stream === stderr) child.stderr?.destroy()
    })
  }
  watch(session, number, child, [...said])
  return { pid: child.pid as number }
}

function watch(
  session: Session,
  number: number,
  child: ChildProcess,
  said: readonly ByteStream[],
  kill = (signal: NodeJS.Signals): void => signalTo(-(child.pid as number), signal),
): void {
  const end = new Promise<ProcessEnd>(resolve => {
    child.once('close', (code, signal) =>
      resolve({ status: signal === null ? `exit ${code}` : `killed by ${signal}`, code }),
    )
  })
  session.watch(number, kill, end, said)
}

/** To a process, or to a group where it is negative. */
function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended a moment ago.
  }
}

interface SpawnRequest {
  readonly stdio: StdioOptions
  readonly env: NodeJS.ProcessEnv
  readonly cwd?: string
}

async function started(argv: readonly string[], request: SpawnRequest): Promise<ChildProcess> {
  const [command = '', ...args] = argv
  const child = spawn(command, args, { ...request, detached: true })
  try {
    await once(child, 'spawn')
    return child
  } catch (error) {
    const { code: errno = 'EIO', message: reason } = error as NodeJS.ErrnoException
    throw new NslabError('KERNEL_REFUSED', { operation: `exec ${command}`, where: hostname(), errno, reason })
  }
}

/** Throws KERNEL_REFUSED where the guest has no such device, or no shell. */
export async function openShell(session: Session, ask: Ask<'open_shell'>): Promise<StartedAs> {
  const { rows, columns, term, process: number } = ask
  requireConsole()
  // The leader of a session gets the first terminal that it opens as its controlling one (setsid(1) would fork, because
  // it is a leader already). What was typed for an earlier shell and not read by it is thrown away.
  const line = [
    `exec <>${SHELL_DEVICE} >&0 2>&1`,
    'stty -icanon -echo min 0 time 1',
    'cat > /dev/null',
    `stty sane rows ${Number(rows)} cols ${Number(columns)}`,
    'exec sh -l',
  ].join('; ')
  const env = { ...process.env, TERM: term, HOME: '/root', PS1: `${hostname()}:\\w# ` }
  const child = await started(['sh', '-c', line], { stdio: 'ignore', cwd: '/', env })
  const pid = child.pid as number
  watch(session, number, child, [], signal => signalSession(pid, signal))
  return { pid }
}

function requireConsole(): void {
  try {
    // It is not to become the agent's own terminal.
    closeSync(openSync(SHELL_DEVICE, constants.O_RDWR | constants.O_NOCTTY))
  } catch (error) {
    const { code: errno = 'EIO', message: reason } = error as NodeJS.ErrnoException
    const where = `${hostname()}: ${SHELL_DEVICE}`
    throw new NslabError('KERNEL_REFUSED', { operation: 'open', where, errno, reason })
  }
}

/** A shell's jobs are groups of their own, and it may start one while it is looked for them. */
const LOOKS_MAX = 10

function signalSession(leader: number, signal: NodeJS.Signals): void {
  for (let looks = 0; looks < (signal === 'SIGKILL' ? LOOKS_MAX : 1); looks++) {
    const members = sessionMembers(leader)
    if (members.length === 0) return
    for (const member of members) signalTo(member, signal)
  }
}

/** Processes of the session that `leader` began and that have not ended. Source: proc_pid_stat(5), fields 3 and 6. */
function sessionMembers(leader: number): number[] {
  return listPids().filter(pid => {
    const stat = readOrNull(`/proc/${pid}/stat`) ?? ''
    const [, state, , , session] = stat.slice(stat.lastIndexOf(')')).split(' ')
    return session === String(leader) && state !== 'Z'
  })
}

/** Throws DISK_REFUSED. */
export async function writeFile(ask: Ask<'write_file'>, source: ByteStream): Promise<Answer<'write_file'>> {
  const { path, mode } = ask
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = createWriteStream(path, { mode })
    await pipeline(source, file)
    return { bytes: file.bytesWritten }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new NslabError('DISK_REFUSED', { path: `${hostname()}:${path}`, reason: code ?? message, errno: code })
  }
}

/** Throws FILE_UNREADABLE. */
export async function readFile({ path }: Ask<'read_file'>, out: ByteStream): Promise<Answer<'read_file'>> {
  return reading(path, async () => {
    const file = createReadStream(path)
    await pipeline(file, out)
    return { bytes: file.bytesRead }
  })
}

async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new NslabError('FILE_UNREADABLE', { path: `${hostname()}:${path}`, reason: code ?? message })
  }
}
