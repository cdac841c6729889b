// All traffic of one fleet: its packet engine, and what the controller says of its nodes' packets on the way to it.
// Nothing here is on the way to a wired ring: what is said is handed to the engine between turns of the event loop, and
// for a node that nothing is said of nothing is kept.

import type { Clock } from '../../base/clock.ts'
import type { DataplaneConfig } from '../../config/types.ts'
import type { EngineCounts, FlowFinished, PacketEngine, PacketEngineConstructor } from '../../native/engine.ts'
import type { Netns } from '../../native/netns.ts'
import type { NodeMessage } from '../../protocol/messages.ts'
import type { FleetNode } from '../fleet-node.ts'
import type { AgentTraffic, NodeAgent, StartUpReply, TrafficMessage } from '../node-agent.ts'
import type { Preset } from './derived-routes.ts'
import { engineOptions } from './engine-options.ts'
import { FlowReports } from './flow-reports.ts'
import { START_UNASKED_MS, TURN_MS, WARNINGS_TOLD } from './limits.ts'
import { linkSetting } from './link-shapes.ts'
import { MaxMode } from './max-mode.ts'
import { MissLog } from './miss-log.ts'
import { NodeTraffic, type TrafficOutcome, type TrafficPlan } from './node-traffic.ts'
import { Probes } from './probes.ts'
import { Tuns } from './tun.ts'
import { Turns } from './turns.ts'

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
  readonly #probes: Probes
  readonly #tuns: Tuns
  readonly #byNode = new Map<number, NodeTraffic>()
  /** Nodes that the engine is to be told of; those whose flows wait for that, and then start. */
  readonly #preparing: Turns<FleetNode>
  readonly #starting: Turns<FleetNode>
  readonly #toStart = new Set<FleetNode>()
  #engine: PacketEngine | null = null
  #plan: TrafficPlan | null = null
  /** What links that nobody shapes are like in the engine. */
  #linksAre = LINKS_OF_THE_ENGINE
  /** Since when every node of the plan has been ready, by the controller's word to any node. */
  #wiredMs: number | null = null
  /** Whether the controller knows that this fleet has its routes, and has said that all have theirs. */
  #saidReady = false
  #allAreReady = false
  #startTimer: NodeJS.Timeout | null = null
  #mayStart = true
  #warnings = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    const { config, clock, netnsOf } = options
    const turnMs = TURN_MS
    this.#preparing = new Turns({ clock, turnMs, work: node => this.#prepare(node), onIdle: () => this.#prepared() })
    this.#starting = new Turns({ clock, turnMs, work: node => this.#start(node) })
    this.#reports = new FlowReports({
      clock,
      intervalMs: config.engine.metricsIntervalS * 1000,
      count: takesAppFlows => this.count(takesAppFlows),
      flowsOf: nodeId => this.#byNode.get(nodeId)?.flows,
      send: (nodeId, message) => this.#send(nodeId, message),
      warn: message => this.#warn(message),
    })
    this.#probes = new Probes({
      engine: () => this.#engine,
      baseAddress: () => this.#plan?.baseAddress,
      count: () => this.count(),
      send: (nodeId, message) => this.#send(nodeId, message),
    })
    this.#tuns = new Tuns({ config, netnsOf: nodeId => netnsOf(this.find(nodeId) as FleetNode) })
    this.#outcome = {
      refused: (nodeId, what, error) => this.#refusedBy(nodeId, what, error),
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

  /** A new engine, for links of a new run, which `runId` names. What the one before was told is forgotten. */
  begin(runId: Uint8Array): PacketEngine {
    const { config, nodesCount, PacketEngine } = this.#options
    this.#clear()
    this.#tuns.forgetAll()
    this.#linksAre = LINKS_OF_THE_ENGINE
    this.#wiredMs = null
    this.#saidReady = false
    this.#allAreReady = false
    const onFinished = (flows: readonly FlowFinished[]): void => {
      if (this.#engine !== engine) return
      const own = this.#probes.finished(flows)
      if (own.length > 0) this.#reports.finished(own)
    }
    const options = { ...engineOptions(config.engine, nodesCount), runId, silenceMs: config.peerSilenceMs }
    const misses = new MissLog(this.#options)
    const engine: PacketEngine = new PacketEngine(options, onFinished, missed => misses.see(missed))
    this.#engine = engine
    return engine
  }

  /** Tells the controller what was moved since it heard so last. While the nodes have their connections. */
  lastWords(): Promise<void> {
    return this.#reports.reportLast()
  }

  /** No command from now on; the engine is still to be closed, after its links. */
  close(): void {
    this.#reports.close()
    this.#clear()
    this.#engine = null
  }

  #clear(): void {
    this.#byNode.clear()
    this.#probes.clear()
    this.#preparing.clear()
    this.#starting.clear()
    this.#toStart.clear()
    if (this.#startTimer !== null) clearTimeout(this.#startTimer)
    this.#startTimer = null
  }

  // What agents hear.

  greeted(agent: NodeAgent, reply: StartUpReply): void {
    const { config } = this.#options
    const { scheduler_type: discipline, virtual_base_addr: baseAddress, routing } = reply
    const links = { discipline, dropStrategy: config.engine.dropStrategy, queuePackets: config.engine.queueCapacity }
    // The border has checked that it is a preset (controller-message.ts).
    const derived = routing === null ? null : { topology: routing.topology as Preset | null }
    this.#plan = { routing: derived, links, baseAddress, lossless: config.engine.lossless }
    this.#tuns.learn(reply)
    this.#setMode(agent, reply)
    const linksAre = Object.values(links).join()
    if (linksAre !== this.#linksAre) {
      this.#linksAre = linksAre
      this.#engine?.setLinks(linkSetting({}, links)).catch(error => this.#refused('the links', 'set them', error))
    }
    if (this.#wiredMs !== null) this.#wired(agent)
  }

  told(agent: NodeAgent, message: TrafficMessage): void {
    const node = this.find(agent.nodeId)
    if (node === undefined) return
    if (message.type === 'TopologyReady' && this.#wiredMs === null) {
      this.#wiredMs = this.#nowMs()
      for (const { agent } of this.#options.nodes) if (agent.isJoined) this.#wired(agent)
      this.#preparing.wake()
    }
    if (message.type === 'MayStartFlows') {
      this.#release()
      return
    }
    if (message.type === 'ProbeLink' || message.type === 'ExpectProbe') {
      this.#probes.told(agent.nodeId, agent.neighbours, message)
      return
    }
    const { type } = message
    if ((type === 'AddNodeAddress' || type === 'RemoveNode') && this.#byNode.get(agent.nodeId)?.max == null) return
    if (saysNothing(message) && !this.#byNode.has(agent.nodeId)) return
    if (message.type === 'AddFlows') this.#reports.learn(message.flows)
    if (message.type === 'RemoveFlows') this.#reports.forget(message.controller_ids)
    this.#trafficOf(agent).told(message)
    this.#preparing.add(node)
  }

  parted(agent: NodeAgent): void {
    this.#byNode.get(agent.nodeId)?.parted()
  }

  /** The node's listener and links are gone, and with them all that the engine knew of it. */
  forget(nodeId: number): void {
    const node = this.find(nodeId)
    if (node !== undefined) for (const list of [this.#preparing, this.#starting, this.#toStart]) list.delete(node)
    if (this.#byNode.get(nodeId)?.max != null) this.#engine?.stopMax(nodeId)
    this.#byNode.delete(nodeId)
    this.#probes.forget(nodeId)
    this.#tuns.forget(nodeId)
    this.#reports.programsEnded(nodeId)
  }

  // What the run asks for.

  find(nodeId: number): FleetNode | undefined {
    const first = this.#options.nodes[0]
    return first === undefined ? undefined : this.#options.nodes[nodeId - first.nodeId]
  }

  /** Null where there is no engine. */
  async count(takesAppFlows = false): Promise<EngineCounts | null> {
    return (await this.#engine?.count(takesAppFlows)) ?? null
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
    if (this.#options.config.engine.tun !== 'off') this.#reports.watch()
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

  /** In max mode or not, by the controller's word. */
  #setMode({ nodeId, identity }: NodeAgent, { node_spec, max_server_port: port }: StartUpReply): void {
    const node = this.find(nodeId)
    if (node === undefined) return
    const known = this.#byNode.get(nodeId)
    if (node_spec?.operating_mode !== 'max') {
      if (known?.max == null) return
      known.max = null
      this.#engine?.stopMax(nodeId)
    } else if (known?.max == null) {
      const { address } = identity
      this.#trafficOf(node.agent).max = new MaxMode({ nodeId, address, port, netns: () => this.#options.netnsOf(node) })
    }
  }

  /** Every node of the plan is ready, this one with it: there is time for what was not on the way there. */
  #wired(agent: NodeAgent): void {
    const node = this.find(agent.nodeId)
    if (node === undefined) return
    if (this.#plan?.routing != null) this.#trafficOf(agent)
    if (this.#byNode.has(agent.nodeId) || this.#tuns.isAlways) this.#preparing.add(node)
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

  #prepare(node: FleetNode): Promise<unknown> | null {
    if (this.#engine === null || this.#plan === null) return null
    // The engine knows a node from when its listener is open.
    if (node.listening === null || node.preparing !== null) {
      node.preparing?.then(
        () => this.#preparing.add(node),
        () => {},
      )
      return null
    }
    if (this.#tuns.isAlways && this.#wiredMs !== null) this.#enterAlways(node.nodeId)
    const traffic = this.#byNode.get(node.nodeId)
    if (traffic === undefined) return null
    const prepared = traffic.prepare(this.#engine, this.#plan, this.#wiredMs !== null)
    if (traffic.hasWaiting) this.#toStart.add(node)
    return prepared
  }

  /** Every node of this fleet has its routes: flows can start once that is so of all fleets. */
  #prepared(): void {
    if (this.#wiredMs === null) return
    this.#saidReady ||= this.#options.nodes.some(({ nodeId }) =>
      this.#send(nodeId, { type: 'RoutesReady', node_id: nodeId }),
    )
    if (this.#toStart.size === 0) return
    if (!this.#allAreReady && !this.#isAlone()) {
      this.#startTimer ??= setTimeout(() => this.#release(), START_UNASKED_MS)
      return
    }
    for (const node of this.#toStart) this.#starting.add(node)
    this.#toStart.clear()
  }

  #release(): void {
    this.#allAreReady = true
    if (this.#startTimer !== null) clearTimeout(this.#startTimer)
    this.#startTimer = null
    this.#prepared()
  }

  #start(node: FleetNode): Promise<unknown> | null {
    if (this.#engine === null || this.#plan === null || !this.#mayStart) return null
    return this.#byNode.get(node.nodeId)?.start(this.#engine, this.#plan) ?? null
  }

  /** Whether no link leads out of this fleet. */
  #isAlone(): boolean {
    return this.#options.nodes.every(({ peers }) => peers.every(id => this.find(id) !== undefined))
  }

  #nowMs(): number {
    return Number(this.#options.clock.nowNs() / 1_000_000n)
  }

  async #enterAlways(nodeId: number): Promise<void> {
    const problem = await this.enter(nodeId)
    if (problem !== null && this.#engine !== null) this.#warn(problem)
  }

  #refused(where: string, what: string, error: unknown): void {
    // The fleet ends, or the engine's run has.
    if (this.#engine === null || (error as { code?: unknown }).code === 'ECANCELED') return
    this.#warn(`${where}: the engine did not ${what}: ${(error as Error).message}`)
  }

  /** A node that has gone meanwhile is no news: whoever makes it again is told all again. */
  #refusedBy(nodeId: number, what: string, error: unknown): void {
    const isGone = (error as { code?: unknown }).code === 'ENOENT' && !this.#byNode.has(nodeId)
    if (!isGone) this.#refused(`node ${nodeId}`, what, error)
  }

  #warn(message: string): void {
    if (this.#warnings++ < WARNINGS_TOLD) this.#options.warn(message)
  }
}

const LINKS_OF_THE_ENGINE = 'fifo,taildrop,1000'

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
    case 'TopologyReady':
      return true
    default:
      return false
  }
}
