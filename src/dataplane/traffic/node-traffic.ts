// What the controller says of one node's packets, and what the engine has been told of it. Messages in, engine commands
// out when they are called for: prepare() has routes, links and the end of flows, start() has what waits for those of
// all nodes: flows that begin.
//
// Nothing of this is kept for a node that nothing is said of. After a control connection was lost everything is told
// again by the next one; what is told as it was makes no command, what is not told again by its TopologyReady is taken
// back. A node that was made again is another one here: its flows start anew.

import type { LosslessConfig } from '../../config/types.ts'
import type { PacketEngine, RouteChange } from '../../native/engine.ts'
import { isLossless } from '../../protocol/traffic.ts'
import type { TrafficMessage } from '../node-agent.ts'
import { derivedRuns, type Preset } from './derived-routes.ts'
import { type Flow, FlowSet, flowProblem, flowSetting, type HeldFlow, transferSetting } from './flows.ts'
import { GroupSet } from './groups.ts'
import { type LinkDefaults, LinkShapes, type LinkToSet, linkSetting } from './link-shapes.ts'
import type { MaxMode } from './max-mode.ts'
import type { ProbeMessage } from './probes.ts'
import { RouteSet } from './routes.ts'

/** What holds for every node of the controller's run. */
export interface TrafficPlan {
  readonly routing: { readonly topology: Preset | null } | null
  readonly links: LinkDefaults
  /** Addresses of nodes are this plus their id. */
  readonly baseAddress: string
  readonly lossless: LosslessConfig
}

/** The node, as its agent has it. */
export interface TrafficNode {
  readonly nodeId: number
  /** Rising. */
  readonly neighbours: readonly number[]
  /** Whether the controller has said so since the control connection began, after all that it had to say. */
  readonly isTopologyReady: boolean
}

/** What comes of commands. */
export interface TrafficOutcome {
  /** The engine did not do it. */
  refused(nodeId: number, what: string, error: unknown): void
  warn(message: string): void
  linkSet(nodeId: number, peerId: number, changes: readonly number[]): void
  started(nodeId: number, flows: readonly HeldFlow[]): void
  /** Told again by a new connection: what the controller must know of them may have been lost with the old one. */
  toldAgain(nodeId: number, flows: Iterable<HeldFlow>): void
}

export class NodeTraffic {
  readonly flows: FlowSet
  /** Null in normal mode. */
  max: MaxMode | null = null
  readonly #node: TrafficNode
  readonly #outcome: TrafficOutcome
  readonly #routes = new RouteSet()
  readonly #groups = new GroupSet()
  readonly #links = new LinkShapes()
  #changes: RouteChange[] = []
  /** Whether the controller brings derived routes itself; `runs`: those not yet handed to the engine. */
  #hasRuns = false
  #runs: readonly number[] | null = null
  /** What routes are derived from now: a preset as JSON, RUNS, or NOTHING. */
  #derived = NOTHING
  #mustSettle = false
  #wasParted = false

  constructor(node: TrafficNode, outcome: TrafficOutcome) {
    this.#node = node
    this.#outcome = outcome
    this.flows = new FlowSet(node.nodeId)
  }

  get routesCount(): number {
    return this.#routes.entriesCount
  }

  told(message: Exclude<TrafficMessage, ProbeMessage | { type: 'MayStartFlows' }>): void {
    switch (message.type) {
      case 'InstallRoutes':
        this.#changes.push(...this.#routes.replace(message.routes))
        this.#hasRuns = message.next_hop_runs !== undefined
        this.#runs = message.next_hop_runs ?? null
        return
      case 'InstallGroupDirectory':
        this.#changes.push(...this.#groups.replace(message))
        return
      case 'InstallGroupRoutes':
        this.#changes.push(...this.#groups.install(message))
        return
      case 'SetLinkRate':
        this.#links.setRate(message.node_id, message.rate)
        return
      case 'SetLink':
        this.#links.setShape(message.node_id, message.shape, message.change)
        return
      case 'AddFlows':
        for (const flow of message.flows) this.#addFlow(flow)
        return
      case 'RemoveFlows':
        for (const id of message.controller_ids) this.flows.remove(id)
        return
      case 'AddNodeAddress':
        this.max?.add(message.remote_node_id, message.remote_max_server_addr)
        return
      case 'RemoveNode':
        this.max?.remove(message.remote_node_id)
        return
      case 'TopologyReady':
        this.#mustSettle = true
        return
    }
  }

  /** The control connection is gone. The engine goes on as it is. */
  parted(): void {
    this.#wasParted = true
    this.#mustSettle = false
    this.#groups.parted()
    this.#links.parted()
    this.max?.parted()
    this.flows.parted()
  }

  /** Whether flows wait for start(). */
  get hasWaiting(): boolean {
    return this.#node.isTopologyReady && this.flows.heldCount > 0
  }

