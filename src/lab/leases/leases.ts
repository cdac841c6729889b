// Leases of machine-wide sysctls: what the kernel keeps once per machine is raised while runs need it, and restored by
// the last of them. The book (book.ts) is saved before each change, under a lock that dies with its holder.

import { accessSync, constants, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { withMachineLock } from '../../base/machine-lock.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import { bootId, isAlive, ownIdentity } from '../proc/proc.ts'
import { writeFileAtomic } from '../run-folder/disk.ts'
import { makeStateFolder, stateFolder } from '../state/state-folder.ts'
import {
  emptyBook,
  type LeaseBook,
  type LeaseHolder,
  type SysctlValues,
  type SysctlWrite,
  settle,
  withHolder,
  withoutRun,
} from './book.ts'

const NEIGHBOUR = 'net.ipv4.neigh.default'

/** Every sysctl that a run may lease; the census watches these. */
export const LEASABLE_SYSCTLS = [1, 2, 3].map(level => `${NEIGHBOUR}.gc_thresh${level}`)

/** The lock is held for a few file writes; seconds mean that its holder is stopped. */
const LOCK_DEADLINE_MS = 10_000

export interface LeaseOptions {
  /** Default: the machine's state folder. */
  readonly state?: string
  /** Default /proc/sys; tests of the file handling use a folder of their own. */
  readonly sysctlRoot?: string
  readonly lockDeadlineMs?: number
}

export interface LeaseOutcome {
  /** What was written to the kernel just now. */
  readonly writes: readonly SysctlWrite[]
  /** Sysctls that somebody else changed since: left as they are. */
  readonly changedByOthers: readonly string[]
  /** Runs that still want theirs raised. */
  readonly holders: readonly string[]
  /** Runs that ended without giving back. */
  readonly dropped: readonly string[]
}

export interface Lease extends LeaseOutcome {
  /** The values of this lease in the kernel now. */
  readonly values: SysctlValues
  /** Gives back; the last holder restores. Safe twice (the second does nothing). */
  release(): Promise<LeaseOutcome>
}

/**
 * Thresholds for `count` neighbour entries at once in the whole kernel, or null where those of `present` do (of
 * unleasedSysctls(): values that another run has raised go when it ends).
 * gc_thresh3 is the hard limit; above gc_thresh2 the kernel collects after 5 s, above gc_thresh1 at leisure. Permanent
 * entries don't count. A quarter more, for the machine's own entries. Source: Documentation/networking/ip-sysctl.rst.
 */
export function neighbourLimitsFor(count: number, present: SysctlValues): SysctlValues | null {
  const need = Math.ceil(count * 1.25) + 128
  if ((present[`${NEIGHBOUR}.gc_thresh3`] ?? Number.POSITIVE_INFINITY) >= need) return null
  return {
    [`${NEIGHBOUR}.gc_thresh1`]: need,
    [`${NEIGHBOUR}.gc_thresh2`]: need * 2,
    [`${NEIGHBOUR}.gc_thresh3`]: need * 4,
  }
}

/** Present values of those that exist here: in a network namespace that is not the machine's own there are none. */
export function readSysctls(names: readonly string[], root = '/proc/sys'): SysctlValues {
  const values: Record<string, number> = {}
  for (const name of names) {
    const text = readOrNull(sysctlPath(name, root))
    if (text !== null) values[name] = Number(text)
  }
  return values
}

/** The values that will be there when no run leases any more: what a run must decide by whether it needs a lease. */
export function unleasedSysctls(names: readonly string[], options: LeaseOptions = {}): SysctlValues {
  const values: Record<string, number> = { ...readSysctls(names, options.sysctlRoot) }
  const book = readBook(options)
  for (const name of Object.keys(values)) {
    const known = book?.sysctls[name]
    if (known?.put.includes(values[name] as number)) values[name] = known.original
  }
  return values
}

/** Whether this process may write the sysctl (root of the machine, and /proc/sys not mounted read-only). */
export function isLeasable(name: string, root = '/proc/sys'): boolean {
  try {
    accessSync(sysctlPath(name, root), constants.W_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Raises `wanted` for this process' run. Values that are high enough already are only recorded, so that nobody lowers
 * them. Throws KERNEL_REFUSED, with nothing left changed, or DEADLINE (lock).
 */
export async function acquireLease(runId: string, wanted: SysctlValues, options: LeaseOptions = {}): Promise<Lease> {
  const holder: LeaseHolder = { run_id: runId, ...ownIdentity(), wanted }
  let outcome: LeaseOutcome
  try {
    outcome = await changeBook(options, (book, current) => withHolder(book, holder, current), Object.keys(wanted))
  } catch (error) {
    if (error instanceof NslabError && error.code === 'KERNEL_REFUSED') await releaseLease(runId, options)
    throw error
  }
  return {
    ...outcome,
    values: readSysctls(Object.keys(wanted), options.sysctlRoot),
    release: () => releaseLease(runId, options),
  }
}

/** Gives back what a run holds, whichever process asks. */
function releaseLease(runId: string, options: LeaseOptions = {}): Promise<LeaseOutcome> {
  return changeBook(options, book => withoutRun(book, runId), [])
}

/** Gives back what runs hold whose process is gone: after a crash, and before a census. */
export function reapLeases(options: LeaseOptions = {}): Promise<LeaseOutcome> {
  return changeBook(options, book => book, [])
}

/** The book as it stands, for evidence; null when there is none of this boot. */
export function readBook(options: LeaseOptions = {}): LeaseBook | null {
  const text = readOrNull(bookPath(options))
  if (text === null) return null
  try {
    const book = JSON.parse(text) as LeaseBook
    return book.schema === 'nslab.leases/1' && book.boot_id === bootId() ? book : null
  } catch {
    return null
  }
}

/** Live runs that want a sysctl raised, from the book. */
export function leaseHoldersOf(name: string, options: LeaseOptions = {}): readonly string[] {
  const holders = readBook(options)?.holders ?? []
  return holders.filter(holder => holder.wanted[name] !== undefined && isAlive(holder)).map(holder => holder.run_id)
}

/** Changes book and kernel as one: under the lock, the intent saved first. */
async function changeBook(
  options: LeaseOptions,
  change: (book: LeaseBook, current: SysctlValues) => LeaseBook,
  names: readonly string[],
): Promise<LeaseOutcome> {
  if (names.length === 0 && readBook(options) === null) {
    return { writes: [], changedByOthers: [], holders: [], dropped: [] }
  }
  const path = bookPath(options)
  makeStateFolder(options.state ?? stateFolder())
  return withMachineLock(path, options.lockDeadlineMs ?? LOCK_DEADLINE_MS, () => {
    const book = readBook(options) ?? emptyBook(bootId())
    const current = readSysctls([...new Set([...Object.keys(book.sysctls), ...names])], options.sysctlRoot)
    const settlement = settle(change(book, current), isAlive, current)
    // Going back to an original needs no new knowledge in the book, and must work on a full disk.
    const raises = settlement.writes.some(write => write.to !== settlement.intent.sysctls[write.name]?.original)
    if (raises) saveBook(path, settlement.intent)
    for (const write of settlement.writes) writeSysctl(write, options.sysctlRoot ?? '/proc/sys')
    saveBook(path, settlement.settled)
    return {
      writes: settlement.writes,
      changedByOthers: settlement.changedByOthers,
      holders: settlement.settled.holders.map(holder => holder.run_id),
      dropped: settlement.dropped.map(holder => holder.run_id),
    }
  })
}

function bookPath(options: LeaseOptions): string {
  return join(options.state ?? stateFolder(), 'leases.json')
}

/** A book without holders and sysctls is no file at all: a machine at rest has nothing of ours. */
function saveBook(path: string, book: LeaseBook): void {
  if (book.holders.length === 0 && Object.keys(book.sysctls).length === 0) rmSync(path, { force: true })
  else writeFileAtomic(path, `${JSON.stringify(book, null, 2)}\n`, 0o600)
}

function writeSysctl(write: SysctlWrite, root: string): void {
  try {
    writeFileSync(sysctlPath(write.name, root), `${write.to}\n`)
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    throw new NslabError(
      'KERNEL_REFUSED',
      {
        operation: `${write.name} = ${write.to}`,
        where: "the machine's own sysctls",
        errno: code,
        reason: (error as Error).message,
      },
      { cause: error },
    )
  }
}

function sysctlPath(name: string, root: string): string {
  return join(root, ...name.split('.'))
}
