// What the collector stands on, as it sees it: who finds namespaces, and who polls their sockets. sources.ts joins
// these to the addon; tests and canaries put something of their own in between.

import type { FoundBy } from '../../protocol/collected.ts'
import type { SocketFilter } from './poller.ts'
import type { SocketRow } from './types.ts'

export interface FoundNetns {
  /** Never used again by the kernel, decimal. */
  readonly cookie: string
  readonly inode: number
  /** A path of it, where it has one. */
  readonly name: string | null
  readonly foundBy: FoundBy
  /** Opens its netlink socket in the poller, and resolves with the poller's number for it. */
  readonly open: () => Promise<number>
}

/** What discovery can't see. */
export interface Blindness {
  readonly unreadableProcesses: number
  readonly kinds: readonly string[]
  /** Namespaces that were seen and can't be opened or entered. */
  readonly unopened: number
  /** The errno name of one of them. */
  readonly unopenedReason: string | null
  /** Mounted where another mount hides them: known only where something else holds them, too. */
  readonly hiddenMounts: number
  /** Sockets of readable processes whose namespace could not be asked for. */
  readonly unresolvedSockets: number
  /** Namespaces in the kernel's own list that nothing showed; null: it keeps none. */
  readonly unseen: number | null
  /** Processes with very many descriptors, and how far apart looks into one of them are, s, the longest. */
  readonly largeProcesses: number
  readonly largeApartS: number
}

export interface DiscoveryHandlers {
  readonly onFound: (found: FoundNetns) => void
  readonly onGone: (cookie: string) => void
  readonly onBlind: (blindness: Blindness) => void
}

export interface Discovering {
  close(): Promise<void>
}

/** Sockets of one namespace that the kernel told of at the same moment. */
export interface RowGroup {
  readonly poll: number
  readonly slot: number
  /** CLOCK_MONOTONIC, s. */
  readonly seenS: number
  readonly rows: readonly SocketRow[]
}

/** What a poll saw of one namespace. */
export interface SlotOutcome {
  readonly slot: number
  readonly rows: number
  /** Dumps made again. */
  readonly repeated: number
  /** Why not all sockets were seen; null: they were. */
  readonly incomplete: string | null
}

export interface Polling {
  setFilter(filter: SocketFilter): void
  /**
   * Dumps the sockets of these namespaces, or of all. Rows come by onRows before it resolves; a reader that has no room
   * lets polling wait. Of namespaces that are removed meanwhile there is no outcome.
   */
  poll(number: number, slots?: readonly number[]): Promise<readonly SlotOutcome[]>
  /** Closes its socket at once. */
  remove(slot: number): void
  close(): Promise<void>
}

/** Takes rows; null: more may come at once, else when it resolves. */
export type OnRows = (group: RowGroup) => Promise<void> | null
