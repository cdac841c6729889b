// The plan: everything of a run that follows from scenario, overrides and seed. plan.json is this, byte for byte.

import type { Scenario } from '../config/types.ts'
import type { FabricSpec } from '../native.ts'

export interface FleetPlan {
  readonly host: string
  readonly nodeIdOffset: number
  readonly nNodes: number
  readonly controllerAddr: string
  readonly fabric: FabricSpec
}

export interface Plan {
  readonly schema: 'nslab.plan/1'
  readonly scenario: Scenario
  readonly topology: {
    readonly name: string
    readonly nodes_count: number
    readonly edges: readonly (readonly [number, number])[]
  }
  readonly fleets: readonly FleetPlan[]
  /** What the run needs from the machine, counted before anything is made. */
  readonly needs: {
    /** Of the process with most, a dataplane or the controller: the limit is one a process. */
    readonly descriptors_count: number
    /** Dynamic neighbour entries that commands in the nodes may add; the planned ones are permanent and not counted. */
    readonly neighbours_count: number
    readonly namespaces_count: number
    readonly memory_bytes: number
  }
}
