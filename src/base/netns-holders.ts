// Which processes hold which network namespaces, read from /proc. One that ends while it is read, or is not ours to
// read, is left out: never an error. A socket that holds its namespace shows in no file there.

import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { readOrNull } from './read-or-null.ts'

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
