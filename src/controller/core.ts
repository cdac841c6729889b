// The controller's state machine: messages of nodes in, messages to nodes and events out. No sockets, clocks or
// storage: server.ts feeds it, tests drive it directly. Everything it keeps is O(nodes + edges + routes + flows).

import type { ControllerConfig } from '../config/types.ts'
import type { RunEvent } from '../protocol/events.ts'
import type { ControllerMessage, NodeMessage, RefusalCode } from '../protocol/messages.ts'
import { distanceFormula } from '../topology/distance.ts'
import { neighboursOf } from '../topology/make.ts'
import type { Topology } from '../topology/types.ts'
import { Barrier, type Missing } from './barrier.ts'
import { Contests } from './contests.ts'
import { addressBetween, Directory, type Identity, identityOf, takenReason } from './directory.ts'
import { type FleetSession, FlowGate } from './flow-gate.ts'
import { MaxNodes } from './max-nodes.ts'
import { nextHopRuns } from './next-hops.ts'
import { RouteBook, type RouteEdges, RouteInvalid } from './routes.ts'
import { type Port, Session } from './session.ts'
import { startUpFor } from './start-up.ts'
import { Traffic, type TrafficListener } from './traffic.ts'

type WithoutStamp<T> = T extends unknown ? Omit<T, 't_s' | 'from'> : never

/** An event before server and clock have stamped it. */
export type CoreEvent = WithoutStamp<RunEvent>

/** A node's newest state, for the store. */
export interface NodeState extends Identity {
  readonly connected: boolean
}

export interface CoreOptions {
  readonly config: ControllerConfig
  readonly topology: Topology
  /** 32 hex digits. */
  readonly runId: string
  /** What a StartUp must carry; null where the network itself keeps strangers out. */
  readonly token: string | null
  readonly onEvent: (event: CoreEvent) => void
  readonly onNode: (state: NodeState) => void
  /** Absent: nobody wants to hear of traffic. */
  readonly traffic?: TrafficListener
}

/** Why a peer's connection ends, as WebSocket close codes. Source: RFC 6455, section 7.4.1. */
const closeCodes = { normal: 1000, goingAway: 1001, policy: 1008 } as const

const nobody: TrafficListener = {
  onFlowTimes: () => {},
  onMetrics: () => {},
  onAppFlows: () => {},
  onLinkSet: () => {},
  onProbe: () => {},
}

const topologyReadyText = JSON.stringify({ type: 'TopologyReady' } satisfies ControllerMessage)
const noRoutesText = JSON.stringify({ type: 'InstallRoutes', routes: [] } satisfies ControllerMessage)

export class Core {
  /** Flows, shapes of links and groups. */
  readonly traffic: Traffic
  readonly #options: CoreOptions
  readonly #topology: Topology
  readonly #barrier: Barrier
  readonly #directory = new Directory<Session>()
  readonly #contests = new Contests()
  readonly #flowGate = new FlowGate()
  readonly #routes: RouteBook
  /** Next hops are computed here: no formula describes the graph. */
  readonly #derivesHere: boolean
  readonly #maxNodes: MaxNodes
  /** Once all were connected, a node that comes back gets links' shapes, groups and flows at once. */
  #trafficIsOut = false
  #ending = false
  /** What a StartUp must carry. */
  #token: string | null

  constructor(options: CoreOptions) {
    this.#options = options
    this.#topology = options.topology
    this.#barrier = new Barrier(options.topology.nodesCount)
    this.#routes = new RouteBook(options.topology.nodesCount)
    const { config } = options
    this.#token = options.token
    this.#derivesHere = config.routing !== null && distanceFormula(config.topology) === null
    this.#maxNodes = new MaxNodes(config)
    this.traffic = new Traffic({
      config,
      topology: options.topology,
      sessionOf: id => this.#directory.get(id),
      listener: options.traffic ?? nobody,
      warn: message => options.onEvent({ kind: 'warning', message }),
    })
  }

  get connectedCount(): number {
    return this.#barrier.connectedCount
  }

