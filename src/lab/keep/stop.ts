// Ending what was kept, and runs that still go on, from another process.

import { NslabError } from '../../base/errors.ts'
import { isAlive } from '../proc/proc.ts'
import type { LiveRun } from '../state/live-runs.ts'
import { reap } from '../state/reap.ts'
import { LabClient } from '../visit/client.ts'

/** Its VMs have ended: only a socket and two files are left to a keeper. */
const END_LIMIT_S = 20
/** A keeper that does not answer by then stands still. */
const ANSWER_LIMIT_S = 10
/** A run tears its fleets down and counts the machine before it ends. */
const RUN_LIMIT_S = 600
const POLL_MS = 20

/**
 * Ends VMs that a run has left, one or all, and waits until nothing of them is there; says which did not end in order.
 * All of them: also where their keeper's socket is gone, or, at once, where the keeper stands still. Throws USAGE where
 * there is no such VM, or it is not ours to end, and DEADLINE where a process does not end.
 */
export async function stopKept(run: LiveRun, vm: string | null, atOnce: boolean): Promise<readonly string[]> {
  try {
    const words = await askToStop(run, vm, atOnce)
    if (vm === null) await ended(run, END_LIMIT_S)
    return words
  } catch (error) {
    if (!(error instanceof NslabError) || vm !== null) throw error
    if (!isAlive(run)) return []
  }
  signalRun(run, atOnce ? 'SIGKILL' : 'SIGTERM')
  await ended(run, RUN_LIMIT_S)
  if (!atOnce) return []
  await reap()
  return ['the process that kept them did not answer, and was killed']
}

async function askToStop(run: LiveRun, vm: string | null, atOnce: boolean): Promise<readonly string[]> {
  const client = await LabClient.connect(run)
  const timer = atOnce ? setTimeout(() => client.close(), ANSWER_LIMIT_S * 1000) : undefined
  try {
    return await client.call('stop', { vm, at_once: atOnce })
  } finally {
    clearTimeout(timer)
    client.close()
  }
}

/** Has a run that goes on end in order, and waits for that. Throws USAGE where it is not ours to end, and DEADLINE. */
export async function interruptRun(run: LiveRun): Promise<void> {
  signalRun(run, 'SIGTERM')
  await ended(run, RUN_LIMIT_S)
}

function signalRun(run: LiveRun, signal: NodeJS.Signals): void {
  if (!isAlive(run)) return
  try {
    process.kill(run.pid, signal)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ESRCH') return
    const problem = `the run in ${run.folder} (process ${run.pid}) can't be ended from here (${code})`
    throw new NslabError('USAGE', { problem, hint: "It is another user's." })
  }
}

async function ended(run: LiveRun, limitS: number): Promise<void> {
  const deadlineMs = performance.now() + limitS * 1000
  while (isAlive(run)) {
    if (performance.now() > deadlineMs)
      throw new NslabError('DEADLINE', {
        waitingFor: `the end of the run in ${run.folder}`,
        limitS,
        missing: `process ${run.pid}`,
      })
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}
