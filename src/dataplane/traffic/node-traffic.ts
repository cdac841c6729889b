// What the controller says of one node's packets, and what the engine has been told of it. Messages in, engine commands
// out when flush() is called, in one order: routes, links, flows that end, flows that start.
//
// Nothing of this is kept for a node that nothing is said of. After a control connection was lost everything is told
// again by the next one; what is told as it was makes no command, what is not told again by its TopologyReady is taken
// back. A node that was made again is another one here: its flows start anew.

import type { PacketEngine, RouteChange } from '../../native-engine.ts'
import type { TrafficMessage } from '../node-agent.ts'
import { derivedRuns, type Preset } from './derived-routes.ts'
import { type Flow, FlowSet, flowProblem, flowSetting, type HeldFlow } from './flows.ts'
import { GroupSet } from './groups.ts'
import { differs, type LinkDefaults, LinkShapes, linkSetting } from './link-shapes.ts'
import { RouteSet } from './routes.ts'

/** What holds for every node of the controller's run. */
export interface TrafficPlan {
  readonly routing: { readonly topology: Preset | null } | null
  readonly links: LinkDefaults
  /** Addresses of nodes are this plus their id. */
  readonly baseAddress: string
}

/** The node, as its agent has it. */
export interface TrafficNode {
  readonly nodeId: number
  /** Rising. */
  readonly neighbours: readonly number[]
  /** Whether every node of the plan has been ready since its control connection began. */
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

  told(message: TrafficMessage): void {
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
    this.flows.parted()
  }

  /** `mayStart`: false where no source may start any more. */
  flush(engine: PacketEngine, plan: TrafficPlan, mayStart: boolean): void {
    const isReady = this.#node.isTopologyReady
    if (this.#mustSettle) this.#settle(engine, plan)
    if (isReady) this.#derive(plan)
    const starting = isReady && mayStart ? this.flows.takeHeld() : []
    this.#changeRoutes(engine, starting)
    this.#setLinks(engine, plan)
    for (const id of this.flows.takeStopping()) this.#ask(engine.stopFlow(this.#node.nodeId, id), `stop flow ${id}`)
    if (starting.length > 0) this.#start(engine, plan, starting)
  }

  /** Every node is ready, and everything has been told. */
  #settle(engine: PacketEngine, plan: TrafficPlan): void {
    this.#mustSettle = false
    this.#changes.push(...this.#groups.settle())
    this.#links.settle()
    this.flows.settle()
    if (this.#wasParted) this.#outcome.toldAgain(this.#node.nodeId, this.flows.all())
    else if (differs(plan.links))
      for (const peer of this.#node.neighbours)
        if (!this.#links.has(peer)) this.#setLink(engine, peer, linkSetting({}, plan.links))
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

  /** Pins go with the routes that they are to: installing a pair's routes forgets them. */
  #changeRoutes(engine: PacketEngine, starting: readonly HeldFlow[]): void {
    const { nodeId } = this.#node
    const touched = new Set<string>()
    for (const change of this.#changes)
      if (change.change === 'install') touched.add(`${change.source} ${change.destination}`)
    const pinned = new Set(starting)
    if (touched.size > 0)
      for (const held of this.flows.all())
        if (held.state === 'started' && touched.has(`${nodeId} ${held.flow.dst_node_id}`)) pinned.add(held)
    for (const { flow } of pinned) this.#pin(flow)
    if (this.#changes.length === 0) return
    this.#ask(engine.changeRoutes(nodeId, this.#changes), 'change its routes')
    this.#changes = []
  }

  #pin({ controller_id: flow, src_node_id: source, dst_node_id: destination, route_id: route }: Flow): void {
    if (route === undefined || source !== this.#node.nodeId) return
    if (this.#routes.has(source, destination, route))
      this.#changes.push({ change: 'pin', source, destination, flow, route })
    else
      this.#outcome.warn(
        `flow ${flow} is pinned to route ${route}, and node ${source} has no such route to node ${destination}: ` +
          'it takes any',
      )
  }

  #setLinks(engine: PacketEngine, plan: TrafficPlan): void {
    for (const { peerId, shape, changes } of this.#links.take()) {
      const done = this.#setLink(engine, peerId, linkSetting(shape, plan.links))
      if (changes.length === 0) continue
      done.then(isSet => {
        if (isSet) this.#outcome.linkSet(this.#node.nodeId, peerId, changes)
      })
    }
  }

  #setLink(engine: PacketEngine, peerId: number, setting: ReturnType<typeof linkSetting>): Promise<boolean> {
    return this.#ask(engine.setLink(this.#node.nodeId, peerId, setting), `shape its link to node ${peerId}`)
  }

  #start(engine: PacketEngine, plan: TrafficPlan, flows: readonly HeldFlow[]): void {
    const { nodeId } = this.#node
    const asked = flows.map(({ flow }) =>
      this.#ask(engine.startFlow(nodeId, flowSetting(flow, plan.baseAddress)), `start flow ${flow.controller_id}`),
    )
    Promise.all(asked).then(started =>
      this.#outcome.started(
        nodeId,
        flows.filter((_, at) => started[at]),
      ),
    )
  }

  #addFlow(flow: Flow): void {
    const problem = flowProblem(flow)
    if (!this.flows.add(flow) || problem === null || flow.src_node_id !== this.#node.nodeId) return
    this.#outcome.warn(`flow ${flow.controller_id} of node ${this.#node.nodeId} is not run: ${problem}`)
  }

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
