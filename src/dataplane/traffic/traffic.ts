// All traffic of one fleet: its packet engine, and what the controller says of its nodes' packets on the way to it.
// Nothing here is on the way to a wired ring: what is said is handed to the engine between turns of the event loop, and
// for a node that nothing is said of nothing is kept.

import type { Clock } from '../../base/clock.ts'
import type { DataplaneConfig } from '../../config/types.ts'
import type { Netns } from '../../native.ts'
import type { EngineCounts, FlowFinished, PacketEngine, PacketEngineConstructor } from '../../native-engine.ts'
import type { NodeMessage } from '../../protocol/messages.ts'
import type { FleetNode } from '../fleet-node.ts'
import type { AgentTraffic, NodeAgent, StartUpReply, TrafficMessage } from '../node-agent.ts'
import type { Preset } from './derived-routes.ts'
import { engineOptions } from './engine-options.ts'
import { FlowReports } from './flow-reports.ts'
import { TURN_MS, WARNINGS_TOLD } from './limits.ts'
import { differs } from './link-shapes.ts'
import { NodeTraffic, type TrafficOutcome, type TrafficPlan } from './node-traffic.ts'
import { Tuns } from './tun.ts'

export interface TrafficOptions {
  readonly PacketEngine: PacketEngineConstructor
  readonly config: DataplaneConfig
  /** Of the fleet, rising; may be filled in later. */
  readonly nodes: readonly FleetNode[]
  readonly nodesCount: number
  /** Throws where the node has none now. */
  readonly netnsOf: (node: FleetNode) => Netns
  readonly clock: Clock
  readonly warn: (message: string) => void
}

