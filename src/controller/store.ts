// What the controller keeps: the interface, and what both stores share. postgres-store.ts persists, memory-store.ts
// does not; test/controller/store.test.ts holds both to the same behaviour.

import type { ControllerConfig } from '../config/types.ts'
import type { FlowSpec } from '../protocol/messages.ts'
import type { LinkShape } from '../protocol/traffic.ts'
import type { NodeState } from './core.ts'
import type { Flow } from './flows.ts'
import { type Group, groupsOf } from './groups.ts'
import type { LinkRow } from './links.ts'
import type { ProbeAsk, ProbeRow } from './probes.ts'
import type { RouteEdges } from './routes.ts'
import type { AppFlowRow, FlowTimes, MetricRow } from './traffic-news.ts'

/** Everything that rows ask for at one moment. */
export interface Contents {
  readonly routes: ReadonlyMap<number, RouteEdges>
  readonly flows: ReadonlyMap<number, Flow>
  readonly links: readonly LinkRow[]
  readonly groups: readonly Group[]
}

/** What a store tells, after open() has returned. */
export interface StoreListener {
  /** A row was added, changed or (null) removed. */
  readonly onRoute: (id: number, edges: RouteEdges | null) => void
  readonly onFlow: (id: number, flow: Flow | null) => void
  readonly onLink: (srcNodeId: number, dstNodeId: number, shape: LinkShape | null) => void
  /** A row of probe_requests was added. */
  readonly onProbe: (id: number, ask: ProbeAsk) => void
  /** Changes may have been missed: this is all there is now. */
  readonly onContents: (contents: Contents) => void
  /** A row that can't be understood and is left out, or can't be written. */
  readonly onInvalid: (message: string) => void
  readonly onLost: (reason: string) => void
  readonly onBack: () => void
}

export interface Store {
  readonly kind: 'postgres' | 'memory'
  /** Whether rows outlive the controller. */
  readonly persisted: boolean
  /** Brings the store to the present schema, resets and seeds it as asked, and returns what it holds. Once. */
  open(seed: Seed): Promise<Contents>
  /** Notes a node's newest state; written soon, in one batch with others. Never waits. */
  putNode(state: NodeState): void
  /** Notes when flows were, as one end of each knows; the same way. Rows of flows keep it. */
  putFlowTimes(times: readonly FlowTimes[]): void
  /** Notes what flows have moved; dropped, with a warning that counts, while too many rows wait. */
  putMetrics(rows: readonly MetricRow[]): void
  /** Notes flows of programs; the same. */
  putAppFlows(rows: readonly AppFlowRow[]): void
  /** Notes what a probe measured; the same way as nodes' states. */
  putProbe(row: ProbeRow): void
  /** Rows that are noted and not written yet. */
  readonly unwrittenCount: number
  /** Resolves when everything noted before is written; rejects with DATABASE_REFUSED after `deadlineMs`. */
  flush(deadlineMs: number): Promise<void>
  /** `SELECT COUNT(*) FROM nodes`: every id that ever joined since the last reset. */
  countNodes(): Promise<number>
  countMetrics(): Promise<number>
  countAppFlows(): Promise<number>
  /** Of one flow; null where nobody has told. */
  flowTimes(id: number): Promise<FlowTimes | null>
  /** Adds or changes rows as an operator would: nodes hear of it through the listener. */
  insertRoute(edges: RouteEdges): Promise<number>
  updateRoute(id: number, edges: RouteEdges): Promise<void>
  deleteRoute(id: number): Promise<void>
  insertFlow(flow: Omit<Flow, 'id'>): Promise<number>
  updateFlow(flow: Flow): Promise<void>
  deleteFlow(id: number): Promise<void>
  /** null: there is no row any more. */
  setLink(srcNodeId: number, dstNodeId: number, shape: LinkShape | null): Promise<void>
  insertProbe(ask: ProbeAsk): Promise<number>
  /** What a probe measured; null where nobody has told. */
  probeResult(id: number): Promise<ProbeRow | null>
  close(): Promise<void>
}

export interface Seed {
  /** Forget what earlier runs left. Otherwise rows stay, and each kind is seeded only where there are none. */
  readonly reset: boolean
  readonly routes: readonly RouteEdges[]
  readonly flows: readonly Omit<Flow, 'id'>[]
  readonly links: readonly LinkRow[]
  readonly groups: readonly Group[]
}

/** What the configuration puts into an empty store. Flows take the global transport, as in the published controller. */
export function seedOf(config: ControllerConfig, reset: boolean): Seed {
  const groups = groupsOf(config)
  const groupId = new Map(groups.map(({ id, label }) => [label, id]))
  return {
    reset,
    routes: config.routes,
    flows: config.flows.map(({ srcNodeId, dstNodeId, dstGroup, spec }) => ({
      srcNodeId,
      dstNodeId,
      ...(dstGroup === undefined ? {} : { dstGroupId: groupId.get(dstGroup) as number }),
      spec: withTransport(spec, config),
    })),
    links: config.links,
    groups,
  }
}

/** `CONTROLLER_RESET_DB`: unset or 1, true, yes means reset; anything else keeps what is there. */
export function isResetAsked(value: string | undefined): boolean {
  return value === undefined || ['1', 'true', 'yes'].includes(value.trim().toLowerCase())
}

function withTransport(spec: FlowSpec, config: ControllerConfig): FlowSpec {
  return { transport: config.flowTransport, ...spec }
}
