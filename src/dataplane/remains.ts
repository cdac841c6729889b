// What of a fleet the kernel had not removed by the deadline, in words: what is there still, and what keeps it.

import { listPids, type NamespaceHolder, readNamespaceHolders } from '../base/netns-holders.ts'
import type { Addon } from '../native/addon.ts'
import type { RemainingLink } from '../native/fabric.ts'

/** For the kernel's queue of namespaces: an idle one takes some tens of ms. */
const QUEUE_MS = 500

export interface RemainsOptions {
  readonly native: Pick<Addon, 'awaitNetnsCleanup'>
  /** How long the kernel was waited for. */
  readonly waitedS: number
  /** Inode of a node's namespace, by the node's index; null where it never had one. */
  readonly inodeOf: (index: number) => number | null
}

/** One line each; none where nothing remains. */
export async function describeRemains(
  remaining: readonly RemainingLink[],
  { native, waitedS, inodeOf }: RemainsOptions,
): Promise<string[]> {
  if (remaining.length === 0) return []
  const holders = readNamespaceHolders(listPids())
  const isQueueIdle = await native.awaitNetnsCleanup(QUEUE_MS).then(
    () => true,
    () => false,
  )
  return remaining.map(({ name, node, link, netns }) => {
    const inode = node === null ? null : inodeOf(node)
    const parts = [...(link ? ['its link'] : []), ...(netns ? [`its namespace net:[${inode ?? '?'}]`] : [])]
    const there = `${parts.join(' and ')} remain${parts.length > 1 ? '' : 's'}`
    const its = holders.filter(holder => holder.inode === inode)
    return `${name}, not removed within ${waitedS.toFixed(1)} s: ${there}, ${whatKeeps(its, isQueueIdle)}`
  })
}

function whatKeeps(holders: readonly NamespaceHolder[], isQueueIdle: boolean): string {
  if (holders.length > 0) return `held by ${holders.map(({ where, how }) => `${where} (${how})`).join(', ')}`
  if (!isQueueIdle) return 'and the kernel is still taking namespaces apart (cleanup_net)'
  return 'which no process shows: a socket may, one that is open or one that waits for its peer to close (FIN_WAIT1)'
}
