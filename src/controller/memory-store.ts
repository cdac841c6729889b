// The store of a controller without a database: nothing outlives the process.

import type { LinkShape } from '../protocol/traffic.ts'
import type { NodeState } from './core.ts'
import type { Flow } from './flows.ts'
import type { LinkRow } from './links.ts'
import type { ProbeAsk, ProbeRow } from './probes.ts'
import type { RouteEdges } from './routes.ts'
import type { Contents, Seed, Store, StoreListener } from './store.ts'
import { type AppFlowRow, type FlowTimes, type MetricRow, mergeTimes } from './traffic-news.ts'

export class MemoryStore implements Store {
  readonly kind = 'memory'
  readonly persisted = false
  readonly unwrittenCount = 0
  readonly #listener: StoreListener
  readonly #nodes = new Map<number, NodeState>()
  readonly #routes = new Map<number, RouteEdges>()
  readonly #flows = new Map<number, Flow>()
  /** By source and destination. */
  readonly #links = new Map<string, LinkRow>()
  readonly #flowTimes = new Map<number, FlowTimes>()
  /** Rows themselves would be for nobody. */
  #metricsCount = 0
  #appFlowsCount = 0
  #lastRouteId = 0
  #lastFlowId = 0
  readonly #probes = new Map<number, ProbeRow>()
  #lastProbeId = 0

  constructor(listener: StoreListener) {
    this.#listener = listener
  }

  open(seed: Seed): Promise<Contents> {
    for (const edges of seed.routes) this.#routes.set(++this.#lastRouteId, edges)
    for (const flow of seed.flows) this.#flows.set(++this.#lastFlowId, { ...flow, id: this.#lastFlowId })
    for (const link of seed.links) this.#links.set(`${link.srcNodeId} ${link.dstNodeId}`, link)
    const { groups } = seed
    const links = [...this.#links.values()]
    return Promise.resolve({ routes: new Map(this.#routes), flows: new Map(this.#flows), links, groups })
  }

  putNode(state: NodeState): void {
    this.#nodes.set(state.nodeId, state)
  }

  putFlowTimes(times: readonly FlowTimes[]): void {
    for (const each of times) {
      const older = this.#flowTimes.get(each.flowId)
      if (this.#flows.has(each.flowId))
        this.#flowTimes.set(each.flowId, older === undefined ? each : mergeTimes(older, each))
    }
  }

  putMetrics(rows: readonly MetricRow[]): void {
    this.#metricsCount += rows.length
  }

  putAppFlows(rows: readonly AppFlowRow[]): void {
    // Of each the first that is said of it; more than that would be for nobody.
    this.#appFlowsCount += rows.filter(({ finishTime, routeId }) => finishTime === null && routeId === null).length
  }

  putProbe(row: ProbeRow): void {
    if (row.bandwidth_mbps !== null) this.#probes.set(row.probeId, row)
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  countNodes(): Promise<number> {
    return Promise.resolve(this.#nodes.size)
  }

  countAppFlows(): Promise<number> {
    return Promise.resolve(this.#appFlowsCount)
  }

  countMetrics(): Promise<number> {
    return Promise.resolve(this.#metricsCount)
  }

  flowTimes(id: number): Promise<FlowTimes | null> {
    return Promise.resolve(this.#flowTimes.get(id) ?? null)
  }

  insertRoute(edges: RouteEdges): Promise<number> {
    const id = ++this.#lastRouteId
    this.#setRoute(id, edges)
    return Promise.resolve(id)
  }

  updateRoute(id: number, edges: RouteEdges): Promise<void> {
    if (this.#routes.has(id)) this.#setRoute(id, edges)
    return Promise.resolve()
  }

  deleteRoute(id: number): Promise<void> {
    if (this.#routes.delete(id)) queueMicrotask(() => this.#listener.onRoute(id, null))
    return Promise.resolve()
  }

  insertFlow(flow: Omit<Flow, 'id'>): Promise<number> {
    const id = ++this.#lastFlowId
    this.#setFlow({ ...flow, id })
    return Promise.resolve(id)
  }

  updateFlow(flow: Flow): Promise<void> {
    if (this.#flows.has(flow.id)) this.#setFlow(flow)
    return Promise.resolve()
  }

  deleteFlow(id: number): Promise<void> {
    this.#flowTimes.delete(id)
    if (this.#flows.delete(id)) queueMicrotask(() => this.#listener.onFlow(id, null))
    return Promise.resolve()
  }

  setLink(srcNodeId: number, dstNodeId: number, shape: LinkShape | null): Promise<void> {
    const key = `${srcNodeId} ${dstNodeId}`
    if (shape !== null) this.#links.set(key, { srcNodeId, dstNodeId, shape })
    else if (!this.#links.delete(key)) return Promise.resolve()
    queueMicrotask(() => this.#listener.onLink(srcNodeId, dstNodeId, shape))
    return Promise.resolve()
  }

  insertProbe(ask: ProbeAsk): Promise<number> {
    const id = ++this.#lastProbeId
    queueMicrotask(() => this.#listener.onProbe(id, ask))
    return Promise.resolve(id)
  }

  probeResult(id: number): Promise<ProbeRow | null> {
    return Promise.resolve(this.#probes.get(id) ?? null)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #setRoute(id: number, edges: RouteEdges): void {
    this.#routes.set(id, edges)
    queueMicrotask(() => this.#listener.onRoute(id, edges))
  }

  #setFlow(flow: Flow): void {
    this.#flows.set(flow.id, flow)
    queueMicrotask(() => this.#listener.onFlow(flow.id, flow))
  }
}
