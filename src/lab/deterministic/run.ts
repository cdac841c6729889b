// `nslab run --deterministic`: the whole run in one emulated VM that counts instructions and hears of nothing outside,
// so that its console, ledger and report are the same to the bit each time. This side makes the run folder and unpacks
// into it what the guest leaves; judging comes after, from the folder, as for every run.

import { createHash } from 'node:crypto'
import { createReadStream, rmSync, statfsSync } from 'node:fs'
import { systemClock } from '../../base/clock.ts'
import { NslabError, refusalOf } from '../../base/errors.ts'
import type { Environment, Outcome } from '../../judge/types.ts'
import { unpackFolder } from '../../vm/packing.ts'
import type { VmEnd, VmEndKind } from '../../vm/spec.ts'
import { endError } from '../../vm/vm-end.ts'
import { canonicalJson } from '../plan/canonical-json.ts'
import { makePlan, planToJson } from '../plan/plan.ts'
import { describeError, type RunOptions, type RunResult } from '../run/run.ts'
import { diskRefused } from '../run-folder/disk.ts'
import { createRunFolder, type RunFolder } from '../run-folder/run-folder.ts'
import type { Preparation } from './machine.ts'
import type { GuestOutcome, SentError } from './protocol.ts'
import { type DeterministicRecord, SPEED_NAME, type Speed, sealRecord, writeRecord } from './record.ts'
import { type GuestEnd, runGuest } from './vm.ts'

type Taken = 'base' | 'interrupted' | 'onProgress' | 'onFolder' | 'clock'
export interface DeterministicOptions extends Pick<RunOptions, Taken> {
  /** Run folder in place of a new one under `base`. */
  readonly out?: string | undefined
  /** How long the guest's console may be silent. */
  readonly silentAfterS?: number | undefined
}

export interface DeterministicResult extends RunResult {
  readonly record: DeterministicRecord
  /** Null where the guest did not come to the end of its run. */
  readonly speed: Speed | null
  /** Whether the guest ended by itself, well or not: then another run of the same record is the same. */
  readonly isRepeatable: boolean
}

const CONSOLE = 'console/vm1.log'
const SCRATCH = '.deterministic'

/** Ends that follow from what the guest did alone. */
const OWN_ENDS: ReadonlySet<VmEndKind> = new Set(['guest_shutdown', 'guest_panic', 'guest_reset', 'out_of_memory'])

/** What became of the guest. `error`: told by this side, the guest could not. */
interface Ended {
  readonly error: unknown
  readonly bug: unknown
  readonly diskError: NslabError | null
  readonly guest: GuestEnd | null
}

/**
 * Runs what was prepared to its outcome. Throws only before anything was made (CONFIG_INVALID, USAGE, DISK_REFUSED);
 * after that every end is an outcome to be judged. seal() is to be called once the report is in the folder.
 */
export async function runDeterministic(
  preparation: Preparation,
  options: DeterministicOptions,
): Promise<DeterministicResult> {
  const { base, out, onFolder, clock = systemClock } = options
  const { record } = preparation
  const { scenario, scenario_text } = record.input
  const plan = makePlan(scenario)
  const folder = createRunFolder({ base, scenario: scenario.name, seed: scenario.seed, out, clock })
  onFolder(folder.path)
  folder.tolerateFailures()
  folder.writeText('scenario.toml', scenario_text, 0o600)
  folder.writeText('plan.json', planToJson(plan), 0o600)
  folder.writeJson('environment.json', environmentOf(record))
  const { error, bug, diskError, guest } = await ended(preparation, options, folder)
  if (error !== null) folder.writeJson('outcome.json', outcomeOf(error, record))
  const speed = guest === null ? null : speedOf(guest)
  if (speed !== null) folder.writeJson(SPEED_NAME, speed)
  folder.close()
  const refusal = diskError ?? folder.failure ?? refusalOf(() => writeRecord(folder.path, record))
  const isOwnEnd = guest !== null && OWN_ENDS.has(guest.end.kind)
  const isRepeatable = isOwnEnd && refusal === null && !isOfDisk(error)
  return { folder: folder.path, diskError: refusal, bug, record, speed, isRepeatable }
}

