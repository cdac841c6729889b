// What a run asks of a kernel that takes part in it, and what that answers: values that JSON carries, so that a guest's
// agent is asked the same as this machine.

import type { HostUplink } from '../addressing/uplinks.ts'

export interface BaselineRequest {
  readonly neighbours_count: number
  /** Interfaces that the run makes, for telling residue from what others made. */
  readonly interfaces: readonly string[]
  readonly nodes_count: number
  /** The run's memory is another kernel's: what this one still gives back does not matter. */
  readonly without_memory?: boolean
}

export interface Baseline {
  readonly memory_bytes: number
  readonly warnings: readonly string[]
}

export interface RootRequest {
  /** The host's name in the plan. */
  readonly host: string
  /** How it reaches the other hosts; null: it is alone. */
  readonly uplink: HostUplink | null
}

/** A namespace's identity, as the ledger has it. */
export interface RootFacts {
  readonly cookie: string
  readonly device: string
  readonly inode: string
  readonly created_ns: string
}

export interface StartRequest {
  readonly program: 'controller' | 'dataplane' | 'soak' | 'connections'
  /** Whose fabric root it gets, where it gets one. */
  readonly host: string
  /** Of its own: without plan, run folder, run id and origin, which the site adds. */
  readonly args: readonly string[]
}

export interface ProcessEnd {
  /** "exit 3", "killed by SIGKILL", or why it did not start. */
  readonly status: string
  readonly code: number | null
}

export interface SiteCosts {
  readonly memory_bytes: number
  readonly programs: readonly {
    readonly program: StartRequest['program']
    readonly host: string
    readonly rss_bytes: number
    readonly threads_count: number
    /** Of its descendants: the controller's database server; null where there are none. */
    readonly descendants_bytes: number | null
  }[]
}

export interface VerifyRequest {
  /** Of every namespace that the run made here: [inode, cookie]. */
  readonly cookies: readonly (readonly [number, string])[]
}

export interface SiteDifference {
  readonly residue: readonly string[]
  readonly foreign: readonly string[]
  readonly warnings: readonly string[]
  /** Null where the kernel did not finish in time. */
  readonly cleanup_wait_s: number | null
}
