// The lease book, purely: who wants which machine-wide sysctl how high, what it was before, and what to write now.
// Not here: files, locks and the kernel (leases.ts).

import type { ProcessIdentity } from '../proc/proc.ts'

/** Values by sysctl name, e.g. `net.ipv4.neigh.default.gc_thresh3`. */
export type SysctlValues = Readonly<Record<string, number>>

export interface LeaseHolder extends ProcessIdentity {
  readonly run_id: string
  readonly wanted: SysctlValues
}

export interface LeasedSysctl {
  /** What to restore: the value that was there before any of ours, or what somebody else set since. */
  readonly original: number
  /** Values of ours that may stand in the kernel now: two while a change is being made, else one or none. */
  readonly put: readonly number[]
}

export interface LeaseBook {
  readonly schema: 'nslab.leases/1'
  /** A reboot resets every sysctl: a book of another boot is void. */
  readonly boot_id: string
  readonly sysctls: Readonly<Record<string, LeasedSysctl>>
  readonly holders: readonly LeaseHolder[]
}

export interface SysctlWrite {
  readonly name: string
  readonly from: number
  readonly to: number
}

/**
 * What is to be done, in this order: save `intent`, make the writes, save `settled`. A crash anywhere leaves a true
 * book.
 */
export interface Settlement {
  readonly intent: LeaseBook
  readonly writes: readonly SysctlWrite[]
  readonly settled: LeaseBook
  /** Names of sysctls that somebody else changed under us: left as they are. */
  readonly changedByOthers: readonly string[]
  readonly dropped: readonly LeaseHolder[]
}

export function emptyBook(bootId: string): LeaseBook {
  return { schema: 'nslab.leases/1', boot_id: bootId, sysctls: {}, holders: [] }
}

/** The book with one more holder. The values it names are recorded as original where nobody wanted them before. */
export function withHolder(book: LeaseBook, holder: LeaseHolder, current: SysctlValues): LeaseBook {
  const sysctls = { ...book.sysctls }
  for (const name of Object.keys(holder.wanted)) {
    const value = current[name]
    if (value !== undefined) sysctls[name] ??= { original: value, put: [] }
  }
  return { ...book, sysctls, holders: [...withoutRun(book, holder.run_id).holders, holder] }
}

export function withoutRun(book: LeaseBook, runId: string): LeaseBook {
  return { ...book, holders: book.holders.filter(holder => holder.run_id !== runId) }
}

/**
 * Drops dead holders and brings every sysctl to the greatest of its original and what live holders want; one that
 * nobody wants goes back to its original. A value that is neither is somebody else's wish: it becomes the original.
 */
export function settle(book: LeaseBook, alive: (holder: LeaseHolder) => boolean, current: SysctlValues): Settlement {
  const holders = book.holders.filter(alive)
  const intent: Record<string, LeasedSysctl> = {}
  const settled: Record<string, LeasedSysctl> = {}
  const writes: SysctlWrite[] = []
  const changedByOthers: string[] = []
  for (const [name, known] of Object.entries(book.sysctls)) {
    const now = current[name]
    if (now === undefined) continue
    const foreign = now !== known.original && !known.put.includes(now)
    if (foreign) changedByOthers.push(name)
    const original = foreign ? now : known.original
    const wishes = holders.flatMap(holder => holder.wanted[name] ?? [])
    const target = Math.max(original, ...wishes)
    intent[name] = { original, put: [...new Set([now, target])].filter(value => value !== original) }
    if (target !== now) writes.push({ name, from: now, to: target })
    if (wishes.length > 0) settled[name] = { original, put: target === original ? [] : [target] }
  }
  return {
    intent: { ...book, sysctls: intent, holders },
    writes,
    settled: { ...book, sysctls: settled, holders },
    changedByOthers,
    dropped: book.holders.filter(holder => !holders.includes(holder)),
  }
}