  get readyCount(): number {
    return this.#barrier.readyCount
  }

  /** Nodes that join from now on must show it. */
  requireToken(token: string): void {
    this.#token = token
  }

  missing(): Missing {
    return this.#barrier.missing()
  }

  /** A connection was opened. */
  open(port: Port): Session {
    return new Session(port)
  }

  /** A valid message arrived. */
  receive(session: Session, message: NodeMessage): void {
    if (session.stage === 'closed') return
    if (message.type === 'StartUp') {
      if (session.stage === 'fresh') this.#join(session, message)
      else this.refuse(session, 'out_of_order', 'StartUp was sent before on this connection')
      return
    }
    if (session.stage !== 'joined') {
      this.refuse(session, 'out_of_order', `${message.type} before StartUp`)
    } else if (message.node_id !== session.nodeId) {
      const reason = `${message.type} of node ${message.node_id} on the connection of node ${session.nodeId}`
      this.refuse(session, 'out_of_order', reason)
    } else if (message.type === 'Leave') {
      this.#close(session, closeCodes.normal, 'left')
      this.#leave(session, message.reason)
    } else if (message.type === 'NodeLost') {
      this.#lost(session, message)
    } else if (message.type === 'NodeTopologyReady') {
      this.#ready(session)
    } else if (message.type === 'RoutesReady') {
      this.#flowGate.prepared(gateSession(session), this.#fleets)
    } else if (message.type === 'LinksChanged') {
      if (message.links_up >= message.links_expected) this.#ready(session)
      else this.#barrier.notReady(session.nodeId)
    } else {
      this.traffic.hear(message)
    }
  }

  /** Refuses a peer: says why, closes, and if it had joined, its node has left. Does nothing on a closed session. */
  refuse(session: Session, code: RefusalCode, reason: string, nodeId = session.nodeId): void {
    if (session.stage === 'closed') return
    const wasJoined = session.stage === 'joined'
    if (session.stage === 'contending') this.#contests.abandon(session)
    session.port.send({ type: 'Refused', code, reason })
    this.#close(session, closeCodes.policy, code)
    this.#options.onEvent({ kind: 'refused', code, reason, ...(nodeId === 0 ? {} : { node_id: nodeId }) })
    if (wasJoined) this.#leave(session, `refused: ${reason}`)
  }

  /** The connection ended by itself. Does nothing on a closed session. */
  closed(session: Session, reason: string): void {
    if (session.stage === 'closed') return
    const wasJoined = session.stage === 'joined'
    if (session.stage === 'contending') this.#contests.abandon(session)
    session.stage = 'closed'
    if (wasJoined) this.#leave(session, reason)
  }

  /** The peer has answered what it was asked through its port: it lives. */
  answered(session: Session): void {
    const contender = session.stage === 'joined' ? this.#contests.end(session.nodeId) : undefined
    if (contender === undefined) return
    const identity = identityOf(contender.message)
    this.refuse(contender.session, 'id_taken', takenReason(session.identity, identity), identity.nodeId)
  }

  /** A route was added, changed or (null) removed, before or during the run. */
  setRoute(routeId: number, edges: RouteEdges | null): void {
    try {
      for (const id of this.#routes.set(routeId, edges)) {
        const session = this.#directory.get(id)
        if (session !== undefined) this.#sendRoutes(session)
      }
    } catch (error) {
      if (!(error instanceof RouteInvalid)) throw error
      this.#options.onEvent({ kind: 'warning', message: `${error.message}; it is ignored` })
    }
  }

