// What this machine allows a run, read before anything is made. Numbers only; whether they suffice is limits.ts.

import { existsSync, statfsSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, resolve } from 'node:path'
import { readOrNull } from '../../base/read-or-null.ts'
import { isLeasable, LEASABLE_SYSCTLS, readSysctls } from '../leases/leases.ts'
import { cgroupHeadroom } from '../proc/cgroup.ts'
import { parseMeminfo } from '../proc/proc.ts'
import { namespacesTaken } from '../state/live-runs.ts'
import { isMachineRoot } from '../state/state-folder.ts'
import { type KernelRefusal, probeKernel } from './kernel-probe.ts'

export interface Machine {
  /** Root of the machine itself, not of a user namespace. */
  readonly root: boolean
  readonly cpus_count: number
  /** RLIMIT_NOFILE. Node raises its soft limit to the hard one when it starts, and children inherit that. */
  readonly open_files: { readonly soft: number; readonly hard: number }
  /** user.max_net_namespaces of this user namespace. */
  readonly net_namespaces_max: number
  /**
   * Of those what other live runs of nslab's may have: the kernel counts them by user and tells nobody. 0 for a run
   * without root, which has a user namespace of its own, with a count of its own.
   */
  readonly net_namespaces_taken: number
  /** gc_thresh3: null where it is not visible (the machine's own network namespace is not ours). */
  readonly neighbours: { readonly limit: number | null; readonly leasable: boolean }
  /** MemAvailable, or what a control group leaves of it. */
  readonly memory_available_bytes: number
  readonly disk: { readonly folder: string; readonly available_bytes: number }
  /**
   * Threads and processes that may still be made: control groups, RLIMIT_NPROC, kernel.threads-max and kernel.pid_max;
   * the least of them.
   */
  readonly tasks_available: number
  readonly kernel_refusals: readonly KernelRefusal[]
}

/**
 * Reads everything; the kernel is probed in a scratch namespace (kernel-probe.ts). `folder` is where the run will
 * write.
 */
export async function readMachine(options: { readonly folder: string }): Promise<Machine> {
  const limits = readOrNull('/proc/self/limits') ?? ''
  const openFiles = parseLimit(limits, 'Max open files')
  const memory = parseMeminfo(readOrNull('/proc/meminfo') ?? '').MemAvailable ?? 0
  const threshold = LEASABLE_SYSCTLS[2] as string
  return {
    root: isMachineRoot(),
    cpus_count: cpus().length,
    open_files: openFiles,
    net_namespaces_max: Number(readOrNull('/proc/sys/user/max_net_namespaces') ?? Number.POSITIVE_INFINITY),
    net_namespaces_taken: isMachineRoot() ? namespacesTaken() : 0,
    neighbours: { limit: readSysctls([threshold])[threshold] ?? null, leasable: isLeasable(threshold) },
    memory_available_bytes: Math.min(memory, cgroupHeadroom('memory') ?? Number.POSITIVE_INFINITY),
    disk: readDisk(resolve(options.folder)),
    tasks_available: readTasksAvailable(limits),
    kernel_refusals: await probeKernel(),
  }
}

/** One line of /proc/PID/limits; unlimited is Infinity. */
export function parseLimit(text: string, name: string): { readonly soft: number; readonly hard: number } {
  const match = new RegExp(`^${name}\\s+(\\d+|unlimited)\\s+(\\d+|unlimited)`, 'm').exec(text)
  const value = (part: string | undefined): number =>
    part === undefined || part === 'unlimited' ? Number.POSITIVE_INFINITY : Number(part)
  return { soft: value(match?.[1]), hard: value(match?.[2]) }
}

function readDisk(folder: string): Machine['disk'] {
  let existing = folder
  while (!existsSync(existing) && existing !== dirname(existing)) existing = dirname(existing)
  const stat = statfsSync(existing)
  return { folder: existing, available_bytes: stat.bavail * stat.bsize }
}

/** Threads and processes that may still be made, of what /proc/PID/limits says and of the rest. */
export function readTasksAvailable(limits: string): number {
  const [, running = '0/0'] = /^\S+ \S+ \S+ (\S+)/.exec(readOrNull('/proc/loadavg') ?? '') ?? []
  const tasks = Number(running.split('/')[1])
  const most = (name: string): number => Number(readOrNull(`/proc/sys/kernel/${name}`) ?? Number.POSITIVE_INFINITY)
  return Math.min(
    cgroupHeadroom('pids') ?? Number.POSITIVE_INFINITY,
    most('threads-max') - tasks,
    most('pid_max') - tasks,
    // RLIMIT_NPROC counts this user's tasks; all of the machine's is the safe side.
    parseLimit(limits, 'Max processes').soft - tasks,
  )
}
