// What the controller hears of flows: when they started and finished, and from time to time what they have moved.

import type { Clock } from '../../base/clock.ts'
import type { EngineCounts, FlowFinished, SourceCount } from '../../native/engine.ts'
import type { NodeMessage } from '../../protocol/messages.ts'
import { AppFlowReports } from './app-flow-reports.ts'
import type { Flow, FlowSet, FlowTimes, HeldFlow } from './flows.ts'
import { FINISHES_APART_MS } from './limits.ts'
import { inParts } from './message-parts.ts'

export interface FlowReportsOptions {
  readonly clock: Clock
  readonly intervalMs: number
  /** Null where there is no engine any more. */
  readonly count: (takesAppFlows?: boolean) => Promise<EngineCounts | null>
  readonly flowsOf: (nodeId: number) => FlowSet | undefined
  /** False where the node has no connection to send it over. */
  readonly send: (nodeId: number, message: NodeMessage) => boolean
  readonly warn: (message: string) => void
}

type Metric = Extract<NodeMessage, { type: 'Metrics' }>['metrics'][number]
type Finish = FlowTimes & { readonly id: number }

export class FlowReports {
  readonly #options: FlowReportsOptions
  /** Where flows of this fleet start and end, by id: a sink knows its flow's number alone. */
  readonly #ends = new Map<number, Flow>()
  /** Bytes that were told, by node, end and flow. */
  #told = new Map<string, number>()
  readonly #appFlows: AppFlowReports
  #finished: FlowFinished[] = []
  #finishTimer: NodeJS.Timeout | null = null
  #countedMs = Number.NEGATIVE_INFINITY
  #metricsTimer: NodeJS.Timeout | null = null
  #open = true

  constructor(options: FlowReportsOptions) {
    this.#options = options
    this.#appFlows = new AppFlowReports(options)
  }

  /** Flows that there are; the first starts the clock of the metrics. */
  learn(flows: readonly Flow[]): void {
    for (const flow of flows) this.#ends.set(flow.controller_id, flow)
    if (flows.length > 0) this.watch()
  }

  /** There are flows, or programs that may make some, from now on. */
  watch(): void {
    if (this.#metricsTimer === null && this.#open) this.#rest()
  }

  forget(ids: readonly number[]): void {
    for (const id of ids) this.#ends.delete(id)
  }

  started(nodeId: number, flows: readonly HeldFlow[]): void {
    const nowMs = this.#nowMs()
    for (const flow of flows) flow.startMs = nowMs
    this.#tellStarts(nodeId, flows)
  }

  /** Of flows that were told again: what a lost connection may have taken with it. */
  toldAgain(nodeId: number, flows: Iterable<HeldFlow>): void {
    const all = [...flows]
    this.#tellStarts(
      nodeId,
      all.filter(({ startMs, finished }) => startMs > 0 && finished === null),
    )
    const finishes = all.flatMap(({ flow, finished }) =>
      finished === null ? [] : [{ id: flow.controller_id, ...finished }],
    )
    this.#tellFinishes(nodeId, finishes)
  }

