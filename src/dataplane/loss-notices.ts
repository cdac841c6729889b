// Tells the controller which nodes of the fleet have died. Their own connections can't: whoever lost its interface is
// silent, and the controller would ask for half a minute. So others of the fleet say it.

import type { FleetNode } from './fleet-node.ts'

/** Who say each loss: one of them may be dying of the same, unnoticed yet. */
const TELLERS_COUNT = 3

/** As long as the protocol lets it be. */
const REASON_CHARS_MAX = 255

interface Loss {
  readonly nodeId: number
  readonly incarnation: number
  readonly reason: string
}

export class LossNotices {
  readonly #nodes: readonly FleetNode[]
  #untold: Loss[] = []
  #timer: NodeJS.Immediate | null = null

  /** `nodes` may still be empty. */
  constructor(nodes: readonly FleetNode[]) {
    this.#nodes = nodes
  }

  /**
   * Has it told once every loss that was noticed at the same time is known, so that none of the lost is to tell it. Of
   * a node that the controller has not heard of there is nothing to tell.
   */
  tell({ nodeId, incarnation, greeted }: FleetNode, reason: string): void {
    if (!greeted) return
    this.#untold.push({ nodeId, incarnation, reason: reason.slice(0, REASON_CHARS_MAX) })
    this.#timer ??= setImmediate(() => this.#flush())
  }

  close(): void {
    if (this.#timer !== null) clearImmediate(this.#timer)
    this.#timer = null
    this.#untold = []
  }

  #flush(): void {
    this.#timer = null
    const losses = this.#untold
    this.#untold = []
    for (const teller of this.#tellers())
      for (const { nodeId, incarnation, reason } of losses) {
        const message = { type: 'NodeLost', node_id: teller.nodeId, lost_node_id: nodeId, incarnation, reason } as const
        teller.connection?.send(message)
      }
  }

  /** Far from each other, so that they are not all of one bridge where there are several. */
  #tellers(): Set<FleetNode> {
    const joined = this.#nodes.filter(({ stage, connection }) => stage === 'joined' && connection !== null)
    const places = Array.from({ length: TELLERS_COUNT }, (_, index) => index / (TELLERS_COUNT - 1))
    return new Set(places.flatMap(place => joined[Math.round(place * (joined.length - 1))] ?? []))
  }
}
