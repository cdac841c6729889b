// The plan of a soak: one host with one program, and the schedule by its digest. Pure.

import type { ChurnSpec } from '../config/churn.ts'
import { hasDatabase } from '../config/soak.ts'
import type { Scenario, SoakConfig } from '../config/types.ts'
import { digestOf, scheduleOf } from './churn/schedule.ts'
import type { Plan } from './plan-types.ts'

/** Both ends of a connection. */
const CONNECTION_DESCRIPTORS = 2
/** The kernel's share of a namespace, and of a socket with its buffers. */
const NAMESPACE_BYTES = 330_000
const SOCKET_BYTES = 10_000
/** Dropped ones that the kernel has not removed yet are there, too. */
const LEAVING_RATIO = 0.5

/** Node.js, the addon's netlink sockets, channels and console files. */
const PROCESS_DESCRIPTORS = 128
/** An observer's of a namespace: a netlink socket and the namespace; twice that while one takes another's place. */
const OBSERVER_DESCRIPTORS = 4
/** Of a Node.js program: soak, churn and observer. */
const PROGRAMS_COUNT = 3
const PROGRAM_BYTES = 110e6
const DATABASE_BYTES = 56e6

export function planSoak(scenario: Scenario, soak: SoakConfig): Plan {
  const { churn } = soak
  const sockets = socketsOf(churn)
  const namespaces = Math.ceil(churn.namespaces * (1 + LEAVING_RATIO))
  return {
    schema: 'nslab.plan/1',
    scenario,
    topology: { name: 'none', nodes_count: 0, edges: [] },
    hosts: [{ name: 'host1', vm: 'vm1', programs: ['soak'], fleet: null, uplink: null }],
    fleets: [],
    churn: digestOf(scheduleOf(churn, scenario.seed, scenario.run.holdS)),
    needs: {
      descriptors_count: PROCESS_DESCRIPTORS + churn.namespaces * Math.max(1 + sockets, OBSERVER_DESCRIPTORS),
      neighbours_count: 0,
      namespaces_count: namespaces + 1,
      memory_bytes:
        namespaces * (NAMESPACE_BYTES + sockets * SOCKET_BYTES) +
        PROGRAMS_COUNT * PROGRAM_BYTES +
        (hasDatabase(soak) ? DATABASE_BYTES : 0),
    },
  }
}

/** Of one namespace. */
const socketsOf = ({ sockets: { pairs, short, halfClosed, timeWait, listeners } }: ChurnSpec): number =>
  CONNECTION_DESCRIPTORS * (pairs + short + halfClosed + timeWait) + listeners
