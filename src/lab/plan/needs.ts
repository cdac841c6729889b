// What a run takes of the machine that it is on, counted before anything is made: of a fleet here, of soaks and loads
// of connections in their own plans. A test runs each kind of fleet within limits of just these figures. Pure.

import { hasTraffic } from '../../config/has-traffic.ts'
import type { Scenario } from '../../config/types.ts'
import type { FleetPlan, Plan } from '../../plan.ts'
import { isLossless } from '../../protocol/traffic.ts'
import { distanceFormula } from '../../topology/distance.ts'
import { farthest } from '../../topology/routes.ts'
import type { Topology } from '../../topology/types.ts'

export type Needs = Plan['needs']

/** Node.js, the addon's netlink sockets, eventfds and epoll sets, console files and channels: 47 to 60, doubled. */
export const PROCESS_DESCRIPTORS = 128
/** Of `nslab run`: what a fleet more adds to them. */
const HOST_DESCRIPTORS = 4
/**
 * Of a node in the dataplane: its namespace, its control connection, its link listener. Link ends come on top, and
 * where it has them the file of its TUN interface, and its max server.
 */
const NODE_DESCRIPTORS = 3
/** In max mode a stream has an end at both nodes; one that a node relays has two, and a pipe between them. */
const STREAM_END_DESCRIPTORS = 1
const RELAY_DESCRIPTORS = 4
/** Of a fleet: kRelaysMax of native/engine/max/loop.h. What is beyond goes in links. */
const RELAYS_MAX = 4096

/** Entries that commands in a node may add: its own and its peer's on the bridge. Planned entries are permanent. */
const NODE_DYNAMIC_NEIGHBOURS = 2

/** While nodes die: what is theirs is gone from the kernel later than another namespace is made in its place. */
const SPARE_NAMESPACES = 4

/**
 * Bytes of a node: 330 kB of the kernel, and what the programs keep of it. 0.29 to 0.38 MB for the whole of a ring of
 * 800, by their number.
 */
const NODE_BYTES = 400_000
/** Anonymous memory of a Node.js program in a small run: 22 to 34 MB, and as much of what its files are mapped from. */
const PROGRAM_BYTES = 60e6
/** A private PostgreSQL: 15 to 25 MB. */
const DATABASE_BYTES = 30e6
/** What waits in a fleet's lanes and sockets: 100 MB were seen where one source sent more than its link took. */
const TRAFFIC_BYTES = 100e6

/** Threads of a Node.js program but those that it has one a processor: Node's own 11 or 12, and the addon's. */
export const PROGRAM_TASKS = 16
/** Launchers, PostgreSQL's own processes, and one a connection: 8 to 12. */
export const DATABASE_TASKS = 16

/** Logs, the reserve for the report, and a private database without rows (40 MB). */
export const RUN_DISK_BYTES = 64 * 2 ** 20
/** Of a node: its part of the plan, its events, link ends and rows. 3.4 kB in a ring of 800. */
const NODE_DISK_BYTES = 6000
/** Of a flow: its part of the plan, its row, what became of its packets. */
const FLOW_DISK_BYTES = 2000
/** A program's part of a sample: 200 bytes; of a fleet with traffic its totals, a second or so apart, 800. */
const SAMPLED_BYTES = 300
const TOTALS_BYTES = 1000

/** What it takes to make room for a run's samples. */
export const samplesDiskBytes = ({ run }: Scenario, programsCount: number): number =>
  Math.ceil(run.holdS / run.sampleIntervalS) * SAMPLED_BYTES * (programsCount + 1)

/** What a fleet, or several on this machine, takes. `hostsCount`: fabric roots. */
export function fleetNeeds(
  scenario: Scenario,
  fleets: readonly FleetPlan[],
  topology: Topology,
  hostsCount: number,
): Needs {
  const { nodesCount } = topology
  const { flows } = scenario.controller
  const programsCount = fleets.length + 1
  const isWithTraffic = hasTraffic(scenario)
  return {
    descriptors_count: Math.max(
      PROCESS_DESCRIPTORS + HOST_DESCRIPTORS * hostsCount,
      // The controller holds a connection a node.
      PROCESS_DESCRIPTORS + nodesCount,
      ...fleets.map((fleet, index) => fleetDescriptors(scenario, fleet, index, topology)),
    ),
    neighbours_count: NODE_DYNAMIC_NEIGHBOURS * nodesCount,
    // Several are joined by a segment, which has one of its own.
    namespaces_count: nodesCount + hostsCount + (hostsCount > 1 ? 1 : 0) + SPARE_NAMESPACES,
    memory_bytes:
      NODE_BYTES * nodesCount +
      PROGRAM_BYTES * programsCount +
      DATABASE_BYTES +
      (isWithTraffic ? TRAFFIC_BYTES * fleets.length : 0),
    programs_count: programsCount,
    tasks_count: DATABASE_TASKS,
    disk_bytes:
      RUN_DISK_BYTES +
      NODE_DISK_BYTES * nodesCount +
      FLOW_DISK_BYTES * flows.length +
      samplesDiskBytes(scenario, programsCount) +
      (isWithTraffic ? TOTALS_BYTES * Math.ceil(scenario.run.holdS) * fleets.length : 0),
  }
}

