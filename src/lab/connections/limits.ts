// What this kernel allows of connections, read before anything is made.

import { execFile } from 'node:child_process'
import { cpus } from 'node:os'
import { readOrNull } from '../../base/read-or-null.ts'
import { readTasksAvailable } from '../fitness/machine.ts'
import { cgroupHeadroom } from '../proc/cgroup.ts'
import { parseMeminfo } from '../proc/proc.ts'
import { isMachineRoot } from '../state/state-folder.ts'
import type { ConnectionLimits } from './fit.ts'
import { loaderPath, refusedBy } from './loader.ts'

/** It takes a millisecond; an emulated guest under load, a second. */
const PROBE_MS = 30_000

/** The figure of a file under /proc; Infinity where it has none. */
function figure(path: string): number {
  const text = readOrNull(path)?.trim()
  return text === undefined || text === '' ? Number.POSITIVE_INFINITY : Number(text)
}

/** fs.file-nr: open, unused, and the most. The machine's root may open more. */
function machineFilesLeft(): number {
  if (isMachineRoot()) return Number.POSITIVE_INFINITY
  const [open, , most] = (readOrNull('/proc/sys/fs/file-nr') ?? '').trim().split(/\s+/).map(Number)
  return open === undefined || most === undefined ? Number.POSITIVE_INFINITY : Math.max(0, most - open)
}

/**
 * What the loader's --probe says. Not by base/exec.ts: within a guest it has neither exit status nor signal to tell.
 */
function probed(): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(loaderPath, ['--probe'], { timeout: PROBE_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(refusedBy(stdout, error.signal ?? `exit ${error.code}`, stderr || error.message))
    })
  })
}

/** Asks the loader how far a process may raise its limit on open files: Node has no call for it. */
export async function readConnectionLimits(): Promise<ConnectionLimits> {
  const { open_files_max } = JSON.parse(await probed()) as { open_files_max: number }
  const memory = parseMeminfo(readOrNull('/proc/meminfo') ?? '').MemAvailable ?? 0
  return {
    open_files_max,
    machine_files_left: machineFilesLeft(),
    memory_available_bytes: Math.min(memory, cgroupHeadroom('memory') ?? Number.POSITIVE_INFINITY),
    net_namespaces_max: figure('/proc/sys/user/max_net_namespaces'),
    tasks_available: readTasksAvailable(readOrNull('/proc/self/limits') ?? ''),
    epoll_watches_max: figure('/proc/sys/fs/epoll/max_user_watches'),
    cpus_count: cpus().length,
  }
}
