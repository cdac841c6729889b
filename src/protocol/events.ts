// Events: what a process of a run saw, as it goes over a channel and into events.ndjson.

import type { FramesHit } from './impairment.ts'

/** A line of events.ndjson: what a process of the run saw. `t_s` counts from the run's start (CLOCK_MONOTONIC). */
export type RunEvent = { readonly t_s: number; readonly from: string } & (
  | { readonly kind: 'phase_started' | 'phase_ended'; readonly phase: PhaseName }
  | { readonly kind: 'warning' | 'error'; readonly message: string; readonly code?: string }
  | {
      readonly kind: 'database_ready'
      readonly store: 'postgres' | 'memory'
      readonly persisted: boolean
      readonly reason?: string
      readonly connect?: string
      readonly pid?: number
      /** Nodes whose rows were there already, where nothing was reset. */
      readonly nodes_count?: number
    }
  | { readonly kind: 'listening'; readonly address: string; readonly port: number }
  | { readonly kind: 'fabric_started' | 'fabric_ended' }
  /** The node's namespace is complete. A node that is made again is up again, in another namespace. */
  | { readonly kind: 'node_up'; readonly node_id: number; readonly netns_inode: number; readonly netns_cookie: string }
  | { readonly kind: 'node_connected'; readonly node_id: number; readonly incarnation: number }
  | { readonly kind: 'all_connected' | 'flows_sent' | 'all_wired' }
  | { readonly kind: 'node_ready'; readonly node_id: number }
  | { readonly kind: 'node_left'; readonly node_id: number; readonly reason: string }
  | { readonly kind: 'node_lost'; readonly node_id: number; readonly reason: string }
  | { readonly kind: 'node_restarted'; readonly node_id: number; readonly reason: string }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string; readonly node_id?: number }
  | { readonly kind: 'link_refused'; readonly node_id: number; readonly peer_id: number; readonly reason: string }
  /** Another fleet started by hand on this machine, with the same controller, is in reach from now on, or no more. */
  | {
      readonly kind: 'fleet_met' | 'fleet_parted'
      readonly fleet: string
      readonly first_id: number
      readonly last_id: number
    }
  | { readonly kind: 'database_lost' | 'database_back'; readonly reason?: string }
  /** The run begins to prove that links are as planned. The walk of a proof has its number; the last one counts. */
  | { readonly kind: 'proof_started'; readonly proof: number }
  /** The node has sent a token on its way. */
  | { readonly kind: 'walk_started'; readonly walk: number; readonly node_id: number }
  /** The node was handed the token, over the link to `from_id`; `hops` links it has gone over by then. */
  | {
      readonly kind: 'token_passed'
      readonly walk: number
      readonly node_id: number
      readonly from_id: number
      readonly hops: number
    }
  /** The node could not hand the token on. */
  | {
      readonly kind: 'token_stuck'
      readonly walk: number
      readonly node_id: number
      readonly peer_id: number
      readonly hops: number
      readonly reason: string
    }
  /** Something was done to hosts or links on purpose, and undone again; `fault` is its index in the plan's faults. */
  | {
      readonly kind: 'fault_started' | 'fault_ended'
      readonly fault: number
      readonly op: string
      readonly hosts: readonly string[]
      /** Pairs of nodes; absent: it was done to hosts. */
      readonly links?: readonly (readonly [number, number])[]
      /** fault_ended of an `impair`: by host, the frames that it took and made wait, as the segment counted them. */
      readonly frames?: readonly FramesHit[]
    }
  /** Every node is ready again after the fault, and every link proven. */
  | { readonly kind: 'recovered'; readonly fault: number }
  /** A microVM is there: booted, or restored from a saved state. `seconds`: from power-on to its agent's answer. */
  | {
      readonly kind: 'vm_ready'
      readonly vm: string
      readonly how: 'booted' | 'restored' | 'rebooted'
      readonly seconds: number
    }
  | { readonly kind: 'vm_ended'; readonly vm: string; readonly how: string }
  | { readonly kind: 'stopped' }
  /** A guest's kernel had to say this: a warning or worse, or a fault it tells below that level. */
  | {
      readonly kind: 'kernel_message'
      readonly host: string
      /** emerg, alert, crit, err, warning, …: syslog(2). */
      readonly level: string
      readonly message: string
    }
)

export type PhaseName =
  | 'preflight'
  | 'census'
  | 'boot'
  | 'prepare'
  | 'wire'
  | 'measure'
  | 'prove'
  | 'hold'
  | 'fill'
  | 'warm'
  | 'churn'
  | 'drain'
  | 'teardown'
  | 'verify'
