// What `nslab collect` writes to standard output or a file: one JSON object a line, the format "nslab.collect/1". Times
// `mono_s` are CLOCK_MONOTONIC of the collector's kernel, in s; `at_s` are s since the epoch. Keys only grow.

/** A counter of its /metrics page: rows handed to its sink so far. */
export const ROWS_SENT_METRIC = 'nslab_collect_rows_sent_total'
/** Of the same page: polls that have ended so far, of all namespaces and of one. */
export const POLLS_METRIC = 'nslab_collect_poll_duration_seconds_count'

/**
 * What a collector looked at when it found a namespace. directory: a mount or a link in a folder that it watches.
 * mount: a mount anywhere else, in any mount namespace of a process.
 */
export type FoundBy =
  | 'self'
  | 'directory'
  | 'mount'
  | 'process'
  | 'thread'
  | 'descriptor'
  | 'socket'
  | 'listns'
  | 'handle'

export interface CollectedSocket {
  readonly is: 'socket'
  /** Number of the poll that saw it. */
  readonly poll: number
  readonly at_s: number
  readonly mono_s: number
  /** Cookie of the namespace that it is in, decimal. */
  readonly netns: string
  /** The kernel's cookie of the socket (idiag_cookie), decimal. */
  readonly cookie: string
  readonly family: 4 | 6
  /** As ss and the kernel have it: ESTABLISHED, TIME_WAIT, … */
  readonly state: string
  readonly src: string
  readonly src_port: number
  readonly dst: string
  readonly dst_port: number
  readonly inode: number
  readonly uid: number
  /** Null where the kernel gave none, as for TIME_WAIT. */
  readonly cgroup_id: string | null
  readonly receive_queue_bytes: number
  readonly send_queue_bytes: number
  readonly congestion: string | null
  /** Of tcp_info and the socket's memory; null where the kernel gave none. */
  readonly tcp: {
    readonly rtt_s: number
    readonly rtt_variance_s: number
    readonly congestion_window_count: number
    readonly retransmits_count: number
    readonly bytes_sent_bytes: number
    readonly bytes_received_bytes: number
    readonly memory_bytes: number
  } | null
}

export type CollectedLine =
  | {
      readonly is: 'start'
      readonly schema: 'nslab.collect/1'
      readonly at_s: number
      readonly mono_s: number
      readonly pid: number
      readonly interval_s: number
    }
  /** A namespace was found, and a first poll of it begins at once. */
  | {
      readonly is: 'netns'
      readonly at_s: number
      readonly mono_s: number
      readonly netns: string
      readonly inode: number
      /** A path of it, where it has one. */
      readonly name: string | null
      readonly found_by: FoundBy
    }
  /** A namespace is gone: nothing but the collector held it, or nothing at all. */
  | { readonly is: 'netns_gone'; readonly at_s: number; readonly mono_s: number; readonly netns: string }
  | CollectedSocket
  /** A poll has ended: of all namespaces, or of one that was just found (`first_of`). */
  | {
      readonly is: 'poll'
      readonly poll: number
      readonly at_s: number
      /** When it began. */
      readonly mono_s: number
      readonly took_s: number
      readonly first_of: string | null
      readonly namespaces_count: number
      /** Rows handed to the sink for this poll, and those that it could not take. */
      readonly sockets_count: number
      readonly dropped_count: number
      /** Dumps that the kernel interrupted or cut short: repeated, and those given up at last. */
      readonly repeated_count: number
      readonly incomplete_count: number
    }
  /** What discovery can't see, counted anew at each reconcile. */
  | {
      readonly is: 'blind'
      readonly at_s: number
      readonly mono_s: number
      readonly unreadable_processes_count: number
      /** Kinds of namespaces that this kernel, or our rights, let nobody find: "socket", … */
      readonly kinds: readonly string[]
      /** Namespaces that were seen and can't be opened or entered. */
      readonly unopened_namespaces_count?: number
      /** Mounted where another mount hides them: known only where something else holds them, too. */
      readonly hidden_mounts_count?: number
      /** Sockets of readable processes whose namespace could not be asked for. */
      readonly unresolved_sockets_count?: number
      /** Namespaces in the kernel's own list that nothing showed; null: it keeps none (before Linux 6.19). */
      readonly unseen_namespaces_count?: number | null
      /** Processes with so many descriptors that they are not looked into each time, and how far apart, the longest. */
      readonly large_processes_count?: number
      readonly large_apart_s?: number
    }
  | { readonly is: 'stop'; readonly at_s: number; readonly mono_s: number; readonly polls_count: number }
