// The flows that start or end at one node: held until every node is ready, then started once, however often told.

import type { FlowSetting } from '../../native-engine.ts'
import type { ControllerMessage } from '../../protocol/messages.ts'

export type Flow = Extract<ControllerMessage, { type: 'AddFlows' }>['flows'][number]

/** When a flow was, ms since the epoch. */
export interface FlowTimes {
  readonly startMs: number
  readonly finishMs: number
}

/** One end of a flow, here. */
export interface HeldFlow {
  readonly flow: Flow
  readonly text: string
  isStale: boolean
  /** Of a source: held until it may start; refused where the engine has no such flows. Of a sink: always started. */
  state: 'held' | 'started' | 'refused'
  startMs: number
  finished: FlowTimes | null
}

/** Why the engine can't run it, as the end of a sentence; null where it can. */
export function flowProblem({ flow_spec }: Flow): string | null {
  return flow_spec.transport === 'lossless_unicast' ? 'its transport, lossless_unicast, is not supported' : null
}

export function flowSetting(flow: Flow, baseAddress: string): FlowSetting {
  const { controller_id, dst_node_id, dst_group_id, flow_spec } = flow
  const { flow_len, flow_rate, flow_weight, packet_bytes } = flow_spec
  return {
    flow: controller_id,
    destination: dst_group_id ?? dst_node_id,
    baseAddress,
    ...(dst_group_id === undefined ? {} : { isGroup: true }),
    ...('Bytes' in flow_len ? { bytes: flow_len.Bytes } : { durationNs: Math.round(flow_len.Duration * 1e9) }),
    ...(packet_bytes === undefined ? {} : { packetBytes: packet_bytes }),
    ...(flow_rate === undefined ? {} : { rateBytesPerS: Math.max(1, Math.round(flow_rate)) }),
    ...(flow_weight === undefined ? {} : { weight: Math.max(1, Math.round(flow_weight)) }),
  }
}

export class FlowSet {
  readonly #nodeId: number
  readonly #flows = new Map<number, HeldFlow>()
  #stopping: number[] = []

  constructor(nodeId: number) {
    this.#nodeId = nodeId
  }

  /** Sources that have not started. */
  get heldCount(): number {
    let count = 0
    for (const { state } of this.#flows.values()) if (state === 'held') count++
    return count
  }

  get(id: number): HeldFlow | undefined {
    return this.#flows.get(id)
  }

  all(): Iterable<HeldFlow> {
    return this.#flows.values()
  }

  /** One that is told again as it was goes on. True where it is new. */
  add(flow: Flow): boolean {
    const { controller_id: id } = flow
    const text = JSON.stringify(flow)
    const known = this.#flows.get(id)
    if (known?.text === text) {
      known.isStale = false
      return false
    }
    if (known !== undefined) this.remove(id)
    const isSource = flow.src_node_id === this.#nodeId
    const state = !isSource ? 'started' : flowProblem(flow) === null ? 'held' : 'refused'
    this.#flows.set(id, { flow, text, isStale: false, state, startMs: 0, finished: null })
    return true
  }

  remove(id: number): void {
    if (!this.#flows.delete(id)) return
    this.#stopping.push(id)
  }

  /** The control connection is gone: what holds is told again by the next one. */
  parted(): void {
    for (const flow of this.#flows.values()) flow.isStale = true
  }

  /** All has been told: flows that were not, again, are gone. */
  settle(): void {
    for (const [id, { isStale }] of this.#flows) if (isStale) this.remove(id)
  }

  /** Flows to be stopped since the last call; those of them that never started make no difference to the engine. */
  takeStopping(): number[] {
    const ids = this.#stopping
    this.#stopping = []
    return ids
  }

  /** Sources that wait; they count as started from now on. */
  takeHeld(): HeldFlow[] {
    const held = [...this.#flows.values()].filter(({ state }) => state === 'held')
    for (const flow of held) flow.state = 'started'
    return held
  }
}
