// Rules between keys of the controller's configuration: ids within the topology, no repeats, addresses that suffice.

import { parseIpv4 } from '../base/ipv4.ts'
import type { ControllerTable } from './controller-schema.ts'
import type { Path } from './locate.ts'
import type { Problems } from './problems.ts'
import { routeEdges } from './route-shape.ts'

type Edge = readonly [number, number]

/** Checks what names node ids. `nodesCount` is null where the topology itself is wrong or not given. */
export function checkIds(table: ControllerTable, nodesCount: number | null, path: Path, problems: Problems): void {
  const within = (at: Path, id: number): void => {
    if (nodesCount !== null && id > nodesCount)
      problems.add({
        path: [...path, ...at],
        value: id,
        limit: `ids from 1 to ${nodesCount}`,
        problem: `is beyond the topology's ${nodesCount} nodes`,
      })
  }
  const once = new Map<string, number>()
  const unique = (list: string, index: number, what: string): void => {
    const first = once.get(`${list} ${what}`)
    if (first === undefined) once.set(`${list} ${what}`, index)
    else problems.add({ path: [...path, list, index], problem: `repeats ${what} of ${list}[${first}]` })
  }
  for (const list of ['link_rates', 'flows'] as const)
    table[list].forEach((item, index) => {
      within([list, index, 'src_node_id'], item.src_node_id)
      within([list, index, 'dst_node_id'], item.dst_node_id)
      if (item.src_node_id === item.dst_node_id)
        problems.add({
          path: [...path, list, index, 'dst_node_id'],
          value: item.dst_node_id,
          problem: 'must differ from src_node_id',
        })
      if (list === 'link_rates') unique(list, index, `link ${item.src_node_id} to ${item.dst_node_id}`)
    })
  table.nodes.forEach((node, index) => {
    within(['nodes', index, 'node_id'], node.node_id)
    unique('nodes', index, `node_id ${node.node_id}`)
  })
  table.routes.forEach(({ route }, index) => {
    for (const id of new Set(route.flat())) within(['routes', index, 'route'], id)
  })
}

/** Flow lengths and what they need; the same cases make Nextmini panic at start. */
export function checkFlows(table: ControllerTable, path: Path, problems: Problems): void {
  table.flows.forEach(({ flow_spec: spec }, index) => {
    const at = [...path, 'flows', index, 'flow_spec']
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
