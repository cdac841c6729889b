// Two censuses compared: which differences are this run's doing, and which are somebody else's. Pure.

import type { NamespaceHolder } from '../../base/netns-holders.ts'
import { descendants, type ProcessEntry } from '../proc/process-table.ts'
import type { Census, IpcObject, RunObjects } from './census.ts'

/** What is known to be this run's. Everything else that changed is foreign. */
export interface Ours extends RunObjects {
  readonly run_id: string
  /** This process (`nslab run`). */
  readonly pid: number
  /** Interface names of the plan: in the machine's own namespace they are the run's, gone astray. */
  readonly interfaces: readonly string[]
  /** Cookies of the run's namespaces, by inode, as far as known. */
  readonly cookies?: Readonly<Record<number, string>>
  /** Sysctls that this run raised, and to what. */
  readonly raised: Readonly<Record<string, number>>
  /** Runs that still hold a lease on a sysctl. */
  readonly leaseHolders: (sysctl: string) => readonly string[]
  /** Processes of other live runs (their `nslab run`). */
  readonly otherRunPids: readonly number[]
  /** Folders whose open files are no residue: the run folder is written until the end. */
  readonly keptFolders: readonly string[]
  readonly kept?: KeptObjects | undefined
}

/** What of this machine a run leaves behind on purpose. */
export interface KeptObjects {
  readonly pids: readonly number[]
  /** Descriptors of this process: how many of which kind. */
  readonly descriptors: Readonly<Record<string, number>>
}

export interface CensusDifference {
  /** Left behind by this run; `residue_count` counts these. */
  readonly residue: readonly string[]
  /** Changed by others meanwhile: evidence only. */
  readonly foreign: readonly string[]
}

export function diffCensus(before: Census, after: Census, ours: Ours): CensusDifference {
  const difference = { residue: [] as string[], foreign: [] as string[] }
  const tell = (isOurs: boolean, what: string): void => {
    difference[isOurs ? 'residue' : 'foreign'].push(what)
  }
  const members = attributeProcesses(after, ours)
  diffProcesses(before, after, members, ours, tell)
  diffNamespaces(before, after, members, ours, tell)
  for (const name of after.links) {
    if (!before.links.includes(name))
      tell(ours.interfaces.includes(name), `link ${name} in the machine's own namespace`)
  }
  diffDescriptors(before, after, ours, tell)
  diffSysctls(before, after, ours, tell)
  diffSharedMemory(before, after, ours, tell)
  return { residue: difference.residue, foreign: shorten(difference.foreign) }
}

/** Foreign findings are evidence: on a busy machine the first of them will do. */
const FOREIGN_LINES_MAX = 50

function shorten(lines: readonly string[]): string[] {
  const rest = lines.length - FOREIGN_LINES_MAX
  return rest > 0 ? [...lines.slice(0, FOREIGN_LINES_MAX), `and ${rest} more`] : [...lines]
}

type Tell = (isOurs: boolean, what: string) => void

const keyOf = (entry: Pick<ProcessEntry, 'pid' | 'start_ticks'>): string => `${entry.pid}/${entry.start_ticks}`

/**
 * Pids that are this run's now: by run id, by having been seen in it, or by descent from those or from this process.
 */
function attributeProcesses(after: Census, ours: Ours): Set<number> {
  const seen = new Set(ours.processes.map(keyOf))
  const others = new Set(ours.otherRunPids)
  const roots = after.processes.filter(
    entry => entry.run_id === ours.run_id || seen.has(keyOf(entry)) || entry.pid === ours.pid,
  )
  const table = new Map(after.processes.filter(entry => !isOther(entry, others, ours)).map(entry => [entry.pid, entry]))
  return descendants(
    table,
    roots.map(entry => entry.pid),
  )
}

function isOther(entry: ProcessEntry, others: ReadonlySet<number>, ours: Ours): boolean {
  return others.has(entry.pid) || (entry.run_id !== null && entry.run_id !== ours.run_id)
}

/** The kernel's own threads come and go by themselves. Source: Documentation/core-api/workqueue.rst. */
const isKernelWorker = ({ parent_pid, comm }: ProcessEntry): boolean => parent_pid === 2 && comm.startsWith('kworker/')