export class Traffic implements AgentTraffic {
  readonly #options: TrafficOptions
  readonly #outcome: TrafficOutcome
  readonly #reports: FlowReports
  readonly #tuns: Tuns
  readonly #byNode = new Map<number, NodeTraffic>()
  /** Nodes that the engine is to be told of. */
  readonly #waiting = new Set<FleetNode>()
  #pumping: NodeJS.Immediate | null = null
  #engine: PacketEngine | null = null
  #plan: TrafficPlan | null = null
  #mayStart = true
  #warnings = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    const { config, clock, netnsOf } = options
    this.#reports = new FlowReports({
      clock,
      intervalMs: config.engine.metricsIntervalS * 1000,
      count: () => this.count(),
      flowsOf: nodeId => this.#byNode.get(nodeId)?.flows,
      send: (nodeId, message) => this.#send(nodeId, message),
    })
    this.#tuns = new Tuns({ config, netnsOf: nodeId => netnsOf(this.find(nodeId) as FleetNode) })
    this.#outcome = {
      refused: (nodeId, what, error) => this.#refused(nodeId, what, error),
      warn: message => this.#warn(message),
      linkSet: (nodeId, peerId, changes) => {
        const told = { type: 'LinkSet', node_id: nodeId, remote_node_id: peerId } as const
        for (const change of changes) this.#send(nodeId, { ...told, change })
      },
      started: (nodeId, flows) => this.#reports.started(nodeId, flows),
      toldAgain: (nodeId, flows) => this.#reports.toldAgain(nodeId, flows),
    }
  }

  // The engine's life.

  /** A new engine, for links of a new run. What the one before was told is forgotten. */
  begin(): PacketEngine {
    const { config, nodesCount, PacketEngine } = this.#options
    this.#byNode.clear()
    this.#waiting.clear()
    this.#tuns.forgetAll()
    const onFinished = (flows: readonly FlowFinished[]): void => {
      if (this.#engine === engine) this.#reports.finished(flows)
    }
    const engine: PacketEngine = new PacketEngine(engineOptions(config.engine, nodesCount), onFinished)
    this.#engine = engine
    return engine
  }

  /** Tells the controller what was moved since it heard so last. While the nodes have their connections. */
  async lastWords(): Promise<void> {
    if (this.#reports.isActive) await this.#reports.reportMetrics()
  }

  /** No command from now on; the engine is still to be closed, after its links. */
  close(): void {
    this.#reports.close()
    if (this.#pumping !== null) clearImmediate(this.#pumping)
    this.#waiting.clear()
    this.#engine = null
  }

  // What agents hear.

  greeted(_: NodeAgent, reply: StartUpReply): void {
    const { config } = this.#options
    const { scheduler_type: discipline, virtual_base_addr: baseAddress, routing } = reply
    this.#plan = {
      // The border has checked that it is one (controller-message.ts).
      routing: routing === null ? null : { topology: routing.topology as Preset | null },
      links: { discipline, dropStrategy: config.engine.dropStrategy, queuePackets: config.engine.queueCapacity },
      baseAddress,
    }
    this.#tuns.learn(reply)
  }

  told(agent: NodeAgent, message: TrafficMessage): void {
    const node = this.find(agent.nodeId)
    if (node === undefined || (saysNothing(message) && !this.#byNode.has(agent.nodeId))) return
    if (message.type === 'AddFlows') this.#reports.learn(message.flows)
    if (message.type === 'RemoveFlows') this.#reports.forget(message.controller_ids)
    const isNew = !this.#byNode.has(agent.nodeId)
    if (message.type === 'TopologyReady' && isNew && !this.#isBusy) return
    this.#trafficOf(agent).told(message)
    this.#touch(node)
  }

  parted(agent: NodeAgent): void {
    this.#byNode.get(agent.nodeId)?.parted()
  }

  /** The node's listener and links are gone, and with them all that the engine knew of it. */
  forget(nodeId: number): void {
    const node = this.find(nodeId)
    if (node !== undefined) this.#waiting.delete(node)
    this.#byNode.delete(nodeId)
    this.#tuns.forget(nodeId)
  }

  // What the run asks for.

  find(nodeId: number): FleetNode | undefined {
    const first = this.#options.nodes[0]
    return first === undefined ? undefined : this.#options.nodes[nodeId - first.nodeId]
  }

  /** Null where there is no engine. */
  async count(): Promise<EngineCounts | null> {
    return (await this.#engine?.count()) ?? null
  }

  /** No flow makes another packet, and none starts any more. */
  async stopSources(): Promise<void> {
    this.#mayStart = false
    await this.#engine?.stopSources()
  }

  /** As PacketEngine.capture. */
  capture(nodeId: number, peerId: number, fd: number | null, bytesMax?: number): Promise<void> {
    if (this.#engine === null) throw new Error('the fleet is not at work')
    return this.#engine.capture(nodeId, peerId, fd, bytesMax)
  }

  /** Somebody enters the node: it has its TUN interface when this resolves, or the sentence says why not. */
  enter(nodeId: number): Promise<string | null> {
    return this.#tuns.attach(this.#engine, nodeId)
  }

  facts(): { readonly flowsHeld: number; readonly routesHeld: number } {
    let flowsHeld = 0
    let routesHeld = 0
    for (const { flows, routesCount } of this.#byNode.values()) {
      flowsHeld += flows.heldCount
      routesHeld += routesCount
    }
    return { flowsHeld, routesHeld }
  }

  /** Whether there is something to do for a node that nobody has said anything of, once all are ready. */
  get #isBusy(): boolean {
    const plan = this.#plan
    return plan !== null && (plan.routing !== null || differs(plan.links) || this.#tuns.isAlways)
  }

  /** False where the controller does not listen: before it has accepted the node it would take it for an intruder. */
  #send(nodeId: number, message: NodeMessage): boolean {
    const node = this.find(nodeId)
    if (node?.connection == null || !node.agent.isJoined) return false
    node.connection.send(message)
    return true
  }

  #trafficOf(agent: NodeAgent): NodeTraffic {
    let traffic = this.#byNode.get(agent.nodeId)
    if (traffic === undefined) {
      traffic = new NodeTraffic(agent, this.#outcome)
      this.#byNode.set(agent.nodeId, traffic)
    }
    return traffic
  }

  #touch(node: FleetNode): void {
    this.#waiting.add(node)
    this.#pumping ??= setImmediate(() => this.#pump())
  }

  /** Tells the engine of nodes, for as long as a turn may take, and goes on in the next one. */
  #pump(): void {
    this.#pumping = null
    const { clock } = this.#options
    const until = clock.nowNs() + BigInt(TURN_MS) * 1_000_000n
    for (const node of this.#waiting) {
      if (this.#engine === null || this.#plan === null) return
      this.#waiting.delete(node)
      this.#byNode.get(node.nodeId)?.flush(this.#engine, this.#plan, this.#mayStart)
      if (this.#tuns.isAlways && node.agent.isTopologyReady) this.#enterAlways(node.nodeId)
      if (clock.nowNs() > until) break
    }
    if (this.#waiting.size > 0) this.#pumping ??= setImmediate(() => this.#pump())
  }

  async #enterAlways(nodeId: number): Promise<void> {
    const problem = await this.enter(nodeId)
    if (problem !== null && this.#engine !== null) this.#warn(problem)
  }

  #refused(nodeId: number, what: string, error: unknown): void {
    // The fleet ends, or the engine's run has.
    if (this.#engine === null || (error as { code?: unknown }).code === 'ECANCELED') return
    this.#warn(`node ${nodeId}: the engine did not ${what}: ${(error as Error).message}`)
  }

  #warn(message: string): void {
    if (this.#warnings++ < WARNINGS_TOLD) this.#options.warn(message)
  }
}

/** What every node hears where there is nothing to say. */
function saysNothing(message: TrafficMessage): boolean {
  switch (message.type) {
    case 'InstallRoutes':
      return message.routes.length === 0 && message.next_hop_runs === undefined
    case 'InstallGroupDirectory':
      return !message.groups.some(({ member }) => member)
    case 'InstallGroupRoutes':
      return message.routes.length === 0
    case 'AddFlows':
      return message.flows.length === 0
    case 'RemoveFlows':
      return true
    default:
      return false
  }
}
