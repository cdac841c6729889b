// The plan: everything of a run that follows from scenario, overrides and seed. plan.json is this, byte for byte.

import type { HostUplink } from './addressing/uplinks.ts'
import type { Scenario } from './config/types.ts'
import type { FabricSpec } from './native/fabric.ts'
import type { Operation } from './protocol/churn.ts'

export interface FleetPlan {
  readonly host: string
  readonly nodeIdOffset: number
  readonly nNodes: number
  readonly controllerAddr: string
  readonly fabric: FabricSpec
}

/** One fabric root and the programs in it, or a soak, which has none. In microVMs each host is a VM of its own. */
export interface HostPlan {
  /** "host1", …, and with several of them "controller". */
  readonly name: string
  /** The name of its VM, where hosts are VMs: "vm1", …, "controller". */
  readonly vm: string
  readonly programs: readonly ('controller' | 'dataplane' | 'soak' | 'connections')[]
  /** Index into `fleets`; null where there is no dataplane. */
  readonly fleet: number | null
  /** Null where there is one host only. */
  readonly uplink: HostUplink | null
}

export interface PlannedChurn {
  readonly ops_count: number
  /** SHA-256 over the operations, each as a line of canonical JSON. */
  readonly digest: string
  /** In place of those that follow from the seed. */
  readonly operations?: readonly Operation[]
}

export interface Plan {
  readonly schema: 'nslab.plan/1'
  readonly scenario: Scenario
  readonly topology: {
    readonly name: string
    readonly nodes_count: number
    readonly edges: readonly (readonly [number, number])[]
  }
  /** Those with fleets first, in the order of their fleets. */
  readonly hosts: readonly HostPlan[]
  readonly fleets: readonly FleetPlan[]
  /** The schedule of a soak: what its operations are follows from the scenario, this says that they are the same. */
  readonly churn?: PlannedChurn
  /** What the run needs from the machine, counted before anything is made. */
  readonly needs: {
    /** Of the process with most: the limit is one a process. */
    readonly descriptors_count: number
    /** Dynamic neighbour entries that commands in the nodes may add; the planned ones are permanent and not counted. */
    readonly neighbours_count: number
    readonly namespaces_count: number
    readonly memory_bytes: number
    /** Node.js programs beside `nslab run`: each has some threads, and one more a processor. */
    readonly programs_count: number
    /** Processes and threads of others. */
    readonly tasks_count: number
    /** Where the run folder is. */
    readonly disk_bytes: number
  }
}

/** The socket of a fleet in the run folder, which tells `nslab exec` where its nodes are. */
export const fleetSocketName = ({ fleets }: Pick<Plan, 'fleets'>, { host }: FleetPlan): string =>
  fleets.length === 1 ? 'fleet.sock' : `fleet-${host}.sock`

/** The file in the run folder that is a VM's disk. */
export const diskName = ({ vm }: Pick<HostPlan, 'vm'>): string => `${vm}.disk`

/** Whether a host has a disk of its own: one that boots again during the run keeps its database there. */
export const keepsDisk = ({ scenario }: Pick<Plan, 'scenario'>, host: HostPlan): boolean =>
  host.programs.includes('controller') &&
  scenario.faults.some(({ op, hosts }) => op === 'reboot' && hosts.includes(host.name))
