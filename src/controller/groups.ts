// Groups that packets of one source go to, by number; what each node must know of their trees. Pure, O(edges of trees).

import { formatIpv4, parseIpv4 } from '../base/ipv4.ts'
import type { ControllerConfig, GroupConfig } from '../config/types.ts'
import type { ControllerMessage } from '../protocol/messages.ts'
import { compileRoute, type RouteEdges, RouteInvalid } from './routes.ts'

/** Trees are numbered in 16 bits. */
const TREE_ID_MAX = 0xffff

export interface Group {
  /** From 1 on; the configuration's are numbered by their place in it. */
  readonly id: number
  readonly label: string
  readonly srcNodeId: number
  readonly groupIp: string
  /** Rising. */
  readonly members: readonly number[]
  readonly trees: readonly { readonly treeId: number; readonly edges: RouteEdges }[]
}

/** The groups of a configuration, numbered, each with its address in the pool. */
export function groupsOf({ groups, multicastPoolBase }: ControllerConfig): Group[] {
  return groups.map(({ label, srcNodeId, members, trees }: GroupConfig, index) => ({
    id: index + 1,
    label,
    srcNodeId,
    groupIp: formatIpv4((parseIpv4(multicastPoolBase) as number) + index + 1),
    members: [...members].sort((a, b) => a - b),
    trees: trees.map((edges, treeId) => ({ treeId, edges })),
  }))
}

type GroupRoutes = Extract<ControllerMessage, { type: 'InstallGroupRoutes' }>
type Trees = GroupRoutes['routes'][number][]

/** What one node has to do with groups: by number, the trees through it and whether it is a member. */
type Parts = Map<number, { readonly group: Group; readonly trees: Trees; readonly isMember: boolean }>

export class GroupBook {
  readonly #nodesCount: number
  #groups = new Map<number, Group>()
  #byNode = new Map<number, Parts>()
  #text = '[]'

  /** `nodesCount` 0: any id is in the plan. */
  constructor(nodesCount: number) {
    this.#nodesCount = nodesCount
  }

  get(id: number): Group | undefined {
    return this.#groups.get(id)
  }

  /** What a node is told when it knows nothing yet; `withdrawn`: groups that it may know trees of. */
  messagesFor(nodeId: number, withdrawn: readonly Group[] = []): ControllerMessage[] {
    const parts = [...(this.#byNode.get(nodeId)?.values() ?? [])]
    const gone = withdrawn.filter(({ id }) => !this.#hasTrees(nodeId, id))
    if (parts.length === 0 && withdrawn.length === 0) return []
    const directory: ControllerMessage = {
      type: 'InstallGroupDirectory',
      groups: parts.map(({ group: { id, groupIp }, isMember }) => ({
        group_id: id,
        group_ip: groupIp,
        member: isMember,
      })),
    }
    const routes = parts.filter(({ trees }) => trees.length > 0).map(({ group, trees }) => routesOf(group, trees))
    return [directory, ...gone.map(group => routesOf(group, [])), ...routes]
  }

  /**
   * These are all groups there are. Returns the ids of nodes that have a part in any, or had one, with the groups each
   * had; none where nothing has changed. `onInvalid`: a group that can be none, which is left out.
   */
  replace(groups: readonly Group[], onInvalid: (reason: string) => void): Map<number, Group[]> {
    const text = JSON.stringify(groups)
    if (text === this.#text) return new Map()
    this.#text = text
    const before = this.#byNode
    this.#groups = new Map()
    this.#byNode = new Map()
    for (const group of groups) {
      try {
        this.#add(group)
      } catch (error) {
        if (!(error instanceof RouteInvalid)) throw error
        onInvalid(error.message)
      }
    }
    const concerned = new Map<number, Group[]>()
    for (const id of [...before.keys(), ...this.#byNode.keys()])
      concerned.set(
        id,
        [...(before.get(id)?.values() ?? [])].map(({ group }) => group),
      )
    return concerned
  }

  #hasTrees(nodeId: number, groupId: number): boolean {
    return (this.#byNode.get(nodeId)?.get(groupId)?.trees.length ?? 0) > 0
  }

  /** Throws RouteInvalid with nothing added. */
  #add(group: Group): void {
    const { id, label, srcNodeId, groupIp, members, trees } = group
    if (id < 1) throw new RouteInvalid(`group "${label}" has the number ${id}, it must be above 0`)
    if (parseIpv4(groupIp) === null)
      throw new RouteInvalid(`group "${label}" has the address ${JSON.stringify(groupIp)}, it must be an IPv4 address`)
    const through = new Map<number, Trees>([srcNodeId, ...members].map(node => [node, []]))
    for (const node of through.keys())
      if (!Number.isInteger(node) || node < 1 || (this.#nodesCount > 0 && node > this.#nodesCount))
        throw new RouteInvalid(`group "${label}" names node ${node}, which is not in the plan`)
    for (const { treeId, edges } of trees) {
      if (treeId > TREE_ID_MAX)
        throw new RouteInvalid(`tree ${treeId} of group "${label}" has a number above ${TREE_ID_MAX}`)
      const entries = compileRoute(treeId, edges, this.#nodesCount, `tree ${treeId} of group "${label}"`)
      for (const [node, { src_node_id, next_hops }] of entries) {
        if (src_node_id !== srcNodeId)
          throw new RouteInvalid(`tree ${treeId} of group "${label}" starts at node ${src_node_id}, not ${srcNodeId}`)
        const known = through.get(node) ?? []
        known.push({ tree_id: treeId, next_hops })
        through.set(node, known)
      }
    }
    this.#groups.set(id, group)
    const memberOf = new Set(members)
    for (const [node, own] of through) {
      const parts = this.#byNode.get(node) ?? new Map()
      parts.set(id, { group, trees: own, isMember: memberOf.has(node) })
      this.#byNode.set(node, parts)
    }
  }
}

const routesOf = ({ id, srcNodeId }: Group, routes: Trees): GroupRoutes => ({
  type: 'InstallGroupRoutes',
  group_id: id,
  src_node_id: srcNodeId,
  routes,
})
