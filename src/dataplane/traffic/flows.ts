// The flows that start or end at one node: held until every node is ready, then started once, however often told.

import type { LosslessConfig } from '../../config/types.ts'
import type { FlowSetting, TransferSetting } from '../../native/engine.ts'
import type { ControllerMessage } from '../../protocol/messages.ts'
import { isLossless } from '../../protocol/traffic.ts'

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
  const isEndless = isLossless(flow_spec) && 'Duration' in flow_spec.flow_len && flow_spec.flow_rate === undefined
  return isEndless ? 'a lossless flow with a Duration needs a flow_rate, which says how much it is' : null
}

/** A lossless flow. `trees`: those of its group that are installed at its source. */
export function transferSetting(
  { controller_id, src_node_id, dst_node_id, dst_group_id, receivers, flow_spec }: Flow,
  trees: readonly number[],
  lossless: LosslessConfig,
  baseAddress: string,
): TransferSetting {
  const { flow_len, flow_rate, packet_bytes } = flow_spec
  const bytes = 'Bytes' in flow_len ? flow_len.Bytes : Math.ceil(flow_len.Duration * (flow_rate as number))
  const { treeIds, treeWeights } = lossless
  const wanted = trees
    .map(number => ({ number, weight: weightOf(treeWeights, treeIds?.indexOf(number) ?? -1) }))
    .filter(({ number }) => treeIds === null || treeIds.includes(number))
  return {
    flow: controller_id,
    destination: dst_group_id ?? dst_node_id,
    baseAddress,
    // A node that is to have its own bytes has them.
    receivers: dst_group_id === undefined ? [dst_node_id] : (receivers ?? []).filter(id => id !== src_node_id),
    ...(dst_group_id === undefined ? {} : { isGroup: true, trees: wanted }),
    payloadBytes: Math.max(1, bytes),
    payloadSeed: controller_id,
    symbolBytes: packet_bytes === undefined ? lossless.symbolBytes : Math.max(1, packet_bytes - HEADERS_BYTES),
    sourceSymbols: lossless.sourceSymbols,
    paritySymbols: lossless.paritySymbols,
    silenceNs: lossless.silenceMs * 1_000_000,
    ...(flow_rate === undefined ? {} : { rateBytesPerS: Math.max(1, Math.round(flow_rate)) }),
  }
}

const weightOf = (weights: readonly number[], index: number): number =>
  Math.max(1, Math.round((weights[index] ?? 1) * WEIGHT_STEPS))

/** Weights are numbers with fractions in the configuration, and whole ones in the engine. */
const WEIGHT_STEPS = 100

/** IPv4, UDP and what a message begins with (native/engine/lossless/message.h). */
const HEADERS_BYTES = 52

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
    // Who is a member now says nothing of a transfer that is under way.
    const text = JSON.stringify({ ...flow, receivers: undefined })
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
