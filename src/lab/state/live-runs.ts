// Which runs are alive on this machine: a registry of small files, each naming the process that must still be there.
// `nslab exec` finds its run here, `nslab reap` what a crash left, and two runs learn of each other.

import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { bootId, isAlive, ownIdentity, type ProcessIdentity } from '../proc/proc.ts'
import { writeFileAtomic } from '../run-folder/disk.ts'
import { makeStateFolder, stateFolder } from './state-folder.ts'

export interface LiveRun extends ProcessIdentity {
  readonly schema: 'nslab.live/1'
  /** 32 hex digits. */
  readonly run_id: string
  readonly boot_id: string
  /** The run folder, absolute. */
  readonly folder: string
  readonly scenario: string
  readonly started_at: string
  /** Unix sockets of the run's fleets, absolute, with the ids (first and last) that each knows. */
  readonly sockets: readonly { readonly path: string; readonly node_ids: readonly [number, number] }[]
  /** Unix socket by which its VMs are entered, absolute; absent: it has none. See protocol/lab.ts. */
  readonly lab_socket?: string
  /** Unix socket by which its links are changed and captured, absolute; absent: it has none, or it is over. */
  readonly links_socket?: string
  /**
   * What it may come to have of this machine, claimed before it takes any of it (fitness/claims.ts): network namespaces
   * at a time, threads and processes, memory, and disk under its folder. Absent: none, as where its namespaces are in
   * guests, or where it has by now what it needs.
   */
  readonly namespaces_count?: number
  readonly tasks_count?: number
  readonly memory_bytes?: number
  readonly disk_bytes?: number
  /** The run is over, and its VMs were left running: this process holds them. */
  readonly kept?: boolean
  /** What a crash leaves on disk and reap removes: paths relative to `folder`, never above it. */
  readonly temporary: readonly string[]
}

export type LiveRunFacts = Omit<LiveRun, 'schema' | 'boot_id' | keyof ProcessIdentity>

/** Further facts of a run, or others; undefined takes one back. */
export type LiveRunChange = { readonly [key in keyof LiveRunFacts]?: LiveRunFacts[key] | undefined }

export interface LiveRegistration {
  /** Throws DISK_REFUSED. */
  change(facts: LiveRunChange): void
  /** The run is over, but its VMs stay. Throws DISK_REFUSED. */
  keep(): void
  /** Takes the run out of the registry. Safe twice. */
  close(): void
}

/** Enters this process' run, in the registry and as live.json in its folder. Throws DISK_REFUSED. */
export function registerLiveRun(facts: LiveRunFacts, state = stateFolder()): LiveRegistration {
  let run: LiveRun = { schema: 'nslab.live/1', ...ownIdentity(), boot_id: bootId(), ...facts }
  const runs = join(state, 'runs')
  makeStateFolder(state)
  makeStateFolder(runs)
  const entry = join(runs, `${run.run_id}.json`)
  const inFolder = join(run.folder, 'live.json')
  const close = (): void => {
    rmSync(inFolder, { force: true })
    rmSync(entry, { force: true })
  }
  const write = (): void => {
    const text = `${JSON.stringify(run, null, 2)}\n`
    writeFileAtomic(entry, text, 0o600)
    writeFileAtomic(inFolder, text)
  }
  const change = (facts: LiveRunChange): void => {
    run = { ...run, ...facts } as LiveRun
    write()
  }
  try {
    write()
  } catch (error) {
    close()
    throw error
  }
  const keep = (): void => change({ kept: true, sockets: [], links_socket: undefined, disk_bytes: undefined })
  return { change, keep, close }
}

/**
 * The runs whose process lives, oldest first, and those whose process is gone. A torn or foreign file is in neither.
 */
export function listRuns(state = stateFolder()): { readonly live: LiveRun[]; readonly dead: LiveRun[] } {
  const live: LiveRun[] = []
  const dead: LiveRun[] = []
  for (const name of entryNames(join(state, 'runs'))) {
    const run = readRun(join(state, 'runs', name))
    if (run === null || `${run.run_id}.json` !== name) continue
    if (isLive(run)) live.push(run)
    else dead.push(run)
  }
  const byStart = (a: LiveRun, b: LiveRun): number => a.started_at.localeCompare(b.started_at)
  return { live: live.sort(byStart), dead: dead.sort(byStart) }
}

/** The run that lives in a folder, by its live.json: also one of another user or state folder. Null where none does. */
export function liveRunIn(folder: string): LiveRun | null {
  const run = readRun(join(folder, 'live.json'))
  return run !== null && isLive(run) ? run : null
}

const isLive = (run: LiveRun): boolean => run.boot_id === bootId() && isAlive(run)

/** Takes a dead run out of the registry and its folder. */
export function forgetRun(run: LiveRun, state = stateFolder()): void {
  rmSync(join(run.folder, 'live.json'), { force: true })
  rmSync(join(state, 'runs', `${run.run_id}.json`), { force: true })
}

function entryNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter(name => /^[0-9a-f]{32}\.json$/.test(name))
  } catch {
    return []
  }
}

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
/** Of a LiveRun; keys of a later version stay. */
const liveRun = v.looseObject({
  schema: v.literal('nslab.live/1'),
  pid: whole,
  start_ticks: whole,
  run_id: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  boot_id: v.string(),
  folder: v.string(),
  scenario: v.string(),
  started_at: v.string(),
  sockets: v.array(v.looseObject({ path: v.string(), node_ids: v.tuple([whole, whole]) })),
  lab_socket: v.exactOptional(v.string()),
  links_socket: v.exactOptional(v.string()),
  namespaces_count: v.exactOptional(whole),
  tasks_count: v.exactOptional(whole),
  memory_bytes: v.exactOptional(whole),
  disk_bytes: v.exactOptional(whole),
  kept: v.exactOptional(v.boolean()),
  temporary: v.array(v.string()),
})

function readRun(path: string): LiveRun | null {
  try {
    const { success, output } = v.safeParse(liveRun, JSON.parse(readFileSync(path, 'utf8')))
    return success ? (output as LiveRun) : null
  } catch {
    return null
  }
}
