// The traffic of a plan: flows, shapes of links and groups, told to the nodes that each concerns, once all nodes are
// connected, and again to one that comes back. Changes while it runs go to those concerned at once.

import type { ControllerConfig } from '../config/types.ts'
import type { ControllerMessage, FlowFinish } from '../protocol/messages.ts'
import { isLossless, type LinkShape, PROBE_FLOWS } from '../protocol/traffic.ts'
import { isEdge } from '../topology/make.ts'
import type { Topology } from '../topology/types.ts'
import { endsOf, type Flow, FlowBook, type FlowEntry, flowEntry } from './flows.ts'
import { type Group, GroupBook } from './groups.ts'
import { LinkBook, type LinkOutcome, type LinkRow } from './links.ts'
import type { ProbeAsk } from './probes.ts'
import type { Session } from './session.ts'
import {
  type AppFlowRow,
  appFlowRows,
  type FlowTimes,
  flowIdOf,
  type MetricRow,
  type ProbeMessage,
  type TrafficMessage,
} from './traffic-news.ts'

/** Who hears what nodes say of traffic. */
export interface TrafficListener {
  readonly onFlowTimes: (times: readonly FlowTimes[]) => void
  readonly onMetrics: (rows: readonly MetricRow[]) => void
  readonly onAppFlows: (rows: readonly AppFlowRow[]) => void
  /** A node has done the change of its link that was asked for by this number. */
  readonly onLinkSet: (nodeId: number, change: number) => void
  readonly onProbe: (message: ProbeMessage) => void
}

export interface TrafficOptions {
  readonly config: ControllerConfig
  readonly topology: Topology
  /** The joined session of a node, if there is one. */
  readonly sessionOf: (nodeId: number) => Session | undefined
  readonly listener: TrafficListener
  readonly warn: (message: string) => void
}

type FlowStart = Pick<FlowFinish, 'controller_id' | 'start_time'> & Partial<FlowFinish>

/** Some 150 bytes each; a message of them is read in a few milliseconds. */
const FLOWS_A_MESSAGE = 1000

export class Traffic {
  readonly #options: TrafficOptions
  readonly #flows = new FlowBook()
  readonly #links: LinkBook
  readonly #groups: GroupBook

  constructor(options: TrafficOptions) {
    this.#options = options
    this.#links = new LinkBook(options.config.linkRates)
    this.#groups = new GroupBook(options.topology.nodesCount)
  }

