// The saved data of a run, as judge and report read it. Keys are a contract: they only grow.

import type { Level } from '../config/types.ts'
import type { RunEvent } from '../protocol/events.ts'
import type { Sample } from '../protocol/sample.ts'
import type { LinkEnd } from '../protocol/steering.ts'
import type { FleetTraffic } from '../protocol/traffic.ts'
import type { SoakFacts } from './soak/read.ts'

/** A line of links.ndjson: link ends that were up on a host when the run proved its links, all or a part of them. */
export interface LinkListing {
  readonly t_s: number
  /** Which proof: the number of its event proof_started. */
  readonly proof: number
  readonly host: string
  /** A further line has more of the same. */
  readonly more: boolean
  readonly ends: readonly LinkEnd[]
}

/** What a fleet's packets had come to at a moment of the hold, all of its nodes, links and flows together. */
export interface TrafficTotals {
  /** Packets that links and streams brought, and those dropped. */
  readonly hops_packets: number
  readonly dropped_packets: number
  readonly sent_packets: number
  readonly sent_bytes: number
  readonly received_packets: number
  readonly received_bytes: number
}

/**
 * A line of traffic.ndjson: a fleet's totals while the run held; the flows that had not sent all when it ended; or,
 * once its sources had stopped, all or a part of what became of its packets. Of the latter there is one answer a fleet,
 * the last.
 */
export type TrafficLine = {
  readonly t_s: number
  /** Which question: the same of all fleets. */
  readonly ask: number
  readonly host: string
} & (
  | { readonly totals: TrafficTotals }
  | { readonly running: readonly number[] }
  | {
      readonly part: FleetTraffic
      /** A further line has more of the same. */
      readonly more: boolean
    }
)

/** A line of ledger.ndjson: what the run truly did, written before (`intent`) or after (`done`) the deed. */
export interface LedgerEntry {
  readonly t_s: number
  readonly op: string
  readonly state: 'intent' | 'done' | 'failed'
  readonly [fact: string]: unknown
}

/** When a gate was last seen to turn on its canary. */
export interface SeenRed {
  /** ISO 8601, of the selfcheck. */
  readonly at: string
  /** Of nslab. */
  readonly version: string
  readonly commit: string | null
  readonly canary: string
}

export interface Environment {
  readonly run_id: string
  readonly started_at: string
  readonly level: Level
  readonly accelerator: string
  readonly kernel: string
  readonly cpu: string
  readonly cpus_count: number
  readonly memory_bytes: number
  readonly versions: Readonly<Record<string, string>>
  readonly lock_digests: Readonly<Record<string, string>>
  readonly commit: string | null
  readonly rootless: boolean
  readonly limits: Readonly<Record<string, number>>
  /** Of soaks: gate → when it was last seen to turn on this machine. A gate that is not there was never seen to. */
  readonly gates_seen_red?: Readonly<Record<string, SeenRed>>
}

export interface GateVerdict {
  readonly name: string
  readonly verdict: 'pass' | 'fail' | 'unknown' | 'not_applicable'
  readonly observed: number | null
  readonly limit: string
  readonly unit: string
  readonly evidence: string
  /** Of soaks: when it was last seen to turn on its canary; null: never, on that machine. */
  readonly seen_red?: SeenRed | null
}

export interface Report {
  readonly schema: 'nslab.report/1'
  readonly verdict: 'pass' | 'fail' | 'unknown' | 'error'
  readonly exit_code: number
  readonly scenario: string
  readonly seed: number
  readonly level: Level
  readonly gates: readonly GateVerdict[]
  /** Why gates count for nothing in the verdict; absent: all count. */
  readonly not_applicable?: readonly { readonly why: string; readonly gates_count: number }[]
  readonly phases: readonly { readonly name: string; readonly start_s: number; readonly duration_s: number }[]
  readonly metrics: Readonly<Record<string, number>>
  readonly hosts: readonly {
    readonly name: string
    readonly level: Level
    readonly nodes_count: number
    readonly node_id_offset: number
    /** Of its way to other hosts; absent: there are none. */
    readonly uplink_mtu_bytes?: number
  }[]
  readonly environment: Environment
  /** Present when the run did not come to its end: which error, in which phase. */
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly hint?: string
    readonly phase?: string
    readonly exit_code: number
  }
  readonly notes: readonly string[]
  /** sha256 of everything above in canonical JSON. */
  readonly digest: string
}

/** The run folder's saved data, read back. `outcome` is outcome.json, written at the end of the history (save 1). */
export interface History {
  readonly plan: unknown
  readonly environment: Environment
  readonly events: readonly RunEvent[]
  readonly samples: readonly Sample[]
  readonly ledger: readonly LedgerEntry[]
  readonly outcome: Outcome | null
  /** Empty where the run did not prove its links; absent in data of before there was such a proof. */
  readonly links?: readonly LinkListing[]
  /** Absent or empty where the run had no traffic to account for. */
  readonly traffic?: readonly TrafficLine[]
  /** Of a soak: what churn did and the observer saw, read in passing. */
  readonly soak?: SoakFacts
  /** What could not be read back; absent or empty for a whole folder. Figures from a damaged file are not trusted. */
  readonly damage?: readonly Damage[]
}

/**
 * Something wrong with a file of the run folder. `missing`: never written; `cut`: its last line is incomplete, as a
 * killed writer leaves it; `corrupt`: anything else, which no orderly or killed run leaves.
 */
export interface Damage {
  readonly file: string
  readonly kind: 'missing' | 'cut' | 'corrupt'
  /** From 1; absent where the whole file is meant. */
  readonly line?: number
  readonly problem: string
}

/**
 * Facts measured once by the run that are in no event: memory around wiring, census results, the error that ended it.
 */
export interface Outcome {
  readonly metrics: Readonly<Record<string, number>>
  readonly residue: readonly string[]
  readonly foreign: readonly string[]
  readonly error: Report['error'] | null
  readonly notes: readonly string[]
}