  /** These are all routes there are: the others are removed. */
  replaceRoutes(routes: ReadonlyMap<number, RouteEdges>): void {
    for (const id of this.#routes.ids()) if (!routes.has(id)) this.setRoute(id, null)
    for (const [id, edges] of routes) this.setRoute(id, edges)
  }

  /** Closes every session; neighbours are not told of each other's end any more. */
  end(): void {
    this.#ending = true
    for (const session of [...this.#directory.values()]) {
      this.#close(session, closeCodes.goingAway, 'the controller is ending')
      this.#leave(session, 'the controller is ending')
    }
  }

  #join(session: Session, message: Extract<NodeMessage, { type: 'StartUp' }>): void {
    const identity = identityOf(message)
    const older = this.#directory.get(identity.nodeId)
    const objection = this.#objectionTo(identity, message.token, older?.identity)
    const ofAnother = objection?.code === 'id_taken' && older !== undefined && older.identity.fleet !== identity.fleet
    if (ofAnother && this.#contests.begin({ session, message })) {
      session.stage = 'contending'
      older.port.ask()
      return
    }
    if (objection !== null) {
      this.refuse(session, objection.code, objection.reason, identity.nodeId)
      return
    }
    if (older !== undefined) {
      // It lives: its next incarnation is here.
      this.answered(older)
      this.refuse(older, 'replaced', `incarnation ${identity.incarnation} of node ${identity.nodeId} took its place`)
    }
    this.#welcome(session, identity)
  }

  /** Why a node may not join; null when it may. `older` is who is connected under its id. */
  #objectionTo(identity: Identity, token: string | undefined, older: Identity | undefined): Objection | null {
    const { nodeId, incarnation } = identity
    if (this.#ending) return { code: 'ending', reason: 'the controller is ending' }
    if (this.#token !== null && token !== this.#token) {
      return { code: 'token_required', reason: token === undefined ? 'a token is required' : 'the token is wrong' }
    }
    if (!this.#isInPlan(nodeId)) {
      return { code: 'unknown_id', reason: `node ${nodeId} is not in the plan of ${this.#topology.nodesCount}` }
    }
    if (older !== undefined && (incarnation <= older.incarnation || identity.fleet !== older.fleet)) {
      return { code: 'id_taken', reason: takenReason(older, identity) }
    }
    const conflict = this.#directory.conflict(identity)
    if (conflict === null) return null
    return {
      code: 'address_taken',
      reason: `address ${conflict.address} of node ${nodeId} belongs to node ${conflict.nodeId}`,
    }
  }

  #welcome(session: Session, identity: Identity): void {
    const { nodeId } = identity
    session.join(identity)
    this.#directory.add(session)
    const isLast = this.#barrier.connect(nodeId)
    const operatingMode = this.#maxNodes.join(identity)
    session.port.together(() => {
      const { config, runId } = this.#options
      const neighbours = this.#neighboursOf(nodeId)
      session.port.send(startUpFor(nodeId, config, runId, neighbours, operatingMode, this.#derivesHere))
      for (const id of neighbours) {
        const other = this.#directory.get(id)
        if (other === undefined) continue
        const remote_addr = addressBetween(identity, other.identity)
        session.port.send({ type: 'AddNode', remote_node_id: id, remote_addr })
      }
      this.#sendRoutes(session)
      if (this.#trafficIsOut) this.#sendTraffic(session)
    })
    if (this.#trafficIsOut && operatingMode === 'max') this.#announceMaxAddress(session)
    this.#options.onNode({ ...identity, connected: true })
    this.#options.onEvent({ kind: 'node_connected', node_id: nodeId, incarnation: identity.incarnation })
    if (isLast) this.#allConnected()
  }

  #allConnected(): void {
    this.#options.onEvent({ kind: 'all_connected' })
    this.#trafficIsOut = true
    for (const session of this.#directory.values()) if (!session.toldTraffic) this.#sendTraffic(session)
    this.#options.onEvent({ kind: 'flows_sent' })
  }

  #ready(session: Session): void {
    if (this.#barrier.isReady(session.nodeId)) return
    const isLast = this.#barrier.ready(session.nodeId)
    this.#options.onEvent({ kind: 'node_ready', node_id: session.nodeId })
    if (!isLast) return
    this.#options.onEvent({ kind: 'all_wired' })
    for (const other of this.#directory.values()) {
      if (other.toldReady) continue
      other.toldReady = true
      other.port.sendText(topologyReadyText)
    }
  }

  /** A node has died, by the word of another of its fleet. What is known, or was before it came back, is no news. */
  #lost(teller: Session, { lost_node_id, incarnation, reason }: Extract<NodeMessage, { type: 'NodeLost' }>): void {
    const session = this.#directory.get(lost_node_id)
    if (session === undefined || session.identity.incarnation > incarnation) return
    const { fleet } = teller.identity
    if (fleet === undefined || fleet !== session.identity.fleet) {
      const message = `node ${teller.nodeId} says that node ${lost_node_id}, of another fleet, is lost; it is ignored`
      this.#options.onEvent({ kind: 'warning', message })
      return
    }
    this.#close(session, closeCodes.normal, 'lost')
    this.#leave(session, reason)
  }

  #leave(session: Session, reason: string): void {
    const { identity } = session
    this.#directory.remove(session)
    this.#barrier.leave(identity.nodeId)
    if (!this.#ending) {
      for (const id of this.#neighboursOf(identity.nodeId)) {
        this.#directory.get(id)?.port.send({ type: 'RemoveNode', remote_node_id: identity.nodeId, reason })
      }
    }
    this.#options.onNode({ ...identity, connected: false })
    this.#options.onEvent({ kind: 'node_left', node_id: identity.nodeId, reason })
    this.#flowGate.look(this.#fleets)
    const contender = this.#contests.end(identity.nodeId)
    if (contender === undefined) return
    contender.session.stage = 'fresh'
    this.#join(contender.session, contender.message)
  }

  #close(session: Session, code: number, reason: string): void {
    session.stage = 'closed'
    session.port.close(code, reason)
  }

  #sendRoutes(session: Session): void {
    const routes = this.#routes.entriesOf(session.nodeId)
    if (this.#derivesHere) {
      const next_hop_runs = nextHopRuns(this.#topology, session.nodeId)
      session.port.send({ type: 'InstallRoutes', routes, next_hop_runs })
    } else if (routes.length === 0) {
      session.port.sendText(noRoutesText)
    } else {
      session.port.send({ type: 'InstallRoutes', routes })
    }
  }

  #sendTraffic(session: Session): void {
    session.toldTraffic = true
    const messages = this.traffic.messagesFor(session.nodeId)
    const isMax = this.#maxNodes.has(session.nodeId)
    if (messages.length === 0 && !isMax) return
    session.port.together(() => {
      if (isMax) this.#sendMaxAddresses(session)
      for (const message of messages) session.port.send(message)
    })
  }

