// QEMU on this machine: where it is, which version, and how it is started so that it never outlives this process.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { run } from '../base/exec.ts'
import { runMark } from '../base/run-mark.ts'

export interface QemuProgram {
  /** Absolute. */
  readonly path: string
  /** `7.2.22`. */
  readonly version: string
  /** What it says of itself, with the distribution's own number. */
  readonly build: string
}

export const QEMU_NAME = 'qemu-system-x86_64'
/** What to install where there is none. */
export const QEMU_REMEDY = 'Install it: apt-get install qemu-system-x86 (as root).'

/** The oldest that joins VMs by streams (-netdev stream). */
const QEMU_OLDEST = [7, 2] as const

/** The launcher that binds a child's life to ours; built with the addon. */
const launcherPath = fileURLToPath(new URL('../../native/build/Release/nslab-launch', import.meta.url))

/** The QEMU of the PATH that can say its version; null where there is none. */
export async function findQemu(path = process.env.PATH ?? ''): Promise<QemuProgram | null> {
  for (const program of candidates(path)) {
    const { stdout } = await askVersion(program)
    const version = /version (\d+(?:\.\d+)+)/.exec(stdout)?.[1]
    if (version !== undefined) return { path: program, version, build: stdout.split('\n')[0] as string }
  }
  return null
}

/** Why findQemu() has found none, with what to do. */
export async function lackOfQemu(path = process.env.PATH ?? ''): Promise<string> {
  const [program] = candidates(path)
  if (program === undefined) return `a microVM needs ${QEMU_NAME}, which is not on the PATH. ${QEMU_REMEDY}`
  const { code, signal, stdout, stderr, timedOut } = await askVersion(program)
  const said = `${stderr}\n${stdout}`.split('\n').find(line => line.trim() !== '') ?? 'it said nothing'
  const status = timedOut ? 'it did not end' : `it ended with ${signal ?? code}`
  return `a microVM needs ${QEMU_NAME}, and ${program} does not say its version: ${status}: ${said.trim()}`
}

/** Why this one does not do, with what to do; null: it does. */
export function tooOld({ path, version }: QemuProgram): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > QEMU_OLDEST[0] || (major === QEMU_OLDEST[0] && minor >= QEMU_OLDEST[1])) return null
  const oldest = QEMU_OLDEST.join('.')
  return `${path} is QEMU ${version}, and microVMs need ${oldest} or newer: put a newer one first on the PATH`
}

const candidates = (path: string): string[] =>
  path
    .split(delimiter)
    .filter(folder => folder.startsWith('/'))
    .map(folder => join(folder, QEMU_NAME))
    .filter(isExecutable)

const askVersion = (program: string): ReturnType<typeof run> => run(program, ['--version'], { timeoutMs: 10_000 })

/**
 * Starts QEMU as a process that the kernel ends when this one ends, by whatever cause. It inherits the descriptors of
 * `stdio` and no others, has a session of its own (a terminal's interrupt is for us), and holds no folder.
 * Call from the main thread: the kernel watches the thread that starts a process. `runId`: whose it is, in its
 * environment, by which `nslab reap` would find it.
 */
export function spawnQemu(
  program: string,
  args: readonly string[],
  stdio: StdioOptions & unknown[],
  runId?: string,
): ChildProcess {
  const kept = stdio.flatMap((_, fd) => (fd > 2 ? [fd] : [])).join(',')
  const death = ['--parent-death', String(osConstants.signals.SIGKILL), String(process.pid)]
  return spawn(launcherPath, [...death, '--close-fds-except', kept, '--', program, ...args], {
    stdio,
    cwd: '/',
    detached: true,
    // The words of errors end up in messages.
    env: { ...process.env, LC_ALL: 'C', ...runMark(runId) },
  })
}

/** Of what QEMU said on standard error, the lines that tell what is wrong, without its name. */
export function errorsOf(words: string): string[] {
  const lines = words.split('\n').map(line => line.replace(/^\S*qemu\S*: /, '').trim())
  return lines.filter(line => line !== '' && !line.startsWith('warning:'))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
