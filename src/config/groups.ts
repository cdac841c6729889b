// Groups: who packets of one source go to, and by which trees; of [[group]] in a scenario and [[groups]] in the
// controller's own file.

import { parseIpv4 } from '../base/ipv4.ts'
import { GROUP_TREES_MAX } from '../base/limits.ts'
import { isEdge } from '../topology/make.ts'
import type { Topology } from '../topology/types.ts'
import type { Path } from './locate.ts'
import type { Problems } from './problems.ts'
import { routeEdges } from './route-shape.ts'
import type { GroupTable } from './traffic-schema.ts'
import type { ControllerConfig, GroupConfig } from './types.ts'

type Edge = readonly [number, number]

/** The groups of a scenario, whose tables stand at `path`. `known`: those of the controller's own keys. */
export function readGroups(
  tables: readonly GroupTable[],
  known: readonly GroupConfig[],
  topology: Topology,
  path: Path,
  problems: Problems,
): GroupConfig[] {
  const groups = tables.map(({ label, source, members, trees }) => ({
    label,
    srcNodeId: source,
    members: membersOf(members, source, topology.nodesCount),
    trees,
  }))
  const labels = new Set(known.map(({ label }) => label))
  groups.forEach((group, index) => {
    checkGroup(group, topology, 'source', [...path, index], problems)
    checkLabel(group.label, labels, [...path, index], problems)
  })
  return groups
}

function membersOf(members: number | readonly number[] | 'all', source: number, nodesCount: number): number[] {
  if (members === 'all') return Array.from({ length: nodesCount }, (_, index) => index + 1).filter(id => id !== source)
  return typeof members === 'number' ? [members] : [...members]
}

/** A label is one group's. `labels`: those before, to which it is added. */
export function checkLabel(label: string, labels: Set<string>, path: Path, problems: Problems): void {
  if (labels.has(label))
    problems.add({ path: [...path, 'label'], value: label, problem: 'is the label of another group too' })
  labels.add(label)
}

/**
 * Members are in the plan and none is the source, and each tree leads from the source to all of them along edges of the
 * topology, without a cycle. `sourceKey`: what the table calls the source. Null: no topology to check against.
 */
export function checkGroup(
  group: GroupConfig,
  topology: Topology | null,
  sourceKey: string,
  path: Path,
  problems: Problems,
): void {
  const { srcNodeId: source, members, trees } = group
  const nodesCount = topology?.nodesCount ?? Number.POSITIVE_INFINITY
  problems.mustBeNode([...path, sourceKey], source, nodesCount)
  for (const id of members) problems.mustBeNode([...path, 'members'], id, nodesCount)
  if (members.includes(source))
    problems.add({ path: [...path, 'members'], value: source, problem: 'has the source, which sends to the others' })
  if (new Set(members).size < members.length)
    problems.add({ path: [...path, 'members'], value: members, problem: 'names a node twice' })
  if (members.length === 0) problems.mustBe([...path, 'members'], members, 'at least one node')
  if (trees.length === 0 || trees.length > GROUP_TREES_MAX)
    problems.mustBe([...path, 'trees'], trees.length, `1 to ${GROUP_TREES_MAX} trees`)
  trees.forEach((edges, tree) => {
    const problem = treeProblem(edges, source, members, topology)
    if (problem !== null) problems.add({ path: [...path, 'trees', tree], value: edges, problem })
  })
}

function treeProblem(
  edges: readonly Edge[],
  source: number,
  members: readonly number[],
  topology: Topology | null,
): string | null {
  if (edges.length === 0) return 'has no edges'
  if (topology !== null)
    for (const [x, y] of edges)
      if (Math.max(x, y) > topology.nodesCount || !isEdge(topology, x, y))
        return `there is no link between ${x} and ${y} in the topology`
  const shape = routeEdges(edges)
  if (typeof shape === 'string') return shape
  const entered = new Set(edges.map(([, to]) => to))
  const root = edges.find(([from]) => !entered.has(from))?.[0]
  if (root !== source) return `starts at node ${root}; the source is node ${source}`
  // What has one source and no cycle is reached from there as a whole.
  const missed = members.filter(id => !entered.has(id))
  return missed.length === 0 ? null : `does not reach member ${missed.slice(0, 3).join(', ')}`
}

/** Every group has an address: the pool's base plus the group's number, within the pool. */
export function checkPool(
  { multicastPoolBase: base, multicastPoolMask: mask }: ControllerConfig,
  groupsCount: number,
  path: Path,
  problems: Problems,
): void {
  const hostMask = 0xffff_ffff - (parseIpv4(mask) as number)
  const room = hostMask - ((parseIpv4(base) as number) % (hostMask + 1))
  if (groupsCount > room)
    problems.add({
      path: [...path, 'multicast_pool_base'],
      value: base,
      problem: `has room for ${room} of ${groupsCount} groups within multicast_pool_mask ${mask}`,
    })
}
