// The plan of a soak: one host with one program, and the schedule by its digest. Pure.

import { hasDatabase } from '../config/soak.ts'
import type { Scenario, SoakConfig } from '../config/types.ts'
import { churnNeeds } from './churn/needs.ts'
import { digestOf, scheduleOf } from './churn/schedule.ts'
import type { Schedule } from './churn/shrink.ts'
import type { Plan } from './plan-types.ts'

/** Node.js, the addon's netlink sockets, channels and console files. */
const PROCESS_DESCRIPTORS = 128
/** An observer's of a namespace: a netlink socket and the namespace; twice that while one takes another's place. */
const OBSERVER_DESCRIPTORS = 4
/** Node.js programs beside churn, whose needs have its own: soak and observer. */
const PROGRAMS_COUNT = 2
const PROGRAM_BYTES = 110e6
const DATABASE_BYTES = 56e6

export function planSoak(scenario: Scenario, soak: SoakConfig): Plan {
  const { churn } = soak
  const needs = churnNeeds(churn)
  return {
    schema: 'nslab.plan/1',
    scenario,
    topology: { name: 'none', nodes_count: 0, edges: [] },
    hosts: [{ name: 'host1', vm: 'vm1', programs: ['soak'], fleet: null, uplink: null }],
    fleets: [],
    churn: digestOf(scheduleOf(churn, scenario.seed, scenario.run.holdS)),
    needs: {
      descriptors_count: Math.max(
        needs.descriptors_count,
        PROCESS_DESCRIPTORS + OBSERVER_DESCRIPTORS * churn.namespaces,
      ),
      neighbours_count: 0,
      namespaces_count: needs.namespaces_count + 1,
      memory_bytes: needs.memory_bytes + PROGRAMS_COUNT * PROGRAM_BYTES + (hasDatabase(soak) ? DATABASE_BYTES : 0),
    },
  }
}

/** The plan of a soak with a schedule in place of its seed's; its VMs end with it. */
export function planWithSchedule(plan: Plan, { operations, durationS }: Schedule): Plan {
  const { out: _, ...run } = plan.scenario.run
  return {
    ...plan,
    scenario: { ...plan.scenario, run: { ...run, holdS: durationS, keep: false } },
    churn: { ...digestOf(operations), operations },
  }
}
