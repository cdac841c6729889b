// What the controller hears of flows of ordinary programs: that they have begun, which route they take, what they have
// moved and that they are over. What could not be said is kept, up to a bound, and said with the next.

import type { Clock } from '../../base/clock.ts'
import type { AppFlowNews, AppFlowsExcess } from '../../native/app-flows.ts'
import type { EngineCounts } from '../../native/engine.ts'
import type { NodeMessage } from '../../protocol/messages.ts'
import { APP_FLOW_NEWS_KEPT } from './limits.ts'
import { inParts } from './message-parts.ts'

export interface AppFlowReportsOptions {
  readonly clock: Clock
  /** False where the node has no connection to send it over. */
  readonly send: (nodeId: number, message: NodeMessage) => boolean
  readonly warn: (message: string) => void
}

export class AppFlowReports {
  readonly #options: AppFlowReportsOptions
  /** By node: what is still to be said, in order. */
  readonly #waiting = new Map<number, NodeMessage[]>()
  /** By node: flows that start there and have not ended. */
  readonly #open = new Map<number, Map<string, AppFlowNews>>()
  /** By node: packets that are in no flow, as far as that was told. */
  readonly #excessTold = new Map<number, number>()
  /** Of CLOCK_MONOTONIC: a flow's start is the same in all that is said of it, whatever becomes of the wall clock. */
  #originMs: number | null = null

  constructor(options: AppFlowReportsOptions) {
    this.#options = options
  }

  tell({ appFlows, appFlowsExcess }: EngineCounts): void {
    const nowMs = this.#options.clock.wallDate().getTime()
    for (const [nodeId, news] of byNode(appFlows ?? [])) {
      const before = this.#waiting.get(nodeId) ?? []
      this.#waiting.set(nodeId, [...before, ...this.#messages(nodeId, news, nowMs)])
    }
    this.#sayAll()
    for (const excess of appFlowsExcess ?? []) this.#warnOf(excess)
  }

  /** Nothing more comes of this node's programs: what has not ended has, with the last packet that was told of. */
  ended(nodeId: number): void {
    const flows = [...(this.#open.get(nodeId)?.values() ?? [])]
    if (flows.length === 0) return
    this.#open.delete(nodeId)
    this.#waiting.set(nodeId, [...(this.#waiting.get(nodeId) ?? []), ...this.#finishes(nodeId, flows)])
  }

  /** The same of all nodes, and says so. */
  allEnded(): void {
    for (const nodeId of [...this.#open.keys()]) this.ended(nodeId)
    this.#sayAll()
  }

  #sayAll(): void {
    for (const [nodeId, messages] of this.#waiting) this.#say(nodeId, messages)
  }

  #say(nodeId: number, messages: NodeMessage[]): void {
    while (messages[0] !== undefined && this.#options.send(nodeId, messages[0])) messages.shift()
    if (messages.length === 0) this.#waiting.delete(nodeId)
    let entries = messages.reduce((sum, message) => sum + entriesOf(message), 0)
    let lost = 0
    while (entries > APP_FLOW_NEWS_KEPT) {
      const count = entriesOf(messages.pop() as NodeMessage)
      entries -= count
      lost += count
    }
    if (lost === 0) return
    const why = `node ${nodeId} has no connection, and there is too much to say of its programs' flows`
    this.#options.warn(`${why}: ${lost} entries are lost`)
  }

  /** Starts before what is said of their flows. */
  #messages(node_id: number, news: readonly AppFlowNews[], nowMs: number): NodeMessage[] {
    const sources = news.filter(({ end }) => end === 'source')
    this.#keep(node_id, sources)
    const starts = sources.filter(({ isNew }) => isNew).map(flow => ({ ...this.#idOf(flow), src_node_id: node_id }))
    const routes = sources.flatMap(flow =>
      flow.routeId === undefined ? [] : [{ ...this.#idOf(flow), route_id: flow.routeId, time: nowMs }],
    )
    const metrics = news
      .filter(({ bytes }) => bytes > 0)
      .map(({ flowId, remoteId, bytes }) => ({ flow_id: flowId, remote_node_id: remoteId, bytes, time_read: nowMs }))
    return [
      ...inParts(starts).map((flows): NodeMessage => ({ type: 'AppFlowStart', node_id, flows })),
      ...inParts(routes).map((flows): NodeMessage => ({ type: 'RouteAssigned', node_id, flows })),
      ...inParts(metrics).map((metrics): NodeMessage => ({ type: 'Metrics', node_id, metrics })),
      ...this.#finishes(
        node_id,
        sources.filter(({ hasEnded }) => hasEnded),
      ),
    ]
  }

  #keep(nodeId: number, sources: readonly AppFlowNews[]): void {
    const open = this.#open.get(nodeId) ?? new Map<string, AppFlowNews>()
    for (const flow of sources) {
      const key = `${flow.flowId} ${flow.protocol} ${flow.firstNs}`
      if (flow.hasEnded) open.delete(key)
      // Of one that has ended there may be acknowledgements still.
      else if (flow.endedNs === 0n) open.set(key, flow)
    }
    if (open.size > 0) this.#open.set(nodeId, open)
    else this.#open.delete(nodeId)
  }

  #finishes(node_id: number, ended: readonly AppFlowNews[]): NodeMessage[] {
    const finishes = ended.map(flow => ({
      ...this.#idOf(flow),
      finish_time: this.#epochMs(flow.endedNs === 0n ? flow.lastNs : flow.endedNs),
    }))
    return inParts(finishes).map((flows): NodeMessage => ({ type: 'FlowFinished', node_id, flows }))
  }

  #idOf({ flowId: flow_id, remoteId: dst_node_id, firstNs }: AppFlowNews) {
    return { flow_id, dst_node_id, start_time: this.#epochMs(firstNs) }
  }

  #warnOf({ nodeId, packets, bytes }: AppFlowsExcess): void {
    const told = this.#excessTold.get(nodeId) ?? 0
    if (packets < told * 2 || packets === told) return
    this.#excessTold.set(nodeId, packets)
    this.#options.warn(
      `node ${nodeId} has more flows of programs than are told apart: ${packets} packets (${bytes} bytes) are in none`,
    )
  }

  #epochMs(ns: bigint): number {
    const { clock } = this.#options
    this.#originMs ??= clock.wallDate().getTime() - Number(clock.nowNs()) / 1e6
    return Math.round(this.#originMs + Number(ns) / 1e6)
  }
}

const entriesOf = (message: NodeMessage): number =>
  'flows' in message ? message.flows.length : 'metrics' in message ? message.metrics.length : 0

function byNode(news: readonly AppFlowNews[]): Map<number, AppFlowNews[]> {
  const nodes = new Map<number, AppFlowNews[]>()
  for (const one of news) {
    const list = nodes.get(one.nodeId)
    if (list === undefined) nodes.set(one.nodeId, [one])
    else list.push(one)
  }
  return nodes
}