  /** The engine says that these are over. Their times are in what it counts. */
  finished(flows: readonly FlowFinished[]): void {
    if (!this.#open) return
    this.#finished.push(...flows)
    if (this.#finishTimer !== null) return
    const waitMs = Math.max(0, this.#countedMs + FINISHES_APART_MS - this.#nowMs())
    this.#finishTimer = setTimeout(() => this.#reportFinished(), waitMs)
  }

  /** Tells what has moved since it was told last. */
  async reportMetrics(): Promise<void> {
    const counts = await this.#options.count(true).catch(() => null)
    if (counts === null) return
    this.#tellMetrics(counts)
    this.#appFlows.tell(counts)
  }

  /** The node's interface is gone, and its programs with it. */
  programsEnded(nodeId: number): void {
    this.#appFlows.ended(nodeId)
  }

  /** The last report: programs end with the fleet. */
  async reportLast(): Promise<void> {
    if (!this.isActive) return
    await this.reportMetrics()
    this.#appFlows.allEnded()
  }

  close(): void {
    this.#open = false
    if (this.#metricsTimer !== null) clearTimeout(this.#metricsTimer)
    if (this.#finishTimer !== null) clearTimeout(this.#finishTimer)
  }

  /** Whether there is anything to report. */
  get isActive(): boolean {
    return this.#metricsTimer !== null
  }

  #rest(): void {
    this.#metricsTimer = setTimeout(() => {
      this.reportMetrics().then(() => {
        if (this.#open) this.#rest()
      })
    }, this.#options.intervalMs)
  }

  #tellMetrics({ sources, sinks, senders, receivers }: EngineCounts): void {
    const nowMs = this.#nowMs()
    const byNode = new Map<number, { readonly metrics: Metric[]; readonly told: [string, number, number][] }>()
    const told = new Map<string, number>()
    const see = (end: string, nodeId: number, id: number, bytes: number, remote: number | undefined): void => {
      const key = `${nodeId} ${end} ${id}`
      const before = this.#told.get(key) ?? 0
      told.set(key, bytes)
      // One that counts from the beginning again was started anew.
      const moved = bytes >= before ? bytes - before : bytes
      if (moved === 0 || remote === undefined) return
      const node = byNode.get(nodeId) ?? { metrics: [], told: [] }
      byNode.set(nodeId, node)
      node.metrics.push({ controller_id: id, remote_node_id: remote, bytes: moved, time_read: nowMs })
      node.told.push([key, before, bytes])
    }
    for (const { nodeId, flow, sentBytes } of [...sources, ...senders])
      see('source', nodeId, flow, sentBytes, farEndOf(this.#ends.get(flow)))
    for (const { nodeId, flow, receivedBytes, sourceId } of receivers)
      see('sink', nodeId, flow, receivedBytes, sourceId)
    for (const { nodeId, flow, receivedBytes } of sinks)
      see('sink', nodeId, flow, receivedBytes, this.#ends.get(flow)?.src_node_id)
    this.#told = told
    for (const [nodeId, node] of byNode) {
      const isSent = inParts(node.metrics).every(metrics =>
        this.#options.send(nodeId, { type: 'Metrics', node_id: nodeId, metrics }),
      )
      // Told with the next ones, once there is a connection.
      if (!isSent) for (const [key, before] of node.told) this.#told.set(key, before)
    }
  }

  async #reportFinished(): Promise<void> {
    const counts = await this.#options.count().catch(() => null)
    this.#finishTimer = null
    this.#countedMs = this.#nowMs()
    const flows = this.#finished
    this.#finished = []
    if (counts === null || !this.#open) return
    const ends = new Map<string, Pick<SourceCount, 'firstNs' | 'lastNs'>>()
    for (const end of counts.senders) ends.set(`${end.nodeId} source ${end.flow}`, end)
    for (const end of counts.receivers) ends.set(`${end.nodeId} sink ${end.flow}`, end)
    for (const end of counts.sources) ends.set(`${end.nodeId} source ${end.flow}`, end)
    for (const end of counts.sinks) ends.set(`${end.nodeId} sink ${end.flow}`, end)
    const byNode = new Map<number, Finish[]>()
    for (const { nodeId, flow: id, end } of flows) {
      // Stopped meanwhile.
      const counted = ends.get(`${nodeId} ${end} ${id}`)
      if (counted === undefined) continue
      const times = { startMs: this.#epochMs(counted.firstNs), finishMs: this.#epochMs(counted.lastNs) }
      const held = this.#options.flowsOf(nodeId)?.get(id)
      if (held !== undefined) held.finished = times
      byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), { id, ...times }])
    }
    for (const [nodeId, finishes] of byNode) this.#tellFinishes(nodeId, finishes)
  }

  #tellStarts(nodeId: number, flows: readonly HeldFlow[]): void {
    for (const part of inParts(flows)) {
      const starts = part.map(({ flow, startMs }) => ({ controller_id: flow.controller_id, start_time: startMs }))
      this.#options.send(nodeId, { type: 'UserFlowStart', node_id: nodeId, flows: starts })
    }
  }

  #tellFinishes(nodeId: number, finishes: readonly Finish[]): void {
    for (const part of inParts(finishes)) {
      const flows = part.map(({ id, startMs, finishMs }) => ({
        controller_id: id,
        start_time: startMs,
        finish_time: finishMs,
      }))
      this.#options.send(nodeId, { type: 'FlowFinished', node_id: nodeId, flows })
    }
  }

  #nowMs(): number {
    return this.#options.clock.wallDate().getTime()
  }

  /** A time of CLOCK_MONOTONIC; now where it is none, of a flow that sent nothing. */
  #epochMs(ns: bigint): number {
    const nowMs = this.#nowMs()
    return ns === 0n ? nowMs : Math.round(nowMs - Number(this.#options.clock.nowNs() - ns) / 1e6)
  }
}

/** 0: of a group, whose members are nobody's one end. */
const farEndOf = (flow: Flow | undefined): number | undefined =>
  flow?.dst_group_id === undefined ? flow?.dst_node_id : 0
