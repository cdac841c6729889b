// Every network namespace of this machine that something in /proc names, opened.

import { closeSync, fstatSync, openSync } from 'node:fs'
import { linkText, listPids, type NamespaceHolder, readNamespaceHolders } from './process-table.ts'

export interface OpenNetns {
  /** The receiver's to close. */
  readonly fd: number
  /** A path that says which it is to people: a mount point, else an entry of /proc. */
  readonly name: string
}

/** Mounts are the names that people gave; a task's own namespace says more than a descriptor of it. */
const ranks = { mount: 0, task: 1, descriptor: 2 } as const

/**
 * Opens them one after another, so that a receiver who closes each needs no more than one descriptor. Returns how many
 * processes this user may not read.
 */
export function* openMachineNetns(): Generator<OpenNetns, number> {
  const pids = listPids()
  const byInode = new Map<number, NamespaceHolder[]>()
  for (const holder of readNamespaceHolders(pids)) {
    const holders = byInode.get(holder.inode)
    if (holders === undefined) byInode.set(holder.inode, [holder])
    else holders.push(holder)
  }
  for (const [inode, holders] of byInode) {
    holders.sort((a, b) => ranks[a.how] - ranks[b.how])
    // The first that is still there: a holder may have ended meanwhile.
    for (const holder of holders) {
      const fd = openHeld(holder, inode)
      if (fd === null) continue
      yield { fd, name: holder.where }
      break
    }
  }
  return pids.filter(pid => linkText(`/proc/${pid}/ns/net`) === null && linkText(`/proc/${pid}/cwd`) === null).length
}

/** Null where it is not there any more, or is another namespace by now. */
function openHeld({ how, pid, where }: NamespaceHolder, inode: number): number | null {
  let fd: number
  try {
    fd = openSync(how === 'mount' ? `/proc/${pid}/root${where}` : where, 'r')
  } catch {
    return null
  }
  if (fstatSync(fd).ino === inode) return fd
  closeSync(fd)
  return null
}