function fleetDescriptors(
  scenario: Scenario,
  { nodeIdOffset, nNodes }: FleetPlan,
  index: number,
  topology: Topology,
): number {
  const config = scenario.hosts.dataplanes[index] ?? scenario.dataplane
  const linkEnds =
    (topology.offsets[nodeIdOffset + nNodes + 1] as number) - (topology.offsets[nodeIdOffset + 1] as number)
  const tuns = config.engine.tun === 'on' ? nNodes : 0
  return (
    PROCESS_DESCRIPTORS +
    NODE_DESCRIPTORS * nNodes +
    linkEnds +
    tuns +
    maxDescriptors(scenario, { firstId: nodeIdOffset + 1, nNodes, isMax: config.operatingMode === 'max' }, topology)
  )
}

interface MaxFleet {
  readonly firstId: number
  readonly nNodes: number
  /** Its nodes, unless the controller's configuration says otherwise. */
  readonly isMax: boolean
}

/** Max servers, and the streams of all flows if each of them has one at every node of its way that is in max mode. */
function maxDescriptors({ controller }: Scenario, { firstId, nNodes, isMax }: MaxFleet, topology: Topology): number {
  const isHere = (id: number): boolean => id >= firstId && id < firstId + nNodes
  const said = new Map(
    controller.nodes.filter(({ nodeId }) => isHere(nodeId)).map(node => [node.nodeId, node.operatingMode]),
  )
  const others = [...said.values()].filter(mode => mode === 'max').length
  const servers = isMax ? nNodes - said.size + others : others
  if (servers === 0) return 0
  const hopsOf = hopsIn(controller, topology)
  let ends = 0
  let relays = 0
  for (const [from, to] of controller.flows.flatMap(flow => waysOf(flow, controller))) {
    ends += 2 * STREAM_END_DESCRIPTORS
    relays += Math.min(hopsOf(from, to) - 1, servers)
  }
  return servers + ends + RELAY_DESCRIPTORS * Math.min(relays, RELAYS_MAX)
}

/** A flow's streams: none of what goes to a group as such; of a payload each receiver is asked, and answers. */
function waysOf(
  { srcNodeId, dstNodeId, dstGroup, spec }: Scenario['controller']['flows'][number],
  { groups }: Scenario['controller'],
): (readonly [from: number, to: number])[] {
  const members = groups.find(({ label }) => label === dstGroup)?.members ?? []
  const ends = dstGroup === undefined ? [dstNodeId] : members
  if (isLossless(spec)) return ends.flatMap(end => [[srcNodeId, end] as const, [end, srcNodeId] as const])
  return dstGroup === undefined ? [[srcNodeId, dstNodeId]] : []
}

/** Hops that a flow may take, at most: by formula on shortest paths, else no more than any way has. */
function hopsIn(controller: Scenario['controller'], topology: Topology): (from: number, to: number) => number {
  const distance = distanceFormula(controller.topology)
  const longest = controller.routes.reduce((most, edges) => Math.max(most, edges.length), 0)
  if (distance !== null) return (from, to) => Math.max(distance(from, to), longest)
  // No shortest path is longer than out to a node and back again.
  const most = Math.max(longest, 2 * farthest(topology, 1))
  return () => most
}

/** Of a ring, for use without a plan: the parts that grow with its nodes, and the others. */
export const RING_COSTS = {
  descriptors: { fixed: PROCESS_DESCRIPTORS, perNode: NODE_DESCRIPTORS + 2 },
  namespaces: { fixed: 1 + SPARE_NAMESPACES, perNode: 1 },
  neighbours: { fixed: 0, perNode: NODE_DYNAMIC_NEIGHBOURS },
  memoryBytes: { fixed: 2 * PROGRAM_BYTES + DATABASE_BYTES, perNode: NODE_BYTES },
  diskBytes: { fixed: RUN_DISK_BYTES, perNode: NODE_DISK_BYTES },
} as const

/** What a ring of so many nodes on one host takes. */
export function needsForNodes(nodesCount: number): Needs {
  const of = ({ fixed, perNode }: { fixed: number; perNode: number }): number => fixed + perNode * nodesCount
  return {
    descriptors_count: of(RING_COSTS.descriptors),
    neighbours_count: of(RING_COSTS.neighbours),
    namespaces_count: of(RING_COSTS.namespaces),
    memory_bytes: of(RING_COSTS.memoryBytes),
    programs_count: 2,
    tasks_count: DATABASE_TASKS,
    disk_bytes: of(RING_COSTS.diskBytes),
  }
}
