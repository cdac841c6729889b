// The VMs that are alive on this machine, of whichever run, and finding one of them by its name.

import { basename } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import type { LiveVm } from '../../protocol/lab.ts'
import { type LiveRun, listRuns, liveRunIn } from '../state/live-runs.ts'
import { LabClient } from './client.ts'
import { chooseRun } from './node-exec.ts'

/** A run says at once which VMs it has, unless it stands still. */
const ANSWER_LIMIT_S = 10

export interface RunVms {
  readonly run: LiveRun
  /** Null where it does not say: its VMs are being started or ended. */
  readonly vms: readonly LiveVm[] | null
}

/** The live runs that have VMs, oldest first; or the one that is named. Throws USAGE where there is none. */
export function runsWithVms(wanted?: string): LiveRun[] {
  const { live } = listRuns()
  if (wanted !== undefined) return [liveRunIn(wanted) ?? chooseRun(live, wanted)]
  return live.filter(run => run.lab_socket !== undefined)
}

/** Asks each run for its VMs. */
export function askForVms(runs: readonly LiveRun[]): Promise<RunVms[]> {
  return Promise.all(
    runs.map(async run => {
      try {
        return { run, vms: await vmsOf(run) }
      } catch (error) {
        if (!(error instanceof NslabError)) throw error
        return { run, vms: null }
      }
    }),
  )
}

async function vmsOf(run: LiveRun): Promise<readonly LiveVm[]> {
  const client = await LabClient.connect(run)
  const timer = setTimeout(() => client.close(), ANSWER_LIMIT_S * 1000)
  try {
    return await client.call('vms', {})
  } finally {
    clearTimeout(timer)
    client.close()
  }
}

export interface FoundVm {
  readonly run: LiveRun
  readonly vm: LiveVm
}

/**
 * The VM of that name, or the only one; of all live runs, or of the one that is named. Throws USAGE where there is none
 * or several.
 */
export async function findVm(name: string | undefined, wantedRun?: string): Promise<FoundVm> {
  const asked = await askForVms(runsWithVms(wantedRun))
  const all = asked.flatMap(({ run, vms }) => (vms ?? []).map(vm => ({ run, vm })))
  const matching = name === undefined ? all : all.filter(({ vm }) => vm.name === name)
  const [only] = matching
  if (matching.length === 1 && only !== undefined) return only
  const namesOf = (found: readonly FoundVm[]): string[] =>
    found.map(({ run, vm }) => `${vm.name} of ${basename(run.folder)}`)
  const known = namesOf(all)
  const alive = known.length === 0 ? '' : `; alive: ${known.join(', ')}`
  const silent = asked.filter(({ vms }) => vms === null).map(({ run }) => basename(run.folder))
  if (matching.length > 1) {
    const hint = name === undefined ? 'Name one.' : 'Name its run with --run.'
    const meant = namesOf(matching).join(', ')
    throw new NslabError('USAGE', { problem: `${matching.length} VMs are meant: ${meant}`, hint, known })
  }
  const what = name === undefined || all.length === 0 ? 'no VM is alive' : `no VM is named ${name}`
  const hint =
    silent.length > 0
      ? `VMs of ${silent.join(', ')} are being started or ended.`
      : 'nslab run ring --on vm --keep leaves one.'
  throw new NslabError('USAGE', { problem: `${what}${alive}`, hint, known })
}
