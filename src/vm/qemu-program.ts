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

/** The launcher that binds a child's life to ours; built with the addon. */
const launcherPath = fileURLToPath(new URL('../../native/build/Release/nslab-launch', import.meta.url))

/** The QEMU of the PATH that can say its version; null where there is none. */
export async function findQemu(path = process.env.PATH ?? ''): Promise<QemuProgram | null> {
  for (const folder of path.split(delimiter)) {
    const program = join(folder, QEMU_NAME)
    if (!folder.startsWith('/') || !isExecutable(program)) continue
    const { stdout } = await run(program, ['--version'], { timeoutMs: 10_000 })
    const version = /version (\d+(?:\.\d+)+)/.exec(stdout)?.[1]
    if (version !== undefined) return { path: program, version, build: stdout.split('\n')[0] as string }
  }
  return null
}

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
