// What one node knows and does: messages and link events in, effects out. No sockets, no time.
// One incarnation is one life of its control connection; `connected` starts the next.

import { parseControllerAddr } from '../config/host.ts'
import type { ControllerMessage, NodeMessage, RefusalCode } from '../protocol/messages.ts'

export type StartUpReply = Extract<ControllerMessage, { type: 'StartUp' }>

/** What a controller says of a node's packets. */
export type TrafficMessage = Extract<
  ControllerMessage,
  {
    type:
      | 'InstallRoutes'
      | 'InstallGroupDirectory'
      | 'InstallGroupRoutes'
      | 'SetLinkRate'
      | 'SetLink'
      | 'AddFlows'
      | 'RemoveFlows'
      | 'ProbeLink'
      | 'ExpectProbe'
      | 'MayStartFlows'
      | 'TopologyReady'
      | 'AddNodeAddress'
      | 'RemoveNode'
  }
>

/** What an agent asks of the fleet. One object serves all agents, so each call says which. */
export interface AgentEffects {
  send(agent: NodeAgent, message: NodeMessage): void
  /** The controller has accepted the node. Called once an incarnation, before any dial. */
  joined(agent: NodeAgent, reply: StartUpReply): void
  /** The ids to keep links with have changed after joining. */
  setPeers(agent: NodeAgent, peers: readonly number[]): void
  dial(agent: NodeAgent, peerId: number, address: string, port: number): void
  cancelDial(agent: NodeAgent, peerId: number): void
  /** The controller will have nothing to do with this node; it closes the connection. */
  refused(agent: NodeAgent, code: RefusalCode, reason: string): void
  /** The controller broke the protocol: the connection must be closed and tried anew. */
  broken(agent: NodeAgent, reason: string): void
}

/** Where what is said of packets goes. One object serves all agents, so each call says which. */
export interface AgentTraffic {
  /** The controller has accepted the node; what it says from now on is all that holds. */
  greeted(agent: NodeAgent, reply: StartUpReply): void
  told(agent: NodeAgent, message: TrafficMessage): void
  /** The control connection of an accepted node is gone. */
  parted(agent: NodeAgent): void
}

export interface AgentIdentity {
  readonly nodeId: number
  /** IPv4 address of the node; private and public are one. */
  readonly address: string
  readonly port: number
  readonly privateNetworkName: string
  readonly fleet?: string
  readonly token?: string
  readonly operatingMode?: 'max'
}

export class NodeAgent {
  readonly identity: AgentIdentity
  /** What it shows the controller; its identity's unless set. */
  token: string | undefined
  #effects: AgentEffects
  #traffic: AgentTraffic
  #incarnation = 0
  #joined = false
  #hasRoutes = false
  #saidReady = false
  #topologyReady = false
  /** Ids that links are kept with. */
  #expected = new Set<number>()
  /** Peers whose link is up, expected or not: a peer may dial before this node knows of it. */
  #up = new Set<number>()
  #linksUp = 0
  /** Neighbours this node was told to dial, and where. */
  #dials = new Map<number, string>()

  constructor(identity: AgentIdentity, effects: AgentEffects, traffic: AgentTraffic) {
    this.identity = identity
    this.token = identity.token
    this.#effects = effects
    this.#traffic = traffic
  }

  get nodeId(): number {
    return this.identity.nodeId
  }

  get incarnation(): number {
    return this.#incarnation
  }

  get isJoined(): boolean {
    return this.#joined
  }

  /** Whether NodeTopologyReady was sent in this incarnation. */
  get isReady(): boolean {
    return this.#saidReady
  }

  get linksUp(): number {
    return this.#linksUp
  }

  get linksExpected(): number {
    return this.#expected.size
  }

