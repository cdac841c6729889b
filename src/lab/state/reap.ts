// Restores what a crashed run left: its lease, its place in the registry, files it named as temporary, its observer's
// control group, and processes that carry its id (there should be none: the kernel ends them). Nothing is ever found
// by pattern.

import { existsSync, rmSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { namesIn } from '../../base/netns-holders.ts'
import type { SysctlWrite } from '../leases/book.ts'
import { type LeaseOptions, reapLeases } from '../leases/leases.ts'
import { bootId, isAlive, type ProcessIdentity, readStat } from '../proc/proc.ts'
import { readProcesses, runIdOf } from '../proc/process-table.ts'
import { RESERVE_NAME } from '../run-folder/run-folder.ts'
import { removeGroupOf } from '../soak/memory-group.ts'
import { forgetRun, type LiveRun, listRuns } from './live-runs.ts'
import { stateFolder } from './state-folder.ts'

const END_DEADLINE_MS = 5000
const END_POLL_MS = 20

export interface ReapResult {
  /** Sysctls that were written. */
  readonly restored: readonly SysctlWrite[]
  /** Sysctls that another program changed meanwhile: left as they are. */
  readonly changedByOthers: readonly string[]
  /** Runs that had ended without saying so. */
  readonly runs: readonly LiveRun[]
  /** Processes of those runs that were ended. */
  readonly ended: readonly EndedProcess[]
  /** Files removed: from their folders, and half-written ones; and control groups. */
  readonly removed: readonly string[]
  /** Live runs, which nothing of was touched. */
  readonly live: readonly LiveRun[]
}

export interface EndedProcess extends ProcessIdentity {
  readonly comm: string
  readonly run_id: string
  /** False: still there at the deadline (in an uninterruptible call). */
  readonly gone: boolean
}

/**
 * Safe at any time, also beside live runs and other reaps. Throws KERNEL_REFUSED, DISK_REFUSED or DEADLINE (lease
 * lock).
 */
export async function reap(options: LeaseOptions = {}): Promise<ReapResult> {
  const state = options.state ?? stateFolder()
  const { live, dead } = listRuns(state)
  const ended = await endProcesses(dead.filter(run => run.boot_id === bootId()).map(run => run.run_id))
  const lease = await reapLeases(options)
  const removed = dead.flatMap(run => {
    const groups = run.boot_id === bootId() ? removeGroupOf(run.run_id) : []
    const files = [...removeTemporary(run), ...removeHalfWritten(run.folder), ...groups]
    forgetRun(run, state)
    return files
  })
  const halfWritten = [state, join(state, 'runs')].flatMap(removeHalfWritten)
  return {
    restored: lease.writes,
    changedByOthers: lease.changedByOthers,
    runs: dead,
    ended,
    removed: [...removed, ...halfWritten],
    live,
  }
}

/** Ends, by pid, each process whose environment names one of these runs: looked at again right before the signal. */
async function endProcesses(runIds: readonly string[]): Promise<EndedProcess[]> {
  if (runIds.length === 0) return []
  const targets = [...readProcesses().values()].filter(
    ({ pid, run_id }) => pid !== process.pid && run_id !== null && runIds.includes(run_id),
  )
  for (const target of targets) {
    if (isAlive(target) && runIdOf(target.pid) === target.run_id) kill(target.pid)
  }
  const deadline = performance.now() + END_DEADLINE_MS
  while (targets.some(isAlive) && performance.now() < deadline) {
    await new Promise(resolve => setTimeout(resolve, END_POLL_MS))
  }
  return targets.map(target => ({
    pid: target.pid,
    start_ticks: target.start_ticks,
    comm: target.comm,
    run_id: target.run_id as string,
    gone: !isAlive(target),
  }))
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Files that a process had begun to write (`NAME.PID.tmp`, disk.ts) when it was killed. */
function removeHalfWritten(folder: string): string[] {
  return namesIn(folder).flatMap(name => {
    const pid = Number(/\.(\d+)\.tmp$/.exec(name)?.[1] ?? Number.NaN)
    if (Number.isNaN(pid) || readStat(pid) !== null) return []
    rmSync(join(folder, name), { force: true })
    return [join(folder, name)]
  })
}

/** A path that leads out of the run's folder is not followed. */
function removeTemporary(run: LiveRun): string[] {
  return [...run.temporary, RESERVE_NAME].flatMap(name => {
    const path = resolve(run.folder, name)
    const inside = relative(run.folder, path)
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || !existsSync(path)) return []
    rmSync(path, { recursive: true, force: true })
    return [join(run.folder, inside)]
  })
}
