// The addon's types for discovery: network namespaces found on the machine, and seen to end.

import type { Netns, NetnsIdentity } from './netns.ts'

/** What discovery found, in order: of `gone`, some may have been found in the same report. */
export interface DiscoveryReport {
  readonly found: readonly {
    /** Shares its descriptor with discovery, which lets go of it when the namespace is gone. The caller closes it. */
    readonly netns: Netns
    /** A path of it, where it was found by one. */
    readonly name: string | null
    readonly foundBy: 'self' | 'directory' | 'mount' | 'process' | 'thread' | 'descriptor' | 'socket'
  }[]
  readonly gone: readonly NetnsIdentity[]
  /** What a look at everything could not see; null after other looks. */
  readonly blind: DiscoveryBlind | null
}

export interface DiscoveryBlind {
  /** Processes whose threads or descriptors may not be read. */
  readonly unreadableProcesses: number
  /** Namespaces whose number was seen and that can't be opened or entered, and the errno name of one of them. */
  readonly unopened: number
  readonly unopenedReason: string | null
  /** Namespaces mounted where another mount hides them: known only where something else holds them, too. */
  readonly hiddenMounts: number
  /** Sockets of readable processes whose namespace could not be asked for. */
  readonly unresolvedSockets: number
  /**
   * Processes with so many descriptors (some 2,000) that a look into them takes 4 ms of a processor: they are looked
   * into in a third of the time at most. What only a descriptor of theirs holds is found after so many ms, the longest;
   * one whose number lies beyond 64 free ones after eight times that, or at the next reconcile.
   */
  readonly largeProcesses: number
  readonly largeApartMs: number
  /** Other processes that observe: what their descriptors hold is not held by their own will, so it does not count. */
  readonly observers: number
  /**
   * Namespaces in the kernel's own list that nothing showed; null where it keeps none (before Linux 6.19). It lists
   * those of processes that can't be read or don't show, too.
   */
  readonly unseen: number | null
  /** This is not the machine's first PID namespace: processes outside of it don't show. */
  readonly innerPids: boolean
  /** /proc hides the processes of others (hidepid), and this process may not trace them. */
  readonly hidesProcesses: boolean
  /** The kernel lets sockets of other processes be asked for their namespace (pidfd_getfd, Linux 5.6). */
  readonly hasGetfd: boolean
}

/** What discovery has cost so far: counts of looks since its start, times in ns. */
export interface DiscoveryTotals {
  readonly ticks: number
  readonly reconciles: number
  /** CPU time of its thread. */
  readonly cpuNs: number
  /** Duration of the last tick, and of the last look at everything. */
  readonly tickNs: number
  readonly reconcileNs: number
  readonly processes: number
  readonly threads: number
  readonly descriptors: number
  /** Sockets seen for the first time. */
  readonly sockets: number
}

/** Looks for network namespaces on a thread of its own, from its making until stop(). Keeps the event loop alive. */
export interface Discovery {
  /** Resolves after a look at everything that began later than this call. Rejects where it can't begin, or stops. */
  reconcile(): Promise<void>
  /** Ends a look in its middle. Resolves when every namespace is let go of; no report comes after the call. */
  stop(): Promise<void>
  readonly totals: DiscoveryTotals
}

export interface DiscoveryConstructor {
  new (
    options: {
      /** Absolute paths of folders of named namespaces. */
      readonly directories: readonly string[]
      readonly intervalMs: number
      readonly reconcileMs: number
    },
    onReport: (report: DiscoveryReport) => void,
  ): Discovery
}
