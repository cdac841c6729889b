// How links' directions are shaped: rates of the configuration, shapes of rows and of changes while it runs. The last
// word on a direction counts, wherever it came from. Pure, O(directions).

import type { ControllerConfig } from '../config/types.ts'
import type { ControllerMessage, LinkRate } from '../protocol/messages.ts'
import type { LinkShape } from '../protocol/traffic.ts'

/** One direction of a link, as rows have it. */
export type LinkRow = ControllerConfig['links'][number]

/** told: the node was told. away: it is not connected, and will be told when it is. unknown: there is no such link. */
export type LinkOutcome = 'told' | 'away' | 'unknown'

type SetLink = Extract<ControllerMessage, { type: 'SetLink' }>

/** The same for equal shapes: rows keep no order of keys. */
const textOf = (shape: LinkShape | null): string => (shape === null ? '' : JSON.stringify(Object.entries(shape).sort()))

export class LinkBook {
  readonly #rates = new Map<number, Map<number, LinkRate>>()
  readonly #shapes = new Map<number, Map<number, LinkShape>>()
  /** What rows said last, by source and destination: one that says the same again undoes no change made meanwhile. */
  readonly #rows = new Map<number, Map<number, string>>()

  constructor(rates: ControllerConfig['linkRates']) {
    for (const { srcNodeId, dstNodeId, rate } of rates) put(this.#rates, srcNodeId, dstNodeId, rate)
  }

  /** What a node is told of its links. */
  messagesFor(nodeId: number): ControllerMessage[] {
    const shapes = this.#shapes.get(nodeId)
    const messages: ControllerMessage[] = []
    for (const [peerId, rate] of this.#rates.get(nodeId) ?? [])
      if (shapes?.has(peerId) !== true) messages.push({ type: 'SetLinkRate', node_id: peerId, rate })
    for (const [peerId, shape] of shapes ?? []) messages.push({ type: 'SetLink', node_id: peerId, shape })
    return messages
  }

  /** As it is now. */
  shapeOf(srcNodeId: number, dstNodeId: number): LinkShape {
    const configured = this.#rates.get(srcNodeId)?.get(dstNodeId)
    return this.#shapes.get(srcNodeId)?.get(dstNodeId) ?? configured ?? {}
  }

  /** From now on the direction has this shape; null: what the configuration gives it. */
  set(srcNodeId: number, dstNodeId: number, shape: LinkShape | null): SetLink {
    put(this.#shapes, srcNodeId, dstNodeId, shape)
    return {
      type: 'SetLink',
      node_id: dstNodeId,
      shape: this.shapeOf(srcNodeId, dstNodeId),
    }
  }

  /** A row was added, changed or (null) removed; null: it says what it said. */
  setRow(srcNodeId: number, dstNodeId: number, shape: LinkShape | null): SetLink | null {
    const text = textOf(shape)
    if ((this.#rows.get(srcNodeId)?.get(dstNodeId) ?? '') === text) return null
    put(this.#rows, srcNodeId, dstNodeId, shape === null ? null : text)
    return this.set(srcNodeId, dstNodeId, shape)
  }

  /** Directions that rows are there for. */
  rows(): (readonly [number, number])[] {
    return [...this.#rows].flatMap(([from, peers]) => [...peers.keys()].map(to => [from, to] as const))
  }
}

function put<V>(map: Map<number, Map<number, V>>, from: number, to: number, value: V | null): void {
  const inner = map.get(from) ?? new Map<number, V>()
  if (value === null) inner.delete(to)
  else inner.set(to, value)
  if (inner.size === 0) map.delete(from)
  else map.set(from, inner)
}
