// The census: what of the machine's shared state a run could leave behind, counted before it and after it. What can be
// attributed to this run is residue; what changed otherwise is foreign, and only evidence.

import {
  linkText,
  mountedNamespaces,
  type NamespaceHolder,
  namesIn,
  readNamespaceHolders,
} from '../../base/netns-holders.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import { LEASABLE_SYSCTLS, readSysctls } from '../leases/leases.ts'
import { descendants, ownDescriptors, type ProcessEntry, readProcesses } from '../proc/process-table.ts'

export interface Census {
  readonly schema: 'nslab.census/1'
  readonly namespaces: readonly NamespaceHolder[]
  /** Cookies of those namespaces that `cookieOf` was asked about. */
  readonly cookies: Readonly<Record<number, string>>
  /** Interface names in the machine's own network namespace. */
  readonly links: readonly string[]
  readonly processes: readonly ProcessEntry[]
  /** Own descriptors by kind. */
  readonly descriptors: Readonly<Record<string, number>>
  readonly sysctls: Readonly<Record<string, number>>
  readonly ipc: readonly IpcObject[]
  /** Names in /dev/shm. */
  readonly shared_memory: readonly string[]
}

/** A System V object of this IPC namespace. */
export interface IpcObject {
  readonly kind: 'shm' | 'sem' | 'msg'
  readonly id: number
  /** Who made it (of a queue or semaphore set: 0 where the kernel doesn't say). */
  readonly creator_pid: number
}

export interface CensusOptions {
  /** Namespaces (inode → cookie) whose identity is to be proven when they show up: inode numbers are reused. */
  readonly known?: ReadonlyMap<number, string>
  /** Reads a namespace's cookie from a path of it; null where it can't. */
  readonly cookieOf?: ((path: string) => string | null) | undefined
}

/** Reads the machine's state. About 15 µs a descriptor of any process: 40 ms beside a fleet of 800. */
export function takeCensus(options: CensusOptions = {}): Census {
  const processes = readProcesses()
  const namespaces = readNamespaceHolders(processes.keys())
  return {
    schema: 'nslab.census/1',
    namespaces,
    cookies: proveCookies(namespaces, options),
    links: parseLinks(readOrNull('/proc/self/net/dev') ?? ''),
    processes: [...processes.values()],
    descriptors: ownDescriptors(),
    sysctls: readSysctls(LEASABLE_SYSCTLS),
    ipc: readIpc(),
    shared_memory: namesIn('/dev/shm'),
  }
}

/** Interface names in /proc/net/dev. */
export function parseLinks(text: string): string[] {
  return text.split('\n').flatMap(line => /^\s*([^\s:]+):/.exec(line)?.[1] ?? [])
}

/** Stands for the cookie of a namespace whose holder let go of it while the census looked: nobody's any more. */
const LET_GO = 'let go'

function proveCookies(namespaces: readonly NamespaceHolder[], options: CensusOptions): Record<number, string> {
  const cookies: Record<number, string> = {}
  if (options.cookieOf === undefined || options.known === undefined) return cookies
  for (const holder of namespaces) {
    const { inode, where, how, pid } = holder
    if (!options.known.has(inode) || cookies[inode] !== undefined) continue
    // A mount point is a path in the mount namespace of whoever has it.
    const cookie = options.cookieOf(how === 'mount' ? `/proc/${pid}/root${where}` : where)
    if (cookie !== null) cookies[inode] = cookie
    else if (hasLetGo(holder)) cookies[inode] = LET_GO
  }
  return cookies
}

/** Of a process that has ended nobody can tell which mounts it leaves to others. */
function hasLetGo({ inode, where, how, pid }: NamespaceHolder): boolean {
  if (how !== 'mount') return linkText(where) === null
  const mounts = readOrNull(`/proc/${pid}/mountinfo`)
  return mounts !== null && !mountedNamespaces(mounts).some(mount => mount.inode === inode)
}

/** Column numbers of id and creator in /proc/sysvipc/*; semaphores have no creator. Source: proc_sysvipc(5). */
const IPC_COLUMNS = { shm: [1, 4], sem: [1, -1], msg: [1, -1] } as const

function readIpc(): IpcObject[] {
  return Object.entries(IPC_COLUMNS).flatMap(([kind, [idColumn, creatorColumn]]) => {
    const lines = (readOrNull(`/proc/sysvipc/${kind}`) ?? '').trim().split('\n').slice(1)
    return lines.map(line => {
      const fields = line.trim().split(/\s+/)
      return {
        kind: kind as IpcObject['kind'],
        id: Number(fields[idColumn]),
        creator_pid: Number(fields[creatorColumn] ?? 0),
      }
    })
  })
}

/** What the run made, as far as others can see it: gathered while it lasts, used after it. */
export interface RunObjects {
  readonly processes: readonly Pick<ProcessEntry, 'pid' | 'start_ticks'>[]
  readonly namespaces: readonly number[]
  /** Of those whose identity could be read: inode → cookie. */
  readonly cookies?: Readonly<Record<number, string>>
  readonly shared_memory: readonly string[]
}

/**
 * Looks at the run's processes (`pids` and their descendants) while they live: the namespaces they hold besides the
 * machine's own, and the shared memory they map. `cookieOf` reads a namespace's cookie from a path of it.
 */
export function observeRun(pids: readonly number[], cookieOf?: CensusOptions['cookieOf']): RunObjects {
  const processes = readProcesses()
  const own = readNamespaceHolders([process.pid]).find(holder => holder.how === 'task')?.inode
  const family = [...descendants(processes, pids)].flatMap(pid => processes.get(pid) ?? [])
  const holders = readNamespaceHolders(family.map(entry => entry.pid)).filter(holder => holder.how !== 'mount')
  const shared = family.flatMap(({ pid }) => {
    const maps = readOrNull(`/proc/${pid}/maps`) ?? ''
    return [...maps.matchAll(/ \/dev\/shm\/(\S+)/g)].map(match => match[1] as string)
  })
  const namespaces = [...new Set(holders.map(holder => holder.inode))].filter(inode => inode !== own)
  return {
    processes: family.map(({ pid, start_ticks }) => ({ pid, start_ticks })),
    namespaces,
    cookies: proveCookies(holders, { cookieOf, known: new Map(namespaces.map(inode => [inode, ''])) }),
    shared_memory: [...new Set(shared)],
  }
}
