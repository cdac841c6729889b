// What a run costs, read once at its moments: memory of the whole system, and of each program when all is wired.

import { memoryUsedBytes, parseSmapsRollupPss, parseStatus, readOrNull } from './proc.ts'
import { descendants, readProcesses } from './process-table.ts'

/** The least of a few readings is the machine's own: what else happens in between only adds. */
const READINGS_COUNT = 5
const READING_PAUSE_MS = 20

/** Bytes in use by the whole machine, the least of a few readings. */
export async function settledMemoryBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < READINGS_COUNT; i++) {
    least = Math.min(least, memoryUsedBytes())
    await new Promise(resolve => setTimeout(resolve, READING_PAUSE_MS))
  }
  return least
}

/** Resident bytes and threads of a process; zeros when it is gone. */
export function processCost(pid: number): { readonly rssBytes: number; readonly threads: number } {
  return parseStatus(readOrNull(`/proc/${pid}/status`) ?? '')
}

/**
 * Proportional memory of a process' descendants: pages they share are counted once. Null where it has none. The
 * controller's are its private database server, whichever process that is by now.
 */
export function descendantsPssBytes(pid: number): number | null {
  const pids = [...descendants(readProcesses(), [pid])].filter(each => each !== pid)
  if (pids.length === 0) return null
  return pids.reduce((sum, each) => sum + parseSmapsRollupPss(readOrNull(`/proc/${each}/smaps_rollup`) ?? ''), 0)
}