  /** Everything a node is told once all are connected: rates and shapes of its links, groups, then flows. */
  messagesFor(nodeId: number): ControllerMessage[] {
    const flows = this.#flows.of(nodeId).map(flow => this.#entryOf(flow))
    const messages = [...this.#links.messagesFor(nodeId), ...this.#groups.messagesFor(nodeId)]
    for (let at = 0; at < flows.length; at += FLOWS_A_MESSAGE)
      messages.push({ type: 'AddFlows', flows: flows.slice(at, at + FLOWS_A_MESSAGE) })
    return messages
  }

  /** A flow was added, changed or (null) removed, before or during the run. */
  setFlow(id: number, flow: Flow | null): void {
    const problem = flow === null ? null : this.#problemOf(flow)
    if (problem !== null) {
      this.#options.warn(`flow ${id} ${problem}; it is ignored`)
      flow = null
    }
    const change = this.#flows.set(id, flow)
    if (change === null) return
    this.#tellEnds(change.old, { type: 'RemoveFlows', controller_ids: [id] })
    if (flow !== null) this.#tellEnds(flow, { type: 'AddFlows', flows: [this.#entryOf(flow)] })
  }

  /** These are all flows there are: the others are removed. */
  replaceFlows(flows: ReadonlyMap<number, Flow>): void {
    for (const id of this.#flows.ids()) if (!flows.has(id)) this.setFlow(id, null)
    for (const [id, flow] of flows) this.setFlow(id, flow)
  }

  /** A row of a link's direction was added, changed or (null) removed, before or during the run. */
  setLinkRow(srcNodeId: number, dstNodeId: number, shape: LinkShape | null): void {
    if (!this.#isLink(srcNodeId, dstNodeId)) {
      if (shape !== null)
        this.#options.warn(`the plan has no link from node ${srcNodeId} to ${dstNodeId}; its shape is ignored`)
      return
    }
    const message = this.#links.setRow(srcNodeId, dstNodeId, shape)
    if (message !== null) this.#tell(srcNodeId, message)
  }

  /** These are all rows of links there are. */
  replaceLinks(rows: readonly LinkRow[]): void {
    const left = new Set(rows.map(({ srcNodeId, dstNodeId }) => `${srcNodeId} ${dstNodeId}`))
    for (const [from, to] of this.#links.rows()) if (!left.has(`${from} ${to}`)) this.setLinkRow(from, to, null)
    for (const { srcNodeId, dstNodeId, shape } of rows) this.setLinkRow(srcNodeId, dstNodeId, shape)
  }

  /**
   * Shapes a link's direction from now on, whatever its row says, until that says something else. The node answers with
   * `change` (onLinkSet) if it was told.
   */
  changeLink(srcNodeId: number, dstNodeId: number, shape: LinkShape, change: number): LinkOutcome {
    if (!this.#isLink(srcNodeId, dstNodeId)) return 'unknown'
    const message = this.#links.set(srcNodeId, dstNodeId, shape)
    return this.#tell(srcNodeId, { ...message, change }) ? 'told' : 'away'
  }

  shapeOf(srcNodeId: number, dstNodeId: number): LinkShape {
    return this.#links.shapeOf(srcNodeId, dstNodeId)
  }

  /** Has a direction of a link measured; its ends answer (onProbe) if both were told. */
  probe(id: number, { srcNodeId, dstNodeId, bytes }: ProbeAsk): LinkOutcome {
    if (!this.#isLink(srcNodeId, dstNodeId)) return 'unknown'
    const source = this.#options.sessionOf(srcNodeId)
    const expect = { type: 'ExpectProbe', remote_node_id: srcNodeId, probe_id: id } as const
    if (source?.toldTraffic !== true || !this.#tell(dstNodeId, expect)) return 'away'
    source.port.send({ type: 'ProbeLink', remote_node_id: dstNodeId, probe_id: id, probe_bytes: bytes })
    return 'told'
  }

  /** These are all groups there are. */
  replaceGroups(groups: readonly Group[]): void {
    const concerned = this.#groups.replace(groups, reason => this.#options.warn(`${reason}; it is ignored`))
    for (const [nodeId, had] of concerned)
      for (const message of this.#groups.messagesFor(nodeId, had)) this.#tell(nodeId, message)
  }

  /** What a joined node says of its flows and links. */
  hear(message: TrafficMessage): void {
    const { listener } = this.#options
    if (message.type === 'LinkSet') {
      listener.onLinkSet(message.node_id, message.change)
    } else if (message.type === 'ProbeLinkResult' || message.type === 'ProbeLinkFailed') {
      listener.onProbe(message)
    } else if (message.type === 'Metrics') {
      const rows = message.metrics.flatMap(metric => this.#rowOf(message.node_id, metric))
      if (rows.length > 0) listener.onMetrics(rows)
    } else {
      if (message.type !== 'UserFlowStart') this.#hearAppFlows(message)
      const known = (id: number): boolean => this.#flows.get(id) !== undefined
      const times = (message.flows as readonly Partial<FlowFinish>[])
        .filter((flow): flow is FlowStart => flow.controller_id !== undefined && known(flow.controller_id))
        .map(({ controller_id: flowId, start_time: startTime, finish_time }) => ({
          flowId,
          startTime,
          finishTime: finish_time ?? null,
        }))
      if (times.length > 0) listener.onFlowTimes(times)
    }
  }

  #hearAppFlows(message: Parameters<typeof appFlowRows>[0]): void {
    const rows = appFlowRows(message).filter(({ dstNodeId }) => this.#isEnd(dstNodeId))
    if (rows.length > 0) this.#options.listener.onAppFlows(rows)
  }

  /** None for a flow that was deleted meanwhile: nothing says whose bytes they were. */
  #rowOf(localNodeId: number, metric: Extract<TrafficMessage, { type: 'Metrics' }>['metrics'][number]): MetricRow[] {
    const { remote_node_id: remoteNodeId, bytes, time_read: timeRead } = metric
    const moved = { localNodeId, remoteNodeId, bytes, timeRead }
    if ('flow_id' in metric)
      return this.#isEnd(remoteNodeId) ? [{ flowId: Buffer.from(metric.flow_id, 'hex'), ...moved }] : []
    const flow = this.#flows.get(metric.controller_id)
    if (flow === undefined) return []
    const groupIp = flow.dstGroupId === undefined ? undefined : this.#groups.get(flow.dstGroupId)?.groupIp
    const flowId = flowIdOf(flow, this.#options.config.baseAddr, groupIp)
    return [{ flowId, ...moved }]
  }

  #entryOf(flow: Flow): FlowEntry {
    const entry = flowEntry(flow)
    if (flow.dstGroupId === undefined || !isLossless(flow.spec)) return entry
    return { ...entry, receivers: this.#groups.get(flow.dstGroupId)?.members ?? [] }
  }

  #problemOf(flow: Flow): string | null {
    const { srcNodeId, dstNodeId, dstGroupId, routeId } = flow
    if (flow.id < 1) return 'has a number below 1'
    if (flow.id >= PROBE_FLOWS) return `has a number that is kept for probes, which have those from ${PROBE_FLOWS} on`
    if (!endsOf(flow).every(end => this.#isInPlan(end)))
      return `from node ${srcNodeId} to ${dstNodeId} is not in the plan`
    if (routeId !== undefined && routeId < 0)
      return `is pinned to route ${routeId}, which can not be: numbers start at 0`
    if (dstGroupId === undefined) return null
    const group = this.#groups.get(dstGroupId)
    if (group === undefined) return `goes to group ${dstGroupId}, which is not there`
    return group.srcNodeId === srcNodeId
      ? null
      : `goes from node ${srcNodeId} to group ${dstGroupId}, whose source is node ${group.srcNodeId}`
  }

  #tellEnds(flow: Flow | undefined, message: ControllerMessage): void {
    if (flow === undefined) return
    for (const end of endsOf(flow)) this.#tell(end, message)
  }

  /** Where a node has not been told everything yet, it will be. */
  #tell(nodeId: number, message: ControllerMessage): boolean {
    const session = this.#options.sessionOf(nodeId)
    if (session?.toldTraffic !== true) return false
    session.port.send(message)
    return true
  }

  /** Of a program's flow: a node, or 0, a group. */
  #isEnd(id: number): boolean {
    return id === 0 || this.#isInPlan(id)
  }

  #isInPlan(id: number): boolean {
    const { nodesCount } = this.#options.topology
    return id >= 1 && (nodesCount === 0 || id <= nodesCount)
  }

  #isLink(from: number, to: number): boolean {
    const { topology } = this.#options
    return Math.min(from, to) >= 1 && Math.max(from, to) <= topology.nodesCount && isEdge(topology, from, to)
  }
}
