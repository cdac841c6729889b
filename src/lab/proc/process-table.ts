// All processes of this machine, read from /proc.
// A process that ends while it is read, or is not ours to read, is left out: never an error.

import { lstatSync } from 'node:fs'
import { linkText, listPids, namesIn } from '../../base/netns-holders.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import { RUN_VARIABLE } from '../../base/run-mark.ts'
import { parseStat } from './proc.ts'

export interface ProcessEntry {
  readonly pid: number
  readonly start_ticks: number
  readonly parent_pid: number
  readonly comm: string
  readonly state: string
  /** Of its environment at exec; null without one or where it may not be read. */
  readonly run_id: string | null
}

export function readProcesses(): Map<number, ProcessEntry> {
  const processes = new Map<number, ProcessEntry>()
  for (const pid of listPids()) {
    const entry = readProcess(pid)
    if (entry !== null) processes.set(pid, entry)
  }
  return processes
}

export function readProcess(pid: number): ProcessEntry | null {
  const text = readOrNull(`/proc/${pid}/stat`)
  if (text === null || text === '') return null
  const { startTicks, parentPid, comm, state } = parseStat(text)
  return { pid, start_ticks: startTicks, parent_pid: parentPid, comm, state, run_id: runIdOf(pid) }
}

/** The run id in a process' environment, or null. */
export const runIdOf = (pid: number): string | null => variableOf(pid, RUN_VARIABLE)

/** What a variable was in a process' environment at exec; null: it had none, or nobody may look. */
export function variableOf(pid: number, name: string): string | null {
  const environment = readOrNull(`/proc/${pid}/environ`) ?? ''
  return new RegExp(`(?:^|\\0)${name}=([^\\0]*)`).exec(environment)?.[1] ?? null
}

/** `roots` and everything descended from them. */
export function descendants(processes: ReadonlyMap<number, ProcessEntry>, roots: Iterable<number>): Set<number> {
  const children = new Map<number, number[]>()
  for (const { pid, parent_pid } of processes.values()) {
    const siblings = children.get(parent_pid)
    if (siblings === undefined) children.set(parent_pid, [pid])
    else siblings.push(pid)
  }
  const found = new Set(roots)
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child)
  return found
}

/** The kind of a descriptor as /proc shows it: inode numbers are cut off, so that kinds can be counted. */
function descriptorKind(target: string): string {
  return target.replace(/:\[\d+\]$/, '')
}

/** This process' descriptors, counted by kind; the one that reads the folder is not among them. */
export function ownDescriptors(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const fd of namesIn('/proc/self/fd')) {
    const path = `/proc/self/fd/${fd}`
    const target = linkText(path)
    if (target === null || !exists(path)) continue
    const kind = descriptorKind(target)
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

function exists(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch {
    return false
  }
}
