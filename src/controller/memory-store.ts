// The store of a controller without a database: nothing outlives the process.

import type { NodeState } from './core.ts'
import type { Flow } from './flows.ts'
import type { RouteEdges } from './routes.ts'
import type { Contents, Seed, Store, StoreListener } from './store.ts'

export class MemoryStore implements Store {
  readonly kind = 'memory'
  readonly persisted = false
  readonly unwrittenCount = 0
  readonly #listener: StoreListener
  readonly #nodes = new Map<number, NodeState>()
  readonly #routes = new Map<number, RouteEdges>()
  readonly #flows = new Map<number, Flow>()
  #lastRouteId = 0
  #lastFlowId = 0

  constructor(listener: StoreListener) {
    this.#listener = listener
  }

  open(seed: Seed): Promise<Contents> {
    for (const edges of seed.routes) this.#routes.set(++this.#lastRouteId, edges)
    for (const flow of seed.flows) this.#flows.set(++this.#lastFlowId, { ...flow, id: this.#lastFlowId })
    return Promise.resolve({ routes: new Map(this.#routes), flows: new Map(this.#flows) })
  }

  putNode(state: NodeState): void {
    this.#nodes.set(state.nodeId, state)
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  countNodes(): Promise<number> {
    return Promise.resolve(this.#nodes.size)
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
    if (this.#flows.delete(id)) queueMicrotask(() => this.#listener.onFlow(id, null))
    return Promise.resolve()
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
