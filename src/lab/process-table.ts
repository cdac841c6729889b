// All processes of this machine and what each holds of network namespaces, read from /proc.
// A process that ends while it is read, or is not ours to read, is left out: never an error.

import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { RUN_VARIABLE } from '../base/run-mark.ts'
import { parseStat, readOrNull } from './proc.ts'

export interface ProcessEntry {
  readonly pid: number
  readonly start_ticks: number
  readonly parent_pid: number
  readonly comm: string
  readonly state: string
  /** Of its environment at exec; null without one or where it may not be read. */
  readonly run_id: string | null
}

export interface NamespaceHolder {
  readonly inode: number
  readonly pid: number
  /** How it is held: as a task's own, by an open descriptor, or mounted in the mount namespace of `pid`. */
  readonly how: 'task' | 'descriptor' | 'mount'
  /** Path under /proc, or mount point: enough to look at it. */
  readonly where: string
}

export function listPids(): number[] {
  return readdirSync('/proc').flatMap(name => (/^\d+$/.test(name) ? Number(name) : []))
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
export function runIdOf(pid: number): string | null {
  const environment = readOrNull(`/proc/${pid}/environ`) ?? ''
  return new RegExp(`(?:^|\\0)${RUN_VARIABLE}=([^\\0]*)`).exec(environment)?.[1] ?? null
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

/** Who holds which network namespace, one holder a namespace and process. */
export function readNamespaceHolders(pids: Iterable<number>): NamespaceHolder[] {
  const holders: NamespaceHolder[] = []
  const mountNamespaces = new Set<string>()
  for (const pid of pids) {
    const seen = new Set<number>()
    const add = (inode: number | null, how: NamespaceHolder['how'], where: string): void => {
      if (inode === null || seen.has(inode)) return
      seen.add(inode)
      holders.push({ inode, pid, how, where })
    }
    for (const task of namesIn(`/proc/${pid}/task`)) {
      const where = `/proc/${pid}/task/${task}/ns/net`
      add(netInode(linkText(where)), 'task', where)
    }
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const where = `/proc/${pid}/fd/${fd}`
      add(descriptorInode(where), 'descriptor', where)
    }
    const mounts = linkText(`/proc/${pid}/ns/mnt`)
    if (mounts === null || mountNamespaces.has(mounts)) continue
    mountNamespaces.add(mounts)
    for (const { inode, point } of mountedNamespaces(readOrNull(`/proc/${pid}/mountinfo`) ?? '')) {
      add(inode, 'mount', point)
    }
  }
  return holders
}

/**
 * Network namespaces in a mountinfo text: the root of an nsfs mount is its `net:[inode]`. Source:
 * proc_pid_mountinfo(5).
 */
export function mountedNamespaces(mountinfo: string): { readonly inode: number; readonly point: string }[] {
  return mountinfo.split('\n').flatMap(line => {
    const [left = '', right = ''] = line.split(' - ')
    const fields = left.split(' ')
    const inode = right.startsWith('nsfs ') ? netInode(fields[3] ?? null) : null
    return inode === null ? [] : [{ inode, point: fields[4] as string }]
  })
}

/** A descriptor of a namespace reads `net:[inode]`, unless it was opened through a mount: then as that mount's path. */
function descriptorInode(path: string): number | null {
  const text = linkText(path)
  if (text === null) return null
  if (text.startsWith('net:[')) return netInode(text)
  if (!/^(?:\/var)?\/run\/.*netns/.test(text)) return null
  try {
    const stat = statSync(path)
    return stat.dev === netnsDevice() ? stat.ino : null
  } catch {
    return null
  }
}

let device: number | undefined
function netnsDevice(): number {
  device ??= statSync('/proc/self/ns/net').dev
  return device
}

function netInode(text: string | null): number | null {
  return text?.startsWith('net:[') ? Number(text.slice(5, -1)) : null
}

export function linkText(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    return null
  }
}

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** The kind of a descriptor as /proc shows it: inode numbers are cut off, so that kinds can be counted. */
export function descriptorKind(target: string): string {
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
