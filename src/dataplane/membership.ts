// How nodes of a fleet become members of the controller's network, and how they leave it again:
// control connection, link listener, greeting, dials. What a failure means is decided in recovery.ts.

import { Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import type { PacketEngine } from '../native/engine.ts'
import type { Fabric } from '../native/fabric.ts'
import type { LinkEvent, Links, LinksConstructor } from '../native/links.ts'
import type { ControllerMessage, NodeMessage, RefusalCode } from '../protocol/messages.ts'
import type { Alarms } from './alarms.ts'
import { ControlConnection, type ControlHandlers } from './control-connection.ts'
import type { FleetNode } from './fleet-node.ts'
import { foreignOf, type Reply } from './foreign.ts'
import { JoinWindow } from './join-window.ts'
import type { AgentEffects, NodeAgent } from './node-agent.ts'
import type { Traffic } from './traffic/traffic.ts'

export interface MembershipOptions {
  readonly nodes: readonly FleetNode[]
  readonly fabric: Fabric
  readonly Links: LinksConstructor
  readonly traffic: Traffic
  /** Alarms of the fleet; one that rings for a joining node is its join's deadline. */
  readonly alarms: Alarms<FleetNode>
  /** Where nodes dial; null: their own gateway, at `controllerPort`. */
  readonly controllerHost: string | null
  readonly controllerPort: number
  readonly connectTimeoutMs: number
  /** Links, and connections to a controller on another host, end when their peer was silent for so long. */
  readonly peerSilenceMs: number
  readonly clock: Clock
  readonly linkPort: number
  readonly protocol: 'tcp' | 'udp'
  /** 32 hex digits; absent: the controller's, which may then change with the controller. */
  readonly runId?: string
  /** Topology neighbours by id, where known before the controller says so: listeners open before the greeting. */
  readonly peersOf?: (nodeId: number) => readonly number[]
  /** Whether neighbour entries for peers inside the fleet are in the fabric's spec already. */
  readonly neighboursPlanned: boolean
}

/** What membership reports; recovery answers. */
export interface MembershipEvents {
  joinFailed(node: FleetNode, error: Error): void
  /** The control connection of a joined node ended. */
  parted(node: FleetNode, reason: string): void
  refused(node: FleetNode, code: RefusalCode, reason: string): void
  becameReady(node: FleetNode): void
  linkEvents(events: readonly LinkEvent[]): void
}

export class Membership implements AgentEffects, ControlHandlers<FleetNode> {
  readonly #options: MembershipOptions
  readonly #events: MembershipEvents
  #links: Links | null = null
  /** Of `links`. */
  #engine: PacketEngine | null = null
  /** Set while the listeners of an earlier run are being closed. */
  #closing: Promise<void> | null = null
  #runId: string | null = null
  #queue: FleetNode[] = []
  #queueHead = 0
  readonly #window = new JoinWindow()
  #open = true

  constructor(options: MembershipOptions, events: MembershipEvents) {
    this.#options = options
    this.#events = events
    if (options.runId !== undefined) this.#startLinks(options.runId)
  }

  /** Links up now, counted at the ends inside this fleet. */
  get linkEndsUp(): number {
    return this.#links?.endsUp ?? 0
  }

  /** Hands a token on. What comes of it is a link event. */
  sendToken(nodeId: number, peerId: number, walk: number, hops: number): void {
    this.#links?.sendToken(nodeId, peerId, walk, hops)
  }

  /** As Links.list(); nothing where there are no links to list. */
  listLinks(): Promise<Uint32Array> {
    return this.#links?.list() ?? Promise.resolve(new Uint32Array())
  }

  /** Has a node with a complete namespace join as soon as there is a place. */
  enqueue(node: FleetNode): void {
    node.stage = 'waiting'
    this.#queue.push(node)
    this.#pump()
  }

  /** Takes a node out: connection, listener, links, and whatever of a join is under way. */
  drop(node: FleetNode, stage: 'waiting' | 'rebuilding' | 'lost' | 'left', reason?: string): void {
    this.#abandon(node, stage)
    const connection = node.connection
    node.connection = null
    if (reason !== undefined) connection?.send({ type: 'Leave', node_id: node.nodeId, reason })
    connection?.close()
    node.agent.disconnected()
    this.#unlisten(node)
  }

  /** The deadline of a node's join has passed. */
  deadline(node: FleetNode): void {
    if (node.stage === 'joining') this.#fail(node, new Error('the controller did not answer in time'), 'late')
  }

  /** Every node leaves, every join and every link ends. */
  async close(reason: string): Promise<void> {
    this.#open = false
    this.#options.traffic.close()
    this.#queue = []
    const links = this.#links
    this.#links = null
    for (const node of this.#options.nodes) {
      this.#abandon(node, 'left')
      node.connection?.send({ type: 'Leave', node_id: node.nodeId, reason })
      node.connection?.close()
      node.connection = null
    }
    await this.#closing
    await links?.close()
    await this.#engine?.close()
  }

  // Joining, in order: socket, WebSocket, listener, greeting, the controller's StartUp.

  #pump(): void {
    // Without a run id no link can be proven, so one node asks for it first.
    const hasRoom = (): boolean => (this.#links === null ? this.#window.isIdle : this.#window.hasRoom)
    while (this.#open && hasRoom() && this.#queueHead < this.#queue.length) {
      const node = this.#queue[this.#queueHead++] as FleetNode
      if (node.stage === 'waiting') this.#join(node)
    }
    if (this.#queueHead === this.#queue.length) {
      this.#queue = []
      this.#queueHead = 0
    }
  }

  #join(node: FleetNode): void {
    node.stage = 'joining'
    this.#window.begun()
    const attempt = ++node.attempt
    const { alarms, connectTimeoutMs, controllerHost, controllerPort, fabric, peerSilenceMs } = this.#options
    alarms.set(node, connectTimeoutMs)
    const address = controllerHost ?? node.spec.gateway
    // The gateway is in this very kernel: it ends with its connections, or not at all.
    const silence = controllerHost === null ? {} : { silenceMs: peerSilenceMs }
    try {
      const netns = node.netns ?? fabric.netns(node.index)
      node.netns = null
      if (this.#options.peersOf !== undefined) this.#listen(node, this.#options.peersOf(node.nodeId), netns)
      netns.openSocket({ connect: { address, port: controllerPort, timeoutMs: connectTimeoutMs, ...silence } }).then(
        fd => {
          // As in ControlConnection.close: a FIN that nobody answers would keep the namespace.
          if (node.attempt !== attempt) new Socket({ fd }).resetAndDestroy()
          else node.connection = new ControlConnection(fd, `${address}:${controllerPort}`, node, this)
        },
        error => this.#failAttempt(node, attempt, error),
      )
    } catch (error) {
      this.#fail(node, error as Error)
    }
  }

  opened(node: FleetNode): void {
    if (node.stage !== 'joining') return
    if (node.greeted) node.incarnation++
    if (this.#options.peersOf === undefined) {
      this.#greet(node)
      return
    }
    const attempt = node.attempt
    const listening = node.listening ?? this.#listen(node, this.#options.peersOf(node.nodeId))
    listening.then(
      () => {
        if (node.attempt === attempt && node.stage === 'joining') this.#greet(node)
      },
      error => this.#failAttempt(node, attempt, error),
    )
  }

  #greet(node: FleetNode): void {
    node.greeted = true
    node.agent.connected(node.incarnation)
  }

  message(node: FleetNode, message: ControllerMessage): void {
    node.agent.receive(message)
  }

  closed(node: FleetNode, reason: string): void {
    node.connection = null
    if (node.stage === 'joining') {
      this.#fail(node, new Error(reason))
      return
    }
    if (node.stage !== 'joined') return
    node.agent.disconnected()
    this.#events.parted(node, reason)
  }

  #failAttempt(node: FleetNode, attempt: number, error: Error): void {
    const isLate = (error as NodeJS.ErrnoException).code === 'ETIMEDOUT'
    if (node.attempt === attempt && node.stage === 'joining') this.#fail(node, error, isLate ? 'late' : 'ended')
  }

  #fail(node: FleetNode, error: Error, how: 'late' | 'ended' = 'ended'): void {
    this.#abandon(node, 'waiting', how)
    node.connection?.close()
    node.connection = null
    node.agent.disconnected()
    this.#events.joinFailed(node, error)
  }

  /** Ends what is under way for a node, so that late answers find a newer attempt. */
  #abandon(node: FleetNode, stage: FleetNode['stage'], how: 'late' | 'ended' = 'ended'): void {
    this.#options.alarms.clear(node)
    node.attempt++
    const joining = node.stage === 'joining'
    node.stage = stage
    if (joining) this.#landed(how)
  }

  #landed(how: 'landed' | 'late' | 'ended'): void {
    this.#window[how]()
    this.#pump()
  }

  // Links.

  #startLinks(runId: string): void {
    this.#runId = runId
    // What the links of an earlier run still have to say is about no link of this one.
    const onEvents = (events: readonly LinkEvent[]): void => {
      if (this.#links === links) this.#events.linkEvents(events)
    }
    const { Links, peerSilenceMs, protocol, traffic } = this.#options
    const id = Buffer.from(runId, 'hex')
    this.#engine = traffic.begin(id)
    const links: Links = new Links(id, onEvents, peerSilenceMs, this.#engine, protocol)
    this.#links = links
  }

  /**
   * Opens the node's listener where it is not open. It outlives control connections: links go on without a controller.
   */
  #listen(node: FleetNode, peers: readonly number[], netns = this.#options.fabric.netns(node.index)): Promise<void> {
    if (node.listening !== null) return node.listening
    const links = this.#links as Links
    const { address } = node.spec
    const { nodeId, incarnation } = node
    const request = { nodeId, netns, address, port: this.#options.linkPort, incarnation, peers }
    node.peers = peers
    node.listeningSinceNs = this.#options.clock.nowNs()
    const listening = this.#closing === null ? links.addNode(request) : this.#closing.then(() => links.addNode(request))
    // Whoever waits for it sees the failure; when the join has failed meanwhile nobody does.
    listening.catch(() => {
      if (node.listening === listening) node.listening = null
    })
    node.listening = listening
    return listening
  }

  #unlisten(node: FleetNode): void {
    if (node.listening !== null) this.#links?.removeNode(node.nodeId)
    this.#options.traffic.forget(node.nodeId)
    node.listening = null
    node.preparing = null
    node.refusedDials = 0
    node.agent.linksDropped()
  }

  /** Takes up another controller's run: every link is proven anew, so every node joins anew. */
  #changeRun(runId: string, joining: FleetNode): void {
    const links = this.#links
    const engine = this.#engine
    for (const node of this.#options.nodes) {
      node.listening = null
      node.preparing = null
      node.agent.linksDropped()
      if (node !== joining && node.stage === 'joined') node.connection?.close('the controller has begun another run')
    }
    if (links !== null) {
      const ended = links.close().then(() => engine?.close())
      const closing = Promise.all([this.#closing, ended]).then(() => {
        if (this.#closing === closing) this.#closing = null
      })
      this.#closing = closing
    }
    this.#startLinks(runId)
  }

  // What the agents ask for.

  #node(agent: NodeAgent): FleetNode {
    const first = (this.#options.nodes[0] as FleetNode).nodeId
    return this.#options.nodes[agent.nodeId - first] as FleetNode
  }

  send(agent: NodeAgent, message: NodeMessage): void {
    const node = this.#node(agent)
    node.connection?.send(message)
    if (message.type === 'NodeTopologyReady') this.#events.becameReady(node)
  }

  joined(agent: NodeAgent, reply: Reply): void {
    const node = this.#node(agent)
    const foreign = foreignOf(this.#options, node.nodeId, reply)
    if (foreign !== null) {
      this.#fail(node, foreign)
      return
    }
    if (this.#runId !== reply.run_id) {
      if (this.#runId === null) this.#startLinks(reply.run_id)
      else this.#changeRun(reply.run_id, node)
    }
    this.#options.alarms.clear(node)
    node.stage = 'joined'
    node.failures = 0
    if (node.listening === null) this.#prepare(node, reply.neighbours)
    else if (!sameIds(node.peers, reply.neighbours)) this.setPeers(agent, reply.neighbours)
    this.#landed('landed')
  }

  /** Opens the listener and installs neighbour entries now that the neighbours are known; dials wait for both. */
  #prepare(node: FleetNode, neighbours: readonly number[]): void {
    const listening = this.#listen(node, neighbours)
    const addresses = this.#options.neighboursPlanned ? [] : this.#addressesBeside(node, neighbours)
    const entries = addresses.length === 0 ? null : this.#options.fabric.addNeighbours(node.index, addresses)
    const preparing = Promise.all([listening, entries])
    node.preparing = preparing
    const attempt = node.attempt
    preparing.then(
      () => {
        if (node.preparing === preparing) node.preparing = null
      },
      error => {
        if (node.attempt === attempt && node.stage === 'joined') node.connection?.close((error as Error).message)
      },
    )
  }

  /**
   * Addresses of those neighbours that are in this fleet and in the node's /22. Others are reached through the gateway,
   * or are answered for by it, and must not get the entry that the address rule would give them.
   */
  #addressesBeside(node: FleetNode, neighbours: readonly number[]): string[] {
    const { nodes } = this.#options
    const first = (nodes[0] as FleetNode).nodeId
    const addresses: string[] = []
    for (const id of neighbours) {
      const peer = nodes[id - first]
      if (peer !== undefined && peer.spec.bridge === node.spec.bridge) addresses.push(peer.spec.address)
    }
    return addresses
  }

  setPeers(agent: NodeAgent, peers: readonly number[]): void {
    this.#node(agent).peers = peers
    this.#links?.setPeers(agent.nodeId, peers)
  }

  dial(agent: NodeAgent, peerId: number, address: string, port: number): void {
    const node = this.#node(agent)
    if (node.preparing === null) {
      this.#links?.dial(agent.nodeId, peerId, address, port)
      return
    }
    const attempt = node.attempt
    node.preparing.then(
      () => {
        if (node.attempt === attempt) this.#links?.dial(agent.nodeId, peerId, address, port)
      },
      () => {},
    )
  }

  cancelDial(agent: NodeAgent, peerId: number): void {
    this.#links?.cancelDial(agent.nodeId, peerId)
  }

  refused(agent: NodeAgent, code: RefusalCode, reason: string): void {
    this.#events.refused(this.#node(agent), code, reason)
  }

  broken(agent: NodeAgent, reason: string): void {
    this.#node(agent).connection?.close(`the controller broke the protocol: ${reason}`)
  }
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
