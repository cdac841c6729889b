// Flows the controller hands to nodes, by id and by end. Pure, O(flows).

import type { ControllerMessage, FlowSpec } from '../protocol/messages.ts'

export interface Flow {
  readonly id: number
  readonly srcNodeId: number
  /** Of a flow to a group the source itself. */
  readonly dstNodeId: number
  /** The group that it goes to. */
  readonly dstGroupId?: number
  /** The route this flow is pinned to. */
  readonly routeId?: number
  readonly spec: FlowSpec
}

export type FlowEntry = Extract<ControllerMessage, { type: 'AddFlows' }>['flows'][number]

export function flowEntry(flow: Flow): FlowEntry {
  return {
    controller_id: flow.id,
    src_node_id: flow.srcNodeId,
    dst_node_id: flow.dstNodeId,
    ...(flow.dstGroupId === undefined ? {} : { dst_group_id: flow.dstGroupId }),
    ...(flow.routeId === undefined ? {} : { route_id: flow.routeId }),
    flow_spec: flow.spec,
  }
}

/** The two ends of a flow, or the one where it starts and ends at the same node. */
export function endsOf(flow: Flow): readonly number[] {
  return flow.srcNodeId === flow.dstNodeId ? [flow.srcNodeId] : [flow.srcNodeId, flow.dstNodeId]
}

export class FlowBook {
  readonly #byId = new Map<number, { readonly flow: Flow; readonly text: string }>()
  readonly #byEnd = new Map<number, Set<number>>()

  ids(): number[] {
    return [...this.#byId.keys()]
  }

  get(id: number): Flow | undefined {
    return this.#byId.get(id)?.flow
  }

  of(nodeId: number): Flow[] {
    const ids = this.#byEnd.get(nodeId)
    if (ids === undefined) return []
    return [...ids].map(id => (this.#byId.get(id) as { flow: Flow }).flow)
  }

  /** Adds, replaces or (null) removes a flow. `old` is what was there; null when nothing changed. */
  set(id: number, flow: Flow | null): { readonly old: Flow | undefined } | null {
    const known = this.#byId.get(id)
    const text = flow === null ? '' : JSON.stringify(flowEntry(flow))
    if ((known?.text ?? '') === text) return null
    if (known !== undefined) {
      for (const end of endsOf(known.flow)) {
        const ids = this.#byEnd.get(end) as Set<number>
        ids.delete(id)
        if (ids.size === 0) this.#byEnd.delete(end)
      }
      this.#byId.delete(id)
    }
    if (flow !== null) {
      this.#byId.set(id, { flow, text })
      for (const end of endsOf(flow)) {
        const ids = this.#byEnd.get(end)
        if (ids === undefined) this.#byEnd.set(end, new Set([id]))
        else ids.add(id)
      }
    }
    return { old: known?.flow }
  }
}
