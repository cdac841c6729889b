// Scenario to plan: every id, name, address and size of a run, as data. Pure: the same scenario gives the same bytes.

import { checkFleetsDisjoint } from '../../addressing/disjoint.ts'
import { planFleet } from '../../addressing/fleet.ts'
import { formatIpv4, parseIpv4 } from '../../addressing/ipv4.ts'
import { gatewayOf, shardOf } from '../../addressing/shards.ts'
import { type HostUplink, planUplinks } from '../../addressing/uplinks.ts'
import { NslabError } from '../../base/errors.ts'
import type { Scenario } from '../../config/types.ts'
import type { FleetPlan, HostPlan, Plan } from '../../plan.ts'
import { makeTopology, neighboursOf } from '../../topology/make.ts'
import { firstUnreachable } from '../../topology/routes.ts'
import type { Topology } from '../../topology/types.ts'
import { planConnections } from '../connections/plan.ts'
import { canonicalJson } from './canonical-json.ts'
import { fleetNeeds } from './needs.ts'
import { planSoak } from './soak.ts'

/** Makes the plan. Throws CONFIG_INVALID for what only shows once topology and addresses are worked out. */
export function makePlan(scenario: Scenario): Plan {
  if (scenario.soak !== undefined) return planSoak(scenario, scenario.soak)
  if (scenario.connections !== undefined) return planConnections(scenario, scenario.connections)
  const topology = makeTopology(scenario.controller.topology)
  checkRouting(scenario, topology)
  const alone = planFleets(scenario, topology)
  checkFleetsDisjoint(alone)
  const { mtu } = scenario.hosts
  const uplinks = planUplinks({ fleets: alone, mtu, ...(alone.length > 1 ? { controllerHost: CONTROLLER_HOST } : {}) })
  const fleets = alone.map(fleet => ({ ...fleet, controllerAddr: controllerAddrFor(scenario, uplinks) }))
  const hosts = planHosts(fleets, uplinks)
  return {
    schema: 'nslab.plan/1',
    scenario,
    topology: { name: topology.name, nodes_count: topology.nodesCount, edges: edgesOf(topology) },
    hosts,
    fleets,
    needs: fleetNeeds(scenario, fleets, topology, hosts.length),
  }
}

/** The host that has the controller and no fleet, where there are several. */
const CONTROLLER_HOST = 'controller'

/** One host has controller and fleet; several have a fleet each, and the controller is on one of its own. */
function planHosts(fleets: readonly FleetPlan[], uplinks: readonly HostUplink[]): HostPlan[] {
  const uplinkOf = (name: string): HostUplink | null => uplinks.find(({ host }) => host === name) ?? null
  const isAlone = fleets.length === 1
  const hosts: HostPlan[] = fleets.map(({ host: name }, fleet) => ({
    name,
    vm: `vm${fleet + 1}`,
    programs: isAlone ? ['controller', 'dataplane'] : ['dataplane'],
    fleet,
    uplink: uplinkOf(name),
  }))
  const controller: HostPlan = {
    name: CONTROLLER_HOST,
    vm: CONTROLLER_HOST,
    programs: ['controller'],
    fleet: null,
    uplink: uplinkOf(CONTROLLER_HOST),
  }
  return isAlone ? hosts : [...hosts, controller]
}

/** Nodes reach a controller beside them through their gateway, any other by its address on the underlay. */
function controllerAddrFor({ dataplane, controller }: Scenario, uplinks: readonly HostUplink[]): string {
  const uplink = uplinks.find(({ host }) => host === CONTROLLER_HOST)
  return uplink === undefined ? dataplane.controllerAddr : `${uplink.address}:${controller.port}`
}

/** The text of plan.json. */
export function planToJson(plan: Plan): string {
  return canonicalJson(plan)
}

/**
 * Consecutive ids, a /22 range of its own for every fleet; the first fleets have one node more where it does not
 * divide.
 */
function planFleets(scenario: Scenario, topology: Topology): FleetPlan[] {
  const { hosts } = scenario
  const { bridgeIp: firstBridgeIp } = hosts.dataplanes[0] ?? scenario.dataplane
  const share = Math.floor(topology.nodesCount / hosts.count)
  const larger = topology.nodesCount % hosts.count
  const fleets: FleetPlan[] = []
  let nodeIdOffset = 0
  let shard = 0
  for (let host = 0; host < hosts.count; host++) {
    const own = hosts.dataplanes[host]
    const dataplane = own ?? scenario.dataplane
    const nNodes = own?.nNodes ?? (host < larger ? share + 1 : share)
    const bridgeIp = gatewayOf(parseIpv4(firstBridgeIp) as number, shard)
    if (bridgeIp > 0xffff_ffff)
      throw invalid(
        scenario,
        `hosts.count = ${hosts.count}: no addresses are left for fleet ${host + 1} from ${firstBridgeIp} on`,
      )
    const { bridgeName, mtu } = dataplane
    fleets.push({
      host: `host${host + 1}`,
      nodeIdOffset,
      nNodes,
      controllerAddr: dataplane.controllerAddr,
      fabric: planFleet({ nNodes, nodeIdOffset, bridgeIp: formatIpv4(bridgeIp), bridgeName, mtu, topology }),
    })
    nodeIdOffset += nNodes
    shard += shardOf(nNodes - 1) + 1
  }
  return fleets
}

/** Shortest paths need a way from everywhere to everywhere, explicit routes the links they use. */
function checkRouting(scenario: Scenario, topology: Topology): void {
  const { routing, routes } = scenario.controller
  const problems: string[] = []
  const lost = routing === null ? 0 : firstUnreachable(topology)
  if (lost > 0)
    problems.push(
      `controller.routing: shortest_path needs a connected topology; node ${lost} can't be reached from node 1`,
    )
  routes.forEach((edges, index) => {
    for (const [from, to] of edges)
      if (!neighboursOf(topology, from).includes(to))
        problems.push(`controller.routes[${index}].route: there is no link between ${from} and ${to} in the topology`)
  })
  if (problems.length > 0) throw invalid(scenario, ...problems)
}

function invalid(scenario: Scenario, ...problems: string[]): NslabError {
  return new NslabError('CONFIG_INVALID', { source: scenario.name, problems })
}

function edgesOf(topology: Topology): (readonly [number, number])[] {
  return Array.from(topology.a, (a, edge) => [a, topology.b[edge] as number] as const)
}