/** Digests the folder as it is now, and adds that to the record in it. Throws DISK_REFUSED. */
export function seal({ folder, record }: DeterministicResult): string {
  return sealRecord(folder, record).digest
}

async function ended(preparation: Preparation, options: DeterministicOptions, folder: RunFolder): Promise<Ended> {
  const { clock = systemClock, interrupted, onProgress, silentAfterS } = options
  const scratch = folder.file(SCRATCH)
  let guest: GuestEnd | null = null
  try {
    const consoleFile = folder.file(CONSOLE)
    guest = await runGuest({ preparation, consoleFile, scratch, clock, interrupted, onProgress, silentAfterS })
    if (interrupted.aborted) throw new NslabError('INTERRUPTED', { signal: interrupted.reason })
    const outcome = await unpacked(guest, folder)
    return { error: null, bug: outcome.bug, diskError: restored(outcome.disk), guest }
  } catch (error) {
    return { error, bug: error instanceof NslabError ? null : error, diskError: null, guest }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The guest's run folder in ours. Throws how the guest ended, where it is not by results. */
async function unpacked({ end, results }: GuestEnd, folder: RunFolder): Promise<GuestOutcome> {
  if (end.kind !== 'guest_shutdown') throw endError('vm1', end)
  if (results === null) throw noResults(end, folder, 'without results')
  const { outcome, file, from } = results
  if (outcome.error !== null) throw restored(outcome.error)
  try {
    await unpackFolder(createReadStream(file, { start: from }), folder.path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw diskRefused(folder.path, error)
    // A bug may have ended the guest's run before it had a folder.
    if (outcome.bug !== null) throw new Error(`in the guest: ${outcome.bug}`)
    throw noResults(end, folder, `with results that can't be read: ${(error as Error).message}`)
  }
  return outcome
}

/** QEMU says nothing of a disk that has no room for what its guest writes. */
function noResults(end: VmEnd, folder: RunFolder, how: string): NslabError {
  if (statfsSync(folder.path).bavail === 0) {
    return new NslabError('DISK_REFUSED', { path: folder.path, reason: 'no space left (ENOSPC)', errno: 'ENOSPC' })
  }
  return endError('vm1', { ...end, words: `switched itself off ${how}` })
}

/** What the disk of this machine refuses, another run need not meet. */
const isOfDisk = (error: unknown): boolean => error instanceof NslabError && error.code === 'DISK_REFUSED'

const restored = (sent: SentError | null): NslabError | null =>
  sent === null ? null : new NslabError(sent.code, sent.facts)

/** What stands for a guest that could not say what it is: nothing of this machine, or no two runs would be the same. */
function environmentOf({ machine, input }: DeterministicRecord): Environment {
  const { image, epoch, memory_mib } = machine
  return {
    run_id: createHash('sha256').update(canonicalJson(input)).digest('hex').slice(0, 32),
    started_at: `${epoch}.000Z`,
    level: 'tcg',
    accelerator: input.accelerator,
    kernel: image.versions.kernel_release ?? 'unknown',
    cpu: 'unknown',
    cpus_count: 1,
    memory_bytes: memory_mib * 2 ** 20,
    versions: image.versions,
    lock_digests: {},
    commit: null,
    rootless: false,
    limits: {},
  }
}

function outcomeOf(error: unknown, { input }: DeterministicRecord): Outcome {
  return { metrics: {}, residue: [], foreign: [], error: describeError(error, 'preflight'), notes: input.notes }
}

function speedOf({ results, realS, cpuS }: GuestEnd): Speed | null {
  if (results === null) return null
  const { guest_s, guest_idle_s } = results.outcome
  return { schema: 'nslab.speed/1', real_s: realS, cpu_s: cpuS, guest_s, guest_busy_s: guest_s - guest_idle_s }
}
