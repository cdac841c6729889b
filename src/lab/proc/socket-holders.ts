// Which processes have a socket open, read from their descriptors.

import { linkText, listPids, namesIn } from '../../base/netns-holders.ts'
import { readOrNull } from '../../base/read-or-null.ts'

export interface SocketHolder {
  readonly pid: number
  readonly name: string
}

/** Holders by the socket's inode number. Those of processes that are not ours to read are missing. */
export function readSocketHolders(): Map<number, SocketHolder[]> {
  const holders = new Map<number, SocketHolder[]>()
  for (const pid of listPids()) {
    let name: string | undefined
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const inode = Number(/^socket:\[(\d+)\]$/.exec(linkText(`/proc/${pid}/fd/${fd}`) ?? '')?.[1] ?? 0)
      if (inode === 0) continue
      name ??= readOrNull(`/proc/${pid}/comm`)?.trimEnd() ?? '?'
      const known = holders.get(inode)
      if (known === undefined) holders.set(inode, [{ pid, name }])
      else if (known.at(-1)?.pid !== pid) known.push({ pid, name })
    }
  }
  return holders
}
