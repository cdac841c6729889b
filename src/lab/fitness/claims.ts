// What other live runs may still take of this machine. A run claims all that it may come to have before it takes any of
// it, in its entry of the registry, and what it has by now is seen in the machine's own figures: the difference is
// promised, and is there for nobody else. A run that is killed has no claim: its process is gone.

import { lstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn } from '../../base/netns-holders.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import { parseStatus } from '../proc/proc.ts'
import { descendants, type ProcessEntry, readProcesses } from '../proc/process-table.ts'
import { type LiveRun, listRuns } from '../state/live-runs.ts'
import { stateFolder } from '../state/state-folder.ts'

export interface Claims {
  /** All of them, those too that are there: the kernel counts them by user and tells nobody. */
  readonly namespaces_count: number
  readonly tasks_count: number
  readonly memory_bytes: number
  readonly disk_bytes: number
}

export const NO_CLAIMS: Claims = { namespaces_count: 0, tasks_count: 0, memory_bytes: 0, disk_bytes: 0 }

/** Of stat(2). */
const BLOCK_BYTES = 512

/**
 * Of all others, and of those among them that are in this process' control groups, whose limits they share. `folder`:
 * who is on another file system takes nothing of its disk.
 */
export function readClaims(folder: string, state = stateFolder()): { readonly all: Claims; readonly beside: Claims } {
  const others = listRuns(state).live.filter(run => run.pid !== process.pid)
  if (others.length === 0) return { all: NO_CLAIMS, beside: NO_CLAIMS }
  const processes = readProcesses()
  const groups = groupsOf('self')
  const claims = others.map(run => ({ isBeside: groupsOf(run.pid) === groups, of: claimsOf(run, processes, folder) }))
  return {
    all: claims.map(claim => claim.of).reduce(plus, NO_CLAIMS),
    beside: claims.flatMap(claim => (claim.isBeside ? claim.of : [])).reduce(plus, NO_CLAIMS),
  }
}

const groupsOf = (pid: number | 'self'): string => readOrNull(`/proc/${pid}/cgroup`) ?? ''

function claimsOf(run: LiveRun, processes: ReadonlyMap<number, ProcessEntry>, folder: string): Claims {
  const { namespaces_count = 0, tasks_count = 0, memory_bytes = 0, disk_bytes = 0 } = run
  const has = processesOf(run, processes)
  return {
    namespaces_count,
    tasks_count: Math.max(0, tasks_count - has.tasks_count),
    memory_bytes: Math.max(0, memory_bytes - has.memory_bytes),
    disk_bytes: deviceOf(run.folder) === deviceOf(folder) ? Math.max(0, disk_bytes - bytesUnder(run.folder)) : 0,
  }
}

const plus = (one: Claims, other: Claims): Claims => ({
  namespaces_count: one.namespaces_count + other.namespaces_count,
  tasks_count: one.tasks_count + other.tasks_count,
  memory_bytes: one.memory_bytes + other.memory_bytes,
  disk_bytes: one.disk_bytes + other.disk_bytes,
})

/** What the processes of a run have. Pages of files are not theirs alone, and count as available. */
function processesOf({ pid, run_id }: LiveRun, processes: ReadonlyMap<number, ProcessEntry>) {
  const marked = [...processes.values()].flatMap(each => (each.run_id === run_id ? each.pid : []))
  let [tasks_count, memory_bytes] = [0, 0]
  for (const each of descendants(processes, [pid, ...marked])) {
    const { threads, ownBytes, rssBytes } = parseStatus(readOrNull(`/proc/${each}/status`) ?? '')
    tasks_count += threads
    memory_bytes += ownBytes ?? rssBytes
  }
  return { tasks_count, memory_bytes }
}

const deviceOf = (path: string): number | null => statSync(path, { throwIfNoEntry: false })?.dev ?? null

/** On disk. */
function bytesUnder(path: string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  const inside = stat.isDirectory() ? namesIn(path) : []
  return inside.reduce((sum, name) => sum + bytesUnder(join(path, name)), stat.blocks * BLOCK_BYTES)
}
