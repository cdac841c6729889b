// The churn of a soak: its operations, as the schedule has them, and what truly became of them, as churn.ndjson and the
// churn program's channel have it. Keys only grow.

/**
 * How a namespace exists, which is how an observer can find it.
 * named: a bind mount under /run/netns, as `ip netns add` makes it. mounted: a bind mount in another folder, as
 * container engines make it. process: nothing but a process' own namespace. thread: that of a thread that does not lead
 * its process. descriptor: an open descriptor of a process that is not in it. socket: a socket alone, which no /proc
 * entry names.
 */
export type NetnsKind = 'named' | 'mounted' | 'process' | 'thread' | 'descriptor' | 'socket'

/**
 * What its sockets are. pair: the two ends of an established connection, for the namespace's whole life. short: the
 * same, closed after a second. half_closed: one end has shut down writing, the other has not closed. time_wait: closed
 * from one end, in TIME_WAIT. listener: listening.
 */
export type Population = 'pair' | 'short' | 'half_closed' | 'time_wait' | 'listener'

/**
 * Faults that churn itself puts in. same_name: a name is made again at once after its namespace was removed.
 * inode_reuse: namespaces are made until one has the inode number of one that is gone (else its `fault` is null).
 * remove_while_entered: a name is removed while a thread is inside. leader_dead: a process' leading thread has ended,
 * another holds the namespace.
 */
export type ChurnFault = 'same_name' | 'inode_reuse' | 'remove_while_entered' | 'leader_dead'

/** An operation of the schedule. `due_s` counts from the start of churning; those of the first fill are due at 0. */
export type Operation =
  | {
      /** From 1, in the order of the schedule. */
      readonly op: number
      readonly due_s: number
      readonly do: 'make'
      /** Number of the namespace, from 1. */
      readonly id: number
      readonly kind: NetnsKind
      /** Of the first fill: made as fast as may be, before the time counts. */
      readonly fill: boolean
      /** Null for kinds without a name. A name may be used again. */
      readonly name: string | null
      readonly fault: ChurnFault | null
    }
  | { readonly op: number; readonly due_s: number; readonly do: 'drop'; readonly id: number }

/**
 * A socket, as its kernel has it. `cookie` (SO_COOKIE, decimal) is null for TIME_WAIT, whose kernel object is another
 * one than the socket that was closed: there family and ports tell it.
 */
export interface TrueSocket {
  readonly population: Population
  readonly cookie: string | null
  readonly family: 4 | 6
  readonly port: number
  /** 0 for a listener. */
  readonly peer_port: number
  /** When it was in the state that its population says, and when it had left it; absent: it lives as its namespace. */
  readonly from_s?: number
  readonly until_s?: number
}

/** A line of churn.ndjson. Times `_s` count from the run's origin, of this kernel's CLOCK_MONOTONIC. */
export type ChurnLine =
  /**
   * Namespaces that were there before churn made any, by their cookies: told by the soak program, before its observer
   * starts and when that is ready. `unseen_count`: those of the kernel's own list that nothing showed; null: it keeps
   * none.
   */
  | {
      readonly is: 'there'
      readonly t_s: number
      readonly cookies: readonly string[]
      readonly unseen_count: number | null
    }
  /** The churning begins: the time that the schedule's `due_s` counts from. */
  | { readonly is: 'begin'; readonly t_s: number }
  | {
      readonly is: 'made'
      readonly op: number
      readonly id: number
      readonly kind: NetnsKind
      readonly fill: boolean
      readonly name: string | null
      readonly fault: ChurnFault | null
      /** SO_NETNS_COOKIE, decimal. */
      readonly cookie: string
      readonly inode: number
      /** When it was due, when its making began, when it existed, and when all of its sockets were there, too. */
      readonly due_s: number
      readonly asked_s: number
      readonly exists_s: number
      readonly made_s: number
      readonly sockets: readonly TrueSocket[]
    }
  | {
      readonly is: 'dropped'
      readonly op: number
      readonly id: number
      readonly due_s: number
      readonly asked_s: number
      /** Everything that held it had been let go of. */
      readonly returned_s: number
      /**
       * The kernel had removed it (RTM_DELNSID of an id given to it); null: not by the end. It had not been removed
       * `gone_error_s` earlier.
       */
      readonly gone_s: number | null
      readonly gone_error_s: number
      /**
       * Of its sockets, those that left their state before: index into `sockets` of `made`, and when. One in TIME_WAIT
       * that the kernel let go before its time has its `from_s` here: it was promised for no time.
       */
      readonly ended?: readonly (readonly [index: number, until_s: number])[]
    }
  /** An operation that the kernel refused: `operation` is what was asked of it, `reason` its errno's name. */
  | {
      readonly is: 'failed'
      readonly op: number
      readonly id: number
      readonly t_s: number
      readonly operation: string
      readonly reason: string
    }
  /**
   * Namespaces that were made on the way to a fault (inode_reuse), or by an operation that failed, and let go of at
   * once: an observer may have found them, and nobody asks whether it did.
   */
  | {
      readonly is: 'passed'
      readonly op: number
      readonly id: number
      readonly t_s: number
      readonly cookies: readonly string[]
    }
  /** The last line: every operation up to `ops_count` was carried out or is listed as failed. */
  | { readonly is: 'end'; readonly t_s: number; readonly ops_count: number }
