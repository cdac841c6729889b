// A token's walk through the nodes of this fleet: whoever is handed it says so and hands it on.
// Who has had it in which order is judged elsewhere, from what the fleets say.

import type { TokenEvent } from '../native/links.ts'
import type { FleetEvent } from './fleet.ts'
import type { FleetNode } from './fleet-node.ts'
import { TOKENS_AGAIN_TOLD } from './limits.ts'
import type { Membership } from './membership.ts'

export interface Walk {
  readonly walk: number
  readonly first: number
  readonly second: number
  /** Of the whole ring: no token goes over more links. */
  readonly nodesCount: number
}

export class Walks {
  readonly #nodes: readonly FleetNode[]
  readonly #links: Pick<Membership, 'sendToken'>
  readonly #emit: (event: FleetEvent, atNs?: bigint) => void
  #walk: Walk | null = null
  /** Nodes that have had the token of this walk. */
  readonly #visited = new Set<number>()
  #again = 0

  /** `nodes` may still be empty. */
  constructor(
    nodes: readonly FleetNode[],
    links: Pick<Membership, 'sendToken'>,
    emit: (event: FleetEvent, atNs?: bigint) => void,
  ) {
    this.#nodes = nodes
    this.#links = links
    this.#emit = emit
  }

  /** From now on only tokens of this walk count. Starts it where its first node is one of these. */
  begin(walk: Walk): void {
    this.#walk = walk
    this.#visited.clear()
    this.#again = 0
    if (this.#find(walk.first) === undefined) return
    this.#emit({ kind: 'walk_started', walk: walk.walk, node_id: walk.first })
    if (walk.nodesCount > 1) this.#links.sendToken(walk.first, walk.second, walk.walk, 1)
    // In a ring of one the node is its own next one: there is no link to hand the token on by.
    else this.#emit({ kind: 'token_passed', walk: walk.walk, node_id: walk.first, from_id: walk.first, hops: 1 })
  }

  /** A node was handed a token, or could not hand one on. Any peer can say any token: it goes on once a node. */
  see({ kind, nodeId, peerId, walk: id, hops, reason, atNs }: TokenEvent): void {
    const walk = this.#walk
    if (walk === null || id !== walk.walk) return
    if (kind === 'token_unsent') {
      this.#stuck(nodeId, peerId, hops, reason, atNs)
      return
    }
    const isAgain = this.#visited.has(nodeId)
    if (isAgain && this.#again++ >= TOKENS_AGAIN_TOLD) return
    this.#visited.add(nodeId)
    this.#emit({ kind: 'token_passed', walk: id, node_id: nodeId, from_id: peerId, hops }, atNs)
    if (isAgain || nodeId === walk.first || hops >= walk.nodesCount) return
    const next = this.#next(nodeId, peerId, walk.nodesCount)
    if (next === undefined) this.#stuck(nodeId, 0, hops + 1, 'no other neighbour', atNs)
    else this.#links.sendToken(nodeId, next, id, hops + 1)
  }

  /** In a ring of two the way on is the way back. */
  #next(nodeId: number, fromId: number, nodesCount: number): number | undefined {
    const peers = this.#find(nodeId)?.peers ?? []
    return nodesCount === 2 ? fromId : peers.find(id => id !== fromId)
  }

  #stuck(node_id: number, peer_id: number, hops: number, reason: string, atNs: bigint): void {
    this.#emit({ kind: 'token_stuck', walk: (this.#walk as Walk).walk, node_id, peer_id, hops, reason }, atNs)
  }

  #find(nodeId: number): FleetNode | undefined {
    const first = this.#nodes[0]
    return first === undefined ? undefined : this.#nodes[nodeId - first.nodeId]
  }
}
