// A run gets its place on this machine: what it needs is held against what is there and what other runs have claimed,
// and claimed in turn. One step, under a lock: of two runs that begin together one sees the other.

import { join } from 'node:path'
import { refusalOf } from '../../base/errors.ts'
import { withMachineLock } from '../../base/machine-lock.ts'
import { requireFitness } from '../fitness/fitness.ts'
import { probeKernel } from '../fitness/kernel-probe.ts'
import { tasksNeeded } from '../fitness/limits.ts'
import { machineNow } from '../fitness/machine.ts'
import { type Needs, RUN_DISK_BYTES } from '../plan/needs.ts'
import { createRunFolder, type RunFolder, type RunFolderRequest } from '../run-folder/run-folder.ts'
import { type LiveRegistration, registerLiveRun } from '../state/live-runs.ts'
import { stateFolder } from '../state/state-folder.ts'

/** The lock is held for reads of /proc and a few file writes; seconds mean that its holder is stopped. */
const LOCK_DEADLINE_MS = 10_000

export interface AdmissionRequest {
  readonly runId: string
  readonly needs: Needs
  /** Its namespaces are in guests. */
  readonly inVms: boolean
  readonly folder: RunFolderRequest
}

export interface Admission {
  readonly folder: RunFolder
  /** What to warn of. */
  readonly limits: readonly string[]
  /** Throws why there is none. */
  readonly register: () => LiveRegistration
}

/** Throws, with nothing made, NOT_FIT, USAGE (the folder is taken), DISK_REFUSED, or DEADLINE (lock). */
export async function admitRun({ runId, needs, inVms, folder: request }: AdmissionRequest): Promise<Admission> {
  // Makes a namespace, which may take a while: nobody has to wait for that.
  const refusals = await probeKernel()
  return withMachineLock(join(stateFolder(), 'runs'), LOCK_DEADLINE_MS, () => {
    const machine = machineNow(request.out ?? request.base, refusals)
    const limits = requireFitness(needs, machine)
    const folder = createRunFolder(request)
    let registration: LiveRegistration | null = null
    // Why it can't be is the run's own error, for which it has a folder by now.
    const refusal = refusalOf(() => {
      registration = registerLiveRun({
        run_id: runId,
        folder: folder.path,
        scenario: request.scenario,
        started_at: request.clock.wallDate().toISOString(),
        sockets: [],
        temporary: [],
        ...(inVms ? {} : { namespaces_count: needs.namespaces_count }),
        tasks_count: tasksNeeded(needs, machine),
        memory_bytes: Math.ceil(needs.memory_bytes),
        disk_bytes: Math.ceil(needs.disk_bytes ?? RUN_DISK_BYTES),
      })
    })
    const register = (): LiveRegistration => {
      if (registration === null) throw refusal
      return registration
    }
    return { folder, limits, register }
  })
}
