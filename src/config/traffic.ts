// Traffic of a scenario: its tables [[flow]], [[link]] and [[group]] on top of what its controller's own keys say.

import { resolveRoute } from '../topology/explicit-routes.ts'
import { makeTopology } from '../topology/make.ts'
import { readFlows } from './flows.ts'
import { checkPool, readGroups } from './groups.ts'
import { readLinks } from './links.ts'
import type { Problems, TomlTable } from './problems.ts'
import type { FlowTable, GroupTable, LinkTable } from './traffic-schema.ts'
import type { ControllerConfig } from './types.ts'

/** The tables by their names in a scenario. */
const TRAFFIC_TABLES = ['flow', 'link', 'group'] as const

export interface TrafficTables {
  readonly flow: readonly FlowTable[]
  readonly link: readonly LinkTable[]
  readonly group: readonly GroupTable[]
  readonly seed: number
}

/**
 * The controller with the flows, links and groups of the scenario's tables. `bad`: keys of the scenario in which
 * something is wrong already; a topology that is wrong has no nodes, and nothing is checked against it.
 */
export function withTraffic(
  controller: ControllerConfig,
  tables: TrafficTables,
  bad: ReadonlySet<string>,
  problems: Problems,
): ControllerConfig {
  if (TRAFFIC_TABLES.every(key => tables[key].length === 0)) return controller
  const topology = makeTopology(controller.topology)
  const { nodesCount } = topology
  if (nodesCount === 0) return controller
  const groups = [
    ...controller.groups,
    ...(bad.has('group') ? [] : readGroups(tables.group, controller.groups, topology, ['group'], problems)),
  ]
  checkPool(controller, groups.length, ['controller'], problems)
  // What a wrong group makes wrong needs no second problem.
  const skipsFlows = bad.has('flow') || bad.has('group')
  const plan = { nodesCount, groups, seed: tables.seed }
  return {
    ...controller,
    groups,
    links: bad.has('link') ? controller.links : readLinks(tables.link, controller, topology, ['link'], problems),
    flows: [...controller.flows, ...(skipsFlows ? [] : readFlows(tables.flow, plan, ['flow'], problems))],
  }
}

/** A fleet's tables beside what has no fleet. */
export function refuseTraffic(raw: TomlTable, section: string, problems: Problems): void {
  for (const key of TRAFFIC_TABLES)
    if (raw[key] !== undefined)
      problems.add({ path: [key], problem: `does not go with [${section}]: only a fleet's nodes carry traffic` })
}

/** What is taken otherwise than it reads: flows that no route serves. */
export function trafficWarnings({ flows, routes, routing }: ControllerConfig): string[] {
  if (routing !== null) return []
  const served = new Set(
    routes.flatMap(edges => {
      const { sourceId, sinks } = resolveRoute(edges)
      return sinks.map(sink => `${sourceId} ${sink}`)
    }),
  )
  const lost = flows.filter(flow => flow.dstGroup === undefined && !served.has(`${flow.srcNodeId} ${flow.dstNodeId}`))
  const [first] = lost
  if (first === undefined) return []
  const { srcNodeId, dstNodeId } = first
  const others = lost.length === 1 ? '' : `, nor for ${lost.length - 1} others`
  return [
    `there is no route for the flow from node ${srcNodeId} to ${dstNodeId}${others}: ` +
      'set routing = { protocol = "shortest_path" }, or list routes',
  ]
}
