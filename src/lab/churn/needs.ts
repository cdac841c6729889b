// What a churn takes of the machine it runs on, counted before anything is made. Pure.

import { NslabError } from '../../base/errors.ts'
import type { ChurnSockets, ChurnSpec } from '../../protocol/churning.ts'

export interface ChurnNeeds {
  /** Open descriptors of the churn program. */
  readonly descriptors_count: number
  /** Network namespaces that exist at once: alive, and dropped but not taken apart yet. */
  readonly namespaces_count: number
  /** Processes and threads, of all programs of the churn. */
  readonly tasks_count: number
  readonly memory_bytes: number
}

/** Of Node and the addon, and of what threads hold while they make a namespace. */
const FIXED_DESCRIPTORS = 192
/** A kind's own: a descriptor or a socket. */
const HOLDER_DESCRIPTORS = 1
/** How long the kernel may take with what was dropped, on a machine that is busy with nothing else. */
const CLEANUP_S = 2
const FIXED_TASKS = 64
/** Made at most, and held, until one has an inode number that was another's: see native/churn/worker.cc. */
const REUSE_NAMESPACES = 64
/**
 * A namespace with loopback, IPv4 and IPv6; a TCP socket with its place in the kernel's tables; a process of one page
 * of stack. Measured on Linux 6.18: 0.33 MB, 4 KB, 0.2 MB; with what is dropped and not yet freed, twice as much.
 */
const MEMORY_BYTES = { fixed: 120_000_000, namespace: 660_000, socket: 8_000, process: 400_000 } as const
/** Kinds are drawn: some more than their share may be of one kind. */
const SHARE_MARGIN = 4

/** Places of a namespace's own table of connections, at least. 8 bytes each. */
const TABLE_ENTRIES = 1024
/** What the kernel takes at most. */
const TABLE_ENTRIES_MAX = 2 ** 24

/** Counts what `spec` needs at most. */
export function churnNeeds({ namespaces, ratePerS, kinds, sockets, faults }: ChurnSpec): ChurnNeeds {
  // Those in TIME_WAIT have none, and are asked for by one.
  const perNamespace = heldSockets(sockets) + Math.min(sockets.timeWait, 1) + HOLDER_DESCRIPTORS
  const weights = Object.values(kinds).reduce((sum, weight) => sum + weight, 0)
  const share = weights === 0 ? 0 : (kinds.process + kinds.thread) / weights
  const tasks = Math.min(namespaces, Math.ceil(namespaces * share + SHARE_MARGIN * Math.sqrt(namespaces * share)))
  const reused = faults.includes('inode_reuse') ? REUSE_NAMESPACES : 0
  const dropping = Math.ceil((ratePerS / 2) * CLEANUP_S) + reused
  return {
    descriptors_count: FIXED_DESCRIPTORS + perNamespace * namespaces,
    namespaces_count: namespaces + dropping,
    tasks_count: FIXED_TASKS + tasks,
    memory_bytes:
      MEMORY_BYTES.fixed +
      MEMORY_BYTES.namespace * (namespaces + dropping) +
      MEMORY_BYTES.socket * perNamespace * namespaces +
      MEMORY_BYTES.process * tasks,
  }
}

/** Open descriptors of one namespace's sockets. */
export const heldSockets = ({ pairs, short, halfClosed, listeners }: ChurnSockets): number =>
  2 * (pairs + short + halfClosed) + listeners

/**
 * Places of the table of connections that each namespace gets for itself; 0: none. The kernel keeps TIME_WAIT for at
 * most half as many sockets as the table has places.
 */
export function tableEntriesOf({ connectionTable, sockets }: ChurnSpec): number {
  // Plans of before have no such key.
  if (connectionTable !== 'own') return 0
  const wanted = Math.max(TABLE_ENTRIES, 2 * (heldSockets(sockets) + sockets.timeWait))
  return Math.min(TABLE_ENTRIES_MAX, wanted)
}

/** Throws NOT_FIT {problems} where the program's limit on open files is too low for `spec`. */
export function requireDescriptors(spec: ChurnSpec, limit: number): void {
  const needed = churnNeeds(spec).descriptors_count
  if (needed <= limit) return
  const problem =
    `open files: ${needed} are needed for ${spec.namespaces} namespaces and their sockets, ${limit} are allowed ` +
    '(ulimit -n): fewer churn.namespaces or churn.pairs, or a higher hard limit'
  throw new NslabError('NOT_FIT', { problems: [problem] })
}
