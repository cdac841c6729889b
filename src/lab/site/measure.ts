// What a run costs, read once at its moments: memory of the whole system, and of each program when all is wired.

import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, secondsSince } from '../../base/clock.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import { memoryUsedBytes, parseSmapsRollupPss, parseStatus } from '../proc/proc.ts'
import { descendants, readProcesses } from '../proc/process-table.ts'
import { makeStateFolder, stateFolder } from '../state/state-folder.ts'

/** The least of a few readings is the machine's own: what else happens in between only adds. */
const READINGS_COUNT = 5
const READING_PAUSE_MS = 20

/**
 * A namespace is gone long before its memory is free: after a ring of 800 about 190 MB come back within some 20 s, in
 * steps of 8 to 16 MB at most a second apart (Linux 6.18, 2 cores). So after a recent run memory counts as still once
 * it has not fallen for two seconds.
 */
const RECENT_MS = 60_000
/** What fewer nodes leave for a while is within the machine's own noise. */
const NODES_MIN = 100
const STILL_S = 2
const STILL_LIMIT_S = 30
const STEP_BYTES = 1024 * 1024
const STILL_PAUSE_S = 0.1

const teardownMark = (): string => join(stateFolder(), 'last-teardown')

/** Tells the next run on this machine that the kernel is still giving memory back. A convenience: never fails. */
export function markTeardown(nodesCount: number): void {
  if (nodesCount < NODES_MIN) return
  try {
    makeStateFolder(stateFolder())
    writeFileSync(teardownMark(), '')
  } catch {
    // The next run then measures at once, as it would after another program's namespaces.
  }
}

/** Waits until memory in use stands still after a recent run. False when it still fell after half a minute. */
export async function awaitStillMemory(clock: Clock, pause: (durationS: number) => Promise<void>): Promise<boolean> {
  const markedMs = statSync(teardownMark(), { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (clock.wallDate().getTime() - markedMs > RECENT_MS) return true
  const startedNs = clock.nowNs()
  let lowest = memoryUsedBytes()
  let fellNs = startedNs
  while (secondsSince(clock, fellNs) < STILL_S) {
    if (secondsSince(clock, startedNs) > STILL_LIMIT_S) return false
    await pause(STILL_PAUSE_S)
    const used = memoryUsedBytes()
    if (used > lowest - STEP_BYTES) continue
    lowest = used
    fellNs = clock.nowNs()
  }
  return true
}

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