  /** Where neighbours in max mode take flows. */
  #sendMaxAddresses(session: Session): void {
    for (const id of this.#neighboursOf(session.nodeId)) {
      const other = this.#maxNodes.has(id) ? this.#directory.get(id) : undefined
      if (other !== undefined) session.port.send(this.#maxNodes.addressFor(session.identity, other.identity))
    }
  }

  /** A node that came back may have moved. */
  #announceMaxAddress(session: Session): void {
    for (const id of this.#neighboursOf(session.nodeId)) {
      const other = this.#maxNodes.has(id) ? this.#directory.get(id) : undefined
      if (other?.toldTraffic === true) other.port.send(this.#maxNodes.addressFor(other.identity, session.identity))
    }
  }

  readonly #fleets = (): (string | undefined)[] => [...this.#directory.values()].map(({ identity }) => identity.fleet)

  #isInPlan(id: number): boolean {
    return id >= 1 && (this.#topology.nodesCount === 0 || id <= this.#topology.nodesCount)
  }

  #neighboursOf(id: number): Uint32Array {
    return id > this.#topology.nodesCount ? noNeighbours : neighboursOf(this.#topology, id)
  }
}

const gateSession = (session: Session): FleetSession => ({
  fleet: session.identity.fleet,
  release: () => {
    if (session.stage === 'joined') session.port.send({ type: 'MayStartFlows' })
  },
})

const noNeighbours = new Uint32Array(0)

interface Objection {
  readonly code: RefusalCode
  readonly reason: string
}
