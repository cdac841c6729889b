// Rules between keys of the controller's configuration: ids within the topology, no repeats, addresses that suffice.

import { parseIpv4 } from '../base/ipv4.ts'
import { isEdge, makeTopology } from '../topology/make.ts'
import type { TopologyConfig } from '../topology/types.ts'
import type { ControllerTable } from './controller-schema.ts'
import { checkGroup, checkLabel } from './groups.ts'
import type { Path } from './locate.ts'
import type { Problems } from './problems.ts'
import { routeEdges } from './route-shape.ts'
import type { ControllerConfig, GroupConfig } from './types.ts'

type Edge = readonly [number, number]

/** Checks what names node ids. `nodesCount` is null where the topology itself is wrong or not given. */
export function checkIds(table: ControllerTable, nodesCount: number | null, path: Path, problems: Problems): void {
  const within = (at: Path, id: number): void => {
    if (nodesCount !== null) problems.mustBeNode([...path, ...at], id, nodesCount)
  }
  const once = new Map<string, number>()
  const unique = (list: string, index: number, what: string): void => {
    const first = once.get(`${list} ${what}`)
    if (first === undefined) once.set(`${list} ${what}`, index)
    else problems.add({ path: [...path, list, index], problem: `repeats ${what} of ${list}[${first}]` })
  }
  for (const list of ['link_rates', 'links', 'flows'] as const)
    table[list].forEach((item, index) => {
      within([list, index, 'src_node_id'], item.src_node_id)
      if (item.dst_node_id === undefined) return
      within([list, index, 'dst_node_id'], item.dst_node_id)
      if (item.src_node_id === item.dst_node_id)
        problems.add({
          path: [...path, list, index, 'dst_node_id'],
          value: item.dst_node_id,
          problem: 'must differ from src_node_id',
        })
      if (list !== 'flows') unique(list, index, `link ${item.src_node_id} to ${item.dst_node_id}`)
    })
  table.nodes.forEach((node, index) => {
    within(['nodes', index, 'node_id'], node.node_id)
    unique('nodes', index, `node_id ${node.node_id}`)
  })
  table.routes.forEach(({ route }, index) => {
    for (const id of new Set(route.flat())) within(['routes', index, 'route'], id)
  })
}

/**
 * Where flows go; flow lengths and what they need, of which the same cases make Nextmini panic at start. `groups`: those
 * of the table.
 */
export function checkFlows(
  table: ControllerTable,
  groups: readonly GroupConfig[],
  path: Path,
  problems: Problems,
): void {
  table.flows.forEach(({ flow_spec: spec, src_node_id, dst_node_id, dst_group }, index) => {
    const at = [...path, 'flows', index, 'flow_spec']
    if ((dst_node_id === undefined) === (dst_group === undefined))
      problems.add({ path: [...path, 'flows', index], problem: 'needs either dst_node_id or dst_group' })
    const group = groups.find(({ label }) => label === dst_group)
    if (dst_group !== undefined && group?.srcNodeId !== src_node_id)
      problems.add({
        path: [...path, 'flows', index, 'dst_group'],
        value: dst_group,
        problem:
          group === undefined
            ? 'is the label of no group'
            : `is a group whose source is node ${group.srcNodeId}, not node ${src_node_id}`,
      })
    const { Bytes: bytes, Duration: duration } = spec.flow_len
    if ((bytes === undefined) === (duration === undefined))
      problems.mustBe([...at, 'flow_len'], spec.flow_len, 'either { Bytes = n } or { Duration = seconds }')
    const transport = spec.transport ?? table.flow_transport
    if (duration !== undefined && transport === 'lossless_unicast' && spec.flow_rate === undefined)
      problems.add({
        path: [...at, 'flow_rate'],
        problem: 'is required for a flow with a Duration over lossless_unicast',
      })
  })
}

/** Groups and shapes of links, against the topology; null where that is wrong itself, or not given. */
export function readTraffic(
  table: ControllerTable,
  config: TopologyConfig | null,
  path: Path,
  problems: Problems,
): Pick<ControllerConfig, 'groups' | 'links'> {
  const isUsed = table.groups.length > 0 || table.links.length > 0
  const topology = config === null || !isUsed ? null : makeTopology(config)
  const against = topology === null || topology.nodesCount === 0 ? null : topology
  const labels = new Set<string>()
  const groups = table.groups.map(({ src_node_id, ...group }) => ({ ...group, srcNodeId: src_node_id }))
  groups.forEach((group, index) => {
    checkGroup(group, against, 'src_node_id', [...path, 'groups', index], problems)
    checkLabel(group.label, labels, [...path, 'groups', index], problems)
  })
  const links = table.links.map(({ src_node_id: srcNodeId, dst_node_id: dstNodeId, ...shape }, index) => {
    const isBeyond = against === null || Math.max(srcNodeId, dstNodeId) > against.nodesCount || srcNodeId === dstNodeId
    if (!isBeyond && !isEdge(against, srcNodeId, dstNodeId))
      problems.add({
        path: [...path, 'links', index],
        problem: `there is no link between ${srcNodeId} and ${dstNodeId} in the topology`,
      })
    return { srcNodeId, dstNodeId, shape }
  })
  return { groups, links }
}

/** Every explicit route as edges; a route with a problem is left out. */
export function readRoutes(table: ControllerTable, path: Path, problems: Problems): Edge[][] {
  return table.routes.flatMap(({ route }, index) => {
    const edges = routeEdges(route)
    if (typeof edges !== 'string') return [[...edges]]
    problems.add({ path: [...path, 'routes', index, 'route'], value: route, problem: edges })
    return []
  })
}

/** Base addresses plus ids must stay within the mask's network, and within 32 bits. */
export function checkAddresses(table: ControllerTable, nodesCount: number, path: Path, problems: Problems): void {
  const hostMask = 0xffff_ffff - (parseIpv4(table.net_mask) as number)
  for (const key of ['base_addr', 'user_space_base_addr'] as const) {
    const host = (parseIpv4(table[key]) as number) % (hostMask + 1)
    // The broadcast address is no node's.
    const room = hostMask - 1 - host
    if (nodesCount > room)
      problems.add({
        path: [...path, key],
        value: table[key],
        problem: `has room for ${Math.max(room, 0)} of ${nodesCount} nodes within net_mask ${table.net_mask}`,
      })
  }
  const room = 0xffff_ffff - (parseIpv4(table.external_base_addr) as number)
  if (nodesCount > room)
    problems.add({
      path: [...path, 'external_base_addr'],
      value: table.external_base_addr,
      problem: `has room for ${room} nodes within 32 bits; the topology has ${nodesCount}`,
    })
}
