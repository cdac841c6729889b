// What an observer said and was, as the lab saw it: observed.ndjson, one JSON object a line. Times `_s` count from the
// run's origin. The lab reads the observer's own output (collected.ts), or the database that it wrote to, and puts the
// rows of a socket together; nothing else is added, and nothing is left out. Keys only grow.

import type { FoundBy } from './collected.ts'

/** One socket as its rows had it: [cookie, family, port, peer port, state at last, first seen, last seen, rows]. */
export type SeenSocket = readonly [
  cookie: string,
  family: 4 | 6,
  port: number,
  peerPort: number,
  state: string,
  first_s: number,
  last_s: number,
  rows_count: number,
]

export type ObservedLine =
  /** A process of the observer: when it began, and how it ended. `start_ticks` tells one process from the next. */
  | { readonly is: 'observer_started'; readonly t_s: number; readonly pid: number; readonly start_ticks: number }
  | {
      readonly is: 'observer_exited'
      readonly t_s: number
      readonly pid: number
      /** "exit 0", "killed by SIGKILL". */
      readonly status: string
      /** Ended because the run told it to. */
      readonly wanted: boolean
      /** The kernel's record says that it was killed for want of memory. */
      readonly oom: boolean
    }
  /**
   * A process that the observer has started, directly or not, and that stays: it has lived for some seconds, or came
   * where another one of those was. `parent_pid`: who of the observer's processes started it. `name`: the kernel's.
   */
  | {
      readonly is: 'child_stays'
      readonly t_s: number
      /** Seen first. */
      readonly first_s: number
      readonly pid: number
      readonly start_ticks: number
      readonly parent_pid: number
      readonly name: string
    }
  | {
      readonly is: 'child_ended'
      readonly t_s: number
      /** Seen last. */
      readonly last_s: number
      readonly pid: number
      readonly start_ticks: number
      /** That parent of it is still there. */
      readonly parent_lives: boolean
    }
  /**
   * The observer's own memory control group: at its start, and each time that the kernel has killed a process in it for
   * want of memory, of which it has its own count.
   */
  | {
      readonly is: 'memory_group'
      readonly t_s: number
      readonly oom_kills_count: number
      readonly current_bytes: number
      readonly max_bytes: number
    }
  /** A namespace was found. `t_s` is the observer's own time of it, `got_s` when the lab read it. */
  | {
      readonly is: 'found'
      readonly t_s: number
      readonly got_s: number
      readonly netns: string
      readonly inode: number
      readonly name: string | null
      readonly found_by: FoundBy
    }
  /**
   * A namespace is gone for the observer (`gone`), or was there as the run ended; with all sockets that it was given.
   */
  | {
      readonly is: 'forgot'
      readonly t_s: number
      readonly netns: string
      readonly gone: boolean
      /** A further line has more of the same namespace's. */
      readonly more: boolean
      readonly sockets: readonly SeenSocket[]
    }
  | {
      readonly is: 'polled'
      /** When it began. */
      readonly t_s: number
      readonly poll: number
      readonly took_s: number
      readonly first_of: string | null
      readonly namespaces_count: number
      /**
       * As the observer counts them, those that it dropped too, and as they reached its sink, those there more than
       * once counted as often. So sent − dropped − (stored − doubled) were lost.
       */
      readonly rows_sent_count: number
      readonly rows_stored_count: number
      readonly rows_doubled_count: number
      readonly rows_dropped_count: number
      readonly repeated_count: number
      readonly incomplete_count: number
    }
  | {
      readonly is: 'blind'
      readonly t_s: number
      readonly unreadable_processes_count: number
      readonly kinds: readonly string[]
      /** As a collector's line has them; absent: it does not say. */
      readonly unopened_namespaces_count?: number
      readonly unresolved_sockets_count?: number
      readonly large_apart_s?: number
    }
  /** A line of the observer's log that a pattern of the scenario forbids; with `count` the last of so many. */
  | {
      readonly is: 'log_match'
      readonly t_s: number
      readonly pattern: string
      readonly line: string
      readonly count?: number
    }
  /**
   * A line of the observer's output that is none of its format: what it said there is known to nobody. `line`: its
   * number of that process, from 1; `text`: its beginning. With `count` the last of so many.
   */
  | {
      readonly is: 'line_malformed'
      readonly t_s: number
      readonly line: number
      readonly text: string
      readonly problem: string
      readonly count?: number
    }
  /** Metrics of the observer's, scraped from its /metrics. */
  | {
      readonly is: 'scraped'
      readonly t_s: number
      readonly values: Readonly<Record<string, number>>
      /** Why there are no values: its page could not be read. */
      readonly problem?: string
    }
