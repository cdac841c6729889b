// The plan of a scenario of connections: one host with one program. How many connections fit, and in how many
// processes, is laid out on the host itself, which may be a VM. Pure.

import type { ConnectionsConfig } from '../../config/connections.ts'
import type { Scenario } from '../../config/types.ts'
import type { Plan } from '../../plan.ts'
import { PROCESS_DESCRIPTORS, RUN_DISK_BYTES, samplesDiskBytes } from '../plan/needs.ts'
import { CONNECTION_BYTES, NAMESPACE_BYTES } from './fit.ts'

/** The Node.js program that steers the loader. */
const PROGRAM_BYTES = 110e6

export function planConnections(scenario: Scenario, { count, namespaces }: ConnectionsConfig): Plan {
  // "max" takes what is there: a run of it needs one connection's room.
  const connections = count === 'max' ? 1 : count
  return {
    schema: 'nslab.plan/1',
    scenario,
    topology: { name: 'none', nodes_count: 0, edges: [] },
    hosts: [{ name: 'host1', vm: 'vm1', programs: ['connections'], fleet: null, uplink: null }],
    fleets: [],
    needs: {
      // Of one process: the connections are spread over as many as it takes.
      descriptors_count: PROCESS_DESCRIPTORS + namespaces,
      neighbours_count: 0,
      // The enclosure's and the one that the others are made from.
      namespaces_count: namespaces + 2,
      memory_bytes: connections * CONNECTION_BYTES + namespaces * NAMESPACE_BYTES + PROGRAM_BYTES,
      programs_count: 1,
      // The loader's are laid out on the host itself.
      tasks_count: 0,
      disk_bytes: RUN_DISK_BYTES + samplesDiskBytes(scenario, 1),
    },
  }
}
