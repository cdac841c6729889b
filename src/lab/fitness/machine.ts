// What this machine allows a run, read before anything is made. Numbers only; whether they suffice is limits.ts.

import { existsSync, statfsSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, resolve } from 'node:path'
import { readOrNull } from '../../base/read-or-null.ts'
import { isLeasable, LEASABLE_SYSCTLS, readSysctls } from '../leases/leases.ts'
import { cgroupHeadroom } from '../proc/cgroup.ts'
import { parseMeminfo } from '../proc/proc.ts'
import { isMachineRoot } from '../state/state-folder.ts'
import { type Claims, readClaims } from './claims.ts'
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
   * Of namespaces, memory, disk and tasks what other live runs of nslab's may still take. Of namespaces 0 for a run
   * without root, which has a user namespace of its own, with a count of its own.
   */
  readonly claimed: Claims
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
export async function readMachine({ folder }: { readonly folder: string }): Promise<Machine> {
  return machineNow(folder, await probeKernel())
}

/** All but the kernel's answers, at one moment. */
export function machineNow(folder: string, kernel_refusals: readonly KernelRefusal[]): Machine {
  const limits = readOrNull('/proc/self/limits') ?? ''
  const threshold = LEASABLE_SYSCTLS[2] as string
  const disk = readDisk(resolve(folder))
  const { all, beside } = readClaims(disk.folder)
  const memory = {
    machine: parseMeminfo(readOrNull('/proc/meminfo') ?? '').MemAvailable ?? 0,
    group: cgroupHeadroom('memory') ?? Number.POSITIVE_INFINITY,
  }
  const tasks = { machine: machineTasks(limits), group: cgroupHeadroom('pids') ?? Number.POSITIVE_INFINITY }
  return {
    root: isMachineRoot(),
    cpus_count: cpus().length,
    open_files: parseLimit(limits, 'Max open files'),
    net_namespaces_max: Number(readOrNull('/proc/sys/user/max_net_namespaces') ?? Number.POSITIVE_INFINITY),
    neighbours: { limit: readSysctls([threshold])[threshold] ?? null, leasable: isLeasable(threshold) },
    memory_available_bytes: Math.min(memory.machine, memory.group),
    disk,
    tasks_available: Math.min(tasks.machine, tasks.group),
    claimed: {
      namespaces_count: isMachineRoot() ? all.namespaces_count : 0,
      memory_bytes: claimedOf(memory, all.memory_bytes, beside.memory_bytes),
      tasks_count: claimedOf(tasks, all.tasks_count, beside.tasks_count),
      disk_bytes: all.disk_bytes,
    },
    kernel_refusals,
  }
}

/** By how much less is left where runs beside this one take what they may, of its control group or of the machine. */
function claimedOf({ machine, group }: { machine: number; group: number }, all: number, beside: number): number {
  const left = Math.min(machine - all, group - beside)
  return Number.isFinite(left) ? Math.min(machine, group) - left : 0
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
export const readTasksAvailable = (limits: string): number =>
  Math.min(machineTasks(limits), cgroupHeadroom('pids') ?? Number.POSITIVE_INFINITY)

/** By the machine's own limits, and this user's. */
function machineTasks(limits: string): number {
  const [, running = '0/0'] = /^\S+ \S+ \S+ (\S+)/.exec(readOrNull('/proc/loadavg') ?? '') ?? []
  const tasks = Number(running.split('/')[1])
  const most = (name: string): number => Number(readOrNull(`/proc/sys/kernel/${name}`) ?? Number.POSITIVE_INFINITY)
  return Math.min(
    most('threads-max') - tasks,
    most('pid_max') - tasks,
    // RLIMIT_NPROC counts this user's tasks; all of the machine's is the safe side.
    parseLimit(limits, 'Max processes').soft - tasks,
  )
}