  /** Ids that links are kept with, rising. */
  get neighbours(): readonly number[] {
    return [...this.#expected].sort((a, b) => a - b)
  }

  /** Whether every node of the plan has been ready, by the controller's word in this incarnation. */
  get isTopologyReady(): boolean {
    return this.#topologyReady
  }

  /** A control connection is open: greets the controller as `incarnation`. Links of earlier incarnations are gone. */
  connected(incarnation: number): void {
    this.disconnected()
    this.#incarnation = incarnation
    const { nodeId, address, port, privateNetworkName, fleet, operatingMode } = this.identity
    const { token } = this
    const listener = `${address}:${port}`
    this.#effects.send(this, {
      type: 'StartUp',
      node_id: nodeId,
      private_network_name: privateNetworkName,
      private_network_addr: listener,
      public_network_addr: listener,
      incarnation,
      ...(fleet === undefined ? undefined : { fleet }),
      ...(token === undefined ? undefined : { token }),
      ...(operatingMode === undefined ? undefined : { operating_mode: operatingMode }),
    })
  }

  /** The control connection is gone. Links stay as they are until the next incarnation. */
  disconnected(): void {
    if (this.#joined) this.#traffic.parted(this)
    this.#joined = false
    this.#hasRoutes = false
    this.#saidReady = false
    this.#topologyReady = false
    this.#expected.clear()
    this.#dials.clear()
    this.#linksUp = 0
  }

  /** All links of the node were dropped with its listener. */
  linksDropped(): void {
    this.#up.clear()
    this.#linksUp = 0
  }

  receive(message: ControllerMessage): void {
    if (message.type === 'Refused') {
      this.#effects.refused(this, message.code, message.reason)
      return
    }
    if (message.type === 'StartUp') {
      this.#receiveStartUp(message)
      return
    }
    if (!this.#joined) {
      this.#effects.broken(this, `${message.type} before StartUp`)
      return
    }
    switch (message.type) {
      case 'AddNode':
        this.#receiveAddNode(message.remote_node_id, message.remote_addr)
        return
      case 'RemoveNode':
        if (this.#dials.delete(message.remote_node_id)) this.#effects.cancelDial(this, message.remote_node_id)
        this.#traffic.told(this, message)
        return
      case 'InstallRoutes':
        this.#traffic.told(this, message)
        this.#hasRoutes = true
        this.#sayWhenReady()
        return
      case 'TopologyReady':
        this.#topologyReady = true
        this.#traffic.told(this, message)
        return
      case 'InstallGroupDirectory':
      case 'InstallGroupRoutes':
      case 'SetLinkRate':
      case 'SetLink':
      case 'AddFlows':
      case 'RemoveFlows':
      case 'ProbeLink':
      case 'ExpectProbe':
      case 'MayStartFlows':
        this.#traffic.told(this, message)
        return
      case 'AddNodeAddress':
        if (parseControllerAddr(message.remote_max_server_addr) === null)
          this.#effects.broken(this, `AddNodeAddress of ${JSON.stringify(message.remote_max_server_addr)}`)
        else this.#traffic.told(this, message)
        return
      default:
        this.#effects.broken(this, `unknown message ${JSON.stringify((message as { type: unknown }).type)}`)
    }
  }

  linkUp(peerId: number): void {
    if (this.#up.has(peerId)) return
    this.#up.add(peerId)
    if (this.#expected.has(peerId)) this.#linksMoved(1)
  }

  /** A link is down. Dials it again if dialling it is this node's part. */
  linkDown(peerId: number): void {
    if (!this.#up.delete(peerId)) return
    if (this.#expected.has(peerId)) this.#linksMoved(-1)
    const address = this.#dials.get(peerId)
    if (address !== undefined) this.#dial(peerId, address)
  }

  #receiveStartUp(reply: StartUpReply): void {
    if (this.#joined) {
      this.#effects.broken(this, 'a second StartUp')
      return
    }
    if (reply.node_id !== this.nodeId) {
      this.#effects.broken(this, `StartUp for node ${reply.node_id}`)
      return
    }
    this.#joined = true
    for (const peer of reply.neighbours) this.#expect(peer)
    this.#effects.joined(this, reply)
    // A run of its own is refused by whoever was told of it.
    if (this.#joined) this.#traffic.greeted(this, reply)
  }

  #receiveAddNode(peerId: number, address: string): void {
    if (peerId === this.nodeId || parseControllerAddr(address) === null) {
      this.#effects.broken(this, `AddNode of ${peerId} at ${JSON.stringify(address)}`)
      return
    }
    if (!this.#expected.has(peerId)) {
      this.#expect(peerId)
      this.#effects.setPeers(this, [...this.#expected])
    }
    this.#dials.set(peerId, address)
    if (!this.#up.has(peerId)) this.#dial(peerId, address)
  }

  #expect(peerId: number): void {
    if (this.#expected.has(peerId)) return
    this.#expected.add(peerId)
    if (this.#up.has(peerId)) this.#linksUp++
  }

  #dial(peerId: number, address: string): void {
    const target = parseControllerAddr(address)
    if (target !== null) this.#effects.dial(this, peerId, target.host, target.port)
  }

  #linksMoved(by: number): void {
    this.#linksUp += by
    if (!this.#saidReady) {
      this.#sayWhenReady()
      return
    }
    this.#effects.send(this, {
      type: 'LinksChanged',
      node_id: this.nodeId,
      links_up: this.#linksUp,
      links_expected: this.#expected.size,
    })
  }

  #sayWhenReady(): void {
    if (this.#saidReady || !this.#joined || !this.#hasRoutes || this.#linksUp < this.#expected.size) return
    this.#saidReady = true
    this.#effects.send(this, { type: 'NodeTopologyReady', node_id: this.nodeId })
  }
}
