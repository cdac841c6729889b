// The plan of a soak: one host with one program, and the schedule by its digest. Pure.

import { hasDatabase } from '../../config/soak.ts'
import type { Scenario, SoakConfig } from '../../config/types.ts'
import type { Plan } from '../../plan.ts'
import { churnNeeds, heldSockets } from '../churn/needs.ts'
import { digestOf, scheduleOf } from '../churn/schedule.ts'
import type { Schedule } from '../churn/shrink.ts'
import { DATABASE_TASKS, PROCESS_DESCRIPTORS, RUN_DISK_BYTES, samplesDiskBytes } from './needs.ts'

/** An observer's of a namespace: a netlink socket and the namespace; twice that while one takes another's place. */
const OBSERVER_DESCRIPTORS = 4
/**
 * Of an operation in churn.ndjson and observed.ndjson, and of a socket that its namespace has: 980, 1,920 and 4,440
 * bytes an operation were measured with 6, 16 and 46 sockets.
 */
const OPERATION_DISK_BYTES = { fixed: 550, socket: 90 } as const
/** A socket of a poll, as a row of the database with its index: 241 were measured. */
const ROW_DISK_BYTES = 250

/** Node.js programs beside churn, whose memory is among its own needs: soak and observer. */
const PROGRAMS_COUNT = 2
const PROGRAM_BYTES = 110e6
const DATABASE_BYTES = 56e6

/** `operations`: a schedule in place of the seed's. */
export function planSoak(scenario: Scenario, soak: SoakConfig, operations?: Schedule['operations']): Plan {
  const { churn } = soak
  const { holdS } = scenario.run
  const needs = churnNeeds(churn)
  const planned = digestOf(operations ?? scheduleOf(churn, scenario.seed, holdS))
  const isStored = hasDatabase(soak)
  return {
    schema: 'nslab.plan/1',
    scenario,
    topology: { name: 'none', nodes_count: 0, edges: [] },
    hosts: [{ name: 'host1', vm: 'vm1', programs: ['soak'], fleet: null, uplink: null }],
    fleets: [],
    churn: operations === undefined ? planned : { ...planned, operations },
    needs: {
      descriptors_count: Math.max(
        needs.descriptors_count,
        PROCESS_DESCRIPTORS + OBSERVER_DESCRIPTORS * churn.namespaces,
      ),
      neighbours_count: 0,
      namespaces_count: needs.namespaces_count + 1,
      memory_bytes: needs.memory_bytes + PROGRAMS_COUNT * PROGRAM_BYTES + (isStored ? DATABASE_BYTES : 0),
      programs_count: PROGRAMS_COUNT + 1,
      tasks_count: needs.tasks_count + (isStored ? DATABASE_TASKS : 0),
      disk_bytes:
        RUN_DISK_BYTES + samplesDiskBytes(scenario, PROGRAMS_COUNT + 1) + diskBytes(soak, planned.ops_count, holdS),
    },
  }
}

/** What is written of the operations, and by a collector into its database. */
function diskBytes(soak: SoakConfig, opsCount: number, holdS: number): number {
  const { churn, collector } = soak
  const sockets = heldSockets(churn.sockets) + churn.sockets.timeWait
  const { fixed, socket } = OPERATION_DISK_BYTES
  const lines = opsCount * (fixed + socket * sockets)
  if (!hasDatabase(soak)) return lines
  return lines + Math.ceil(holdS / collector.intervalS) * churn.namespaces * sockets * ROW_DISK_BYTES
}

/** The plan of a soak with a schedule in place of its seed's; its VMs end with it. */
export function planWithSchedule(plan: Plan, { operations, durationS }: Schedule): Plan {
  const { out: _, ...run } = plan.scenario.run
  const scenario = { ...plan.scenario, run: { ...run, holdS: durationS, keep: false } }
  return planSoak(scenario, scenario.soak as SoakConfig, operations)
}