function diffProcesses(before: Census, after: Census, members: ReadonlySet<number>, ours: Ours, tell: Tell): void {
  const known = new Set(before.processes.map(keyOf))
  const kept = new Set(ours.kept?.pids)
  for (const entry of after.processes) {
    if (known.has(keyOf(entry)) || entry.pid === ours.pid || kept.has(entry.pid)) continue
    if (isKernelWorker(entry)) continue
    const isZombie = entry.state === 'Z'
    // An orphan that has ended holds nothing; when its entry goes is up to the process that inherited it (init).
    const isInherited = isZombie && entry.parent_pid !== ours.pid && !members.has(entry.parent_pid)
    tell(members.has(entry.pid) && !isInherited, `process ${entry.pid} (${entry.comm}${isZombie ? ', a zombie' : ''})`)
  }
}

function diffNamespaces(before: Census, after: Census, members: ReadonlySet<number>, ours: Ours, tell: Tell): void {
  const known = new Set(before.namespaces.map(holder => holder.inode))
  const byInode = new Map<number, NamespaceHolder[]>()
  for (const holder of after.namespaces) {
    if (known.has(holder.inode)) continue
    byInode.set(holder.inode, [...(byInode.get(holder.inode) ?? []), holder])
  }
  const processes = new Map(after.processes.map(entry => [entry.pid, entry]))
  const others = new Set(ours.otherRunPids)
  const heldByOther = (holder: NamespaceHolder): boolean => {
    const entry = processes.get(holder.pid)
    return holder.how !== 'mount' && entry !== undefined && isOther(entry, others, ours)
  }
  const made = new Set(ours.namespaces)
  for (const [inode, holders] of byInode) {
    const inHand = holders.some(holder => members.has(holder.pid) && holder.how !== 'mount')
    const isOurs = inHand || (made.has(inode) && sameCookie(inode, after, ours) && !holders.every(heldByOther))
    const [first] = holders
    tell(isOurs, `network namespace ${inode}, held by ${first?.how} ${first?.where} of process ${first?.pid}`)
  }
}

/** Inode numbers are reused: where both cookies are known they decide. */
function sameCookie(inode: number, after: Census, ours: Ours): boolean {
  const mine = ours.cookies?.[inode]
  const seen = after.cookies[inode]
  return mine === undefined || seen === undefined || mine === seen
}

/** Only this process can change its own descriptors, so every surplus is residue. */
function diffDescriptors(before: Census, after: Census, ours: Ours, tell: Tell): void {
  for (const [kind, count] of Object.entries(after.descriptors)) {
    const surplus = count - (before.descriptors[kind] ?? 0) - (ours.kept?.descriptors[kind] ?? 0)
    if (surplus <= 0 || kind === 'net' || ours.keptFolders.some(folder => kind.startsWith(`${folder}/`))) continue
    tell(true, `${surplus} open descriptor${surplus === 1 ? '' : 's'} of nslab run: ${kind}`)
  }
}

/** Raised by this run, still so, and no other live run wants it: not restored. All else is somebody else's. */
function diffSysctls(before: Census, after: Census, ours: Ours, tell: Tell): void {
  for (const [name, value] of Object.entries(after.sysctls)) {
    const was = before.sysctls[name]
    if (was === undefined || was === value) continue
    const left = value === ours.raised[name] && ours.leaseHolders(name).length === 0
    tell(left, `${name} = ${value}, before ${was}`)
  }
}

function diffSharedMemory(before: Census, after: Census, ours: Ours, tell: Tell): void {
  const ipcKey = (object: IpcObject): string => `${object.kind} ${object.id}`
  const known = new Set(before.ipc.map(ipcKey))
  const makers = new Set([ours.pid, ...ours.processes.map(entry => entry.pid)])
  for (const object of after.ipc) {
    if (!known.has(ipcKey(object))) tell(makers.has(object.creator_pid), `System V ${ipcKey(object)}`)
  }
  const mapped = new Set(ours.shared_memory)
  for (const name of after.shared_memory) {
    if (!before.shared_memory.includes(name)) tell(mapped.has(name), `shared memory /dev/shm/${name}`)
  }
}