  /**
   * Hands on what was told. `isWired`: every node of the plan has been ready, so that there is time to derive routes.
   * Resolves when it holds for every packet that comes after; null: nothing was to be done.
   */
  prepare(engine: PacketEngine, plan: TrafficPlan, isWired: boolean): Promise<unknown> | null {
    const { nodeId } = this.#node
    if (this.#mustSettle) this.#settle()
    if (isWired) this.#derive(plan)
    const asked: Promise<unknown>[] = []
    if (this.#changes.length > 0) {
      const changes = this.#changes
      this.#changes = []
      const again = [...this.flows.all()].filter(held => held.state === 'started' && isTouched(held.flow, changes))
      changes.push(...this.#pins(again))
      asked.push(this.#ask(engine.changeRoutes(nodeId, changes), 'change its routes'))
    }
    const moved = isWired ? (this.max?.prepare(engine, this.#links, this.#asks) ?? null) : null
    if (moved !== null) asked.push(moved)
    for (const link of this.#links.take()) asked.push(this.#setLink(engine, plan, link, moved))
    for (const id of this.flows.takeStopping()) asked.push(this.#ask(engine.stopFlow(nodeId, id), `stop flow ${id}`))
    return asked.length === 0 ? null : Promise.all(asked)
  }

  /** Starts the flows that wait. */
  start(engine: PacketEngine, plan: TrafficPlan): Promise<unknown> | null {
    const flows = this.#node.isTopologyReady ? this.flows.takeHeld() : []
    if (flows.length === 0) return null
    const { nodeId } = this.#node
    const pins = this.#pins(flows)
    if (pins.length > 0) this.#ask(engine.changeRoutes(nodeId, pins), 'pin its flows')
    const asked = flows.map(({ flow }) =>
      this.#ask(this.#begin(engine, flow, plan), `start flow ${flow.controller_id}`),
    )
    return Promise.all(asked).then(started =>
      this.#outcome.started(
        nodeId,
        flows.filter((_, at) => started[at]),
      ),
    )
  }

  #begin(engine: PacketEngine, flow: Flow, { baseAddress, lossless }: TrafficPlan): Promise<void> {
    const { nodeId } = this.#node
    if (!isLossless(flow.flow_spec)) return engine.startFlow(nodeId, flowSetting(flow, baseAddress))
    const trees = flow.dst_group_id === undefined ? [] : this.#groups.treesOf(nodeId, flow.dst_group_id)
    return engine.startTransfer(nodeId, transferSetting(flow, trees, lossless, baseAddress))
  }

  /** Every node is ready, and everything has been told. */
  #settle(): void {
    this.#mustSettle = false
    this.#changes.push(...this.#groups.settle())
    this.#links.settle()
    this.max?.settle()
    this.flows.settle()
    if (this.#wasParted) this.#outcome.toldAgain(this.#node.nodeId, this.flows.all())
    this.#wasParted = false
  }

  #derive({ routing }: TrafficPlan): void {
    const preset = routing?.topology ?? null
    const wanted = this.#hasRuns ? RUNS : preset === null ? NOTHING : JSON.stringify(preset)
    if (wanted === this.#derived && this.#runs === null) return
    const { nodeId, neighbours } = this.#node
    const runs = this.#runs ?? (preset === null ? [] : derivedRuns(preset, nodeId, neighbours))
    this.#changes.push({ change: 'derive', runs })
    this.#derived = wanted
    this.#runs = null
  }

  /** For flows that are told which route to take; installing a pair's routes forgets them. */
  #pins(flows: readonly HeldFlow[]): RouteChange[] {
    const pins: RouteChange[] = []
    for (const { flow: told } of flows) {
      const { controller_id: flow, src_node_id: source, dst_node_id: destination, route_id: route } = told
      if (route === undefined || source !== this.#node.nodeId) continue
      if (this.#routes.has(source, destination, route)) {
        pins.push({ change: 'pin', source, destination, flow, route })
        continue
      }
      const message = `flow ${flow} is pinned to route ${route}, and node ${source} has no such route to node ${destination}`
      this.#outcome.warn(`${message}: it takes any`)
    }
    return pins
  }

  /** `moved`: when packets go in the link, and no longer in streams. */
  async #setLink(
    engine: PacketEngine,
    plan: TrafficPlan,
    { peerId, shape, changes }: LinkToSet,
    moved: Promise<unknown> | null,
  ): Promise<void> {
    const { nodeId } = this.#node
    const setting = linkSetting(shape, plan.links)
    const isSet = await this.#ask(engine.setLink(nodeId, peerId, setting), `shape its link to node ${peerId}`)
    await moved
    if (isSet && changes.length > 0) this.#outcome.linkSet(nodeId, peerId, changes)
  }

  #addFlow(flow: Flow): void {
    const problem = flowProblem(flow)
    if (!this.flows.add(flow) || problem === null || flow.src_node_id !== this.#node.nodeId) return
    this.#outcome.warn(`flow ${flow.controller_id} of node ${this.#node.nodeId} is not run: ${problem}`)
  }

  readonly #asks = (command: Promise<void>, what: string): Promise<boolean> => this.#ask(command, what)

  async #ask(command: Promise<void>, what: string): Promise<boolean> {
    try {
      await command
      return true
    } catch (error) {
      this.#outcome.refused(this.#node.nodeId, what, error)
      return false
    }
  }
}

const NOTHING = ''
const RUNS = 'runs'

/** Whether routes of the flow's pair are among these. */
function isTouched({ src_node_id, dst_node_id }: Flow, changes: readonly RouteChange[]): boolean {
  return changes.some(
    change => change.change === 'install' && change.source === src_node_id && change.destination === dst_node_id,
  )
}
