// All nodes of one host, from the first kernel call to the kernel's word that nothing is left.
// Nodes join as soon as each namespace is complete, while later ones are still being made.

import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { isLoopback } from '../config/host.ts'
import type { DataplaneConfig } from '../config/types.ts'
import type { Addon } from '../native/addon.ts'
import { kernelError } from '../native/error.ts'
import type { Fabric, FabricOptions, FabricSpec, FabricTimings } from '../native/fabric.ts'
import type { Netns } from '../native/netns.ts'
import type { RunEvent } from '../protocol/events.ts'
import type { LinkEnd } from '../protocol/steering.ts'
import { Alarms } from './alarms.ts'
import { FleetNode } from './fleet-node.ts'
import { KeepAlive } from './keep-alive.ts'
import { linkEndsOf } from './link-ends.ts'
import { Membership } from './membership.ts'
import { NodeAgent } from './node-agent.ts'
import { Recovery } from './recovery.ts'
import { describeRemains } from './remains.ts'
import { Traffic } from './traffic/traffic.ts'
import { type Walk, Walks } from './walks.ts'

/** An event before it has its time and place. */
export type FleetEvent = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 't_s' | 'from'> : never) : never

export interface FleetOptions {
  readonly native: Pick<Addon, 'Fabric' | 'Links' | 'PacketEngine' | 'awaitNetnsCleanup'>
  /** The fabric root. Borrowed: must outlive the fleet. */
  readonly root: Netns
  readonly spec: FabricSpec
  readonly config: DataplaneConfig
  /** A loopback host is the machine's own controller: each node dials its gateway. */
  readonly controller: { readonly host: string; readonly port: number }
  /** 32 hex digits; absent: the controller's. */
  readonly runId?: string
  /** Topology neighbours by id, where they are known. */
  readonly peersOf?: (nodeId: number) => readonly number[]
  /** From makeFleetName; absent: a new one. */
  readonly name?: string
  /** The first incarnation of each node: above that of any fleet with the same ids before this one. */
  readonly firstIncarnation: number
  readonly clock: Clock
  readonly random: Random
  /** `atNs`: when it happened, where that is not now. */
  readonly emit: (event: FleetEvent, atNs?: bigint) => void
  /** Called once when the fleet can't go on; `stop` is still to be called. */
  readonly onFatal: (error: NslabError) => void
  /** Fault injection for tests, handed to the fabric. */
  readonly failAt?: NonNullable<FabricOptions['failAt']>
}

export interface FleetEnd {
  readonly facts: Readonly<Record<string, number>>
  /** What the kernel had not removed at the deadline, and what keeps it: a line each. */
  readonly remaining: readonly string[]
}

/** Read by people, compared by the controller: no two fleets have the same, on equal machines neither. */
export function makeFleetName(): string {
  return `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`
}

export class Fleet {
  /** Of its packets. */
  readonly traffic: Traffic
  readonly #options: FleetOptions
  readonly #nodes: readonly FleetNode[]
  readonly #fabric: Fabric
  readonly #alarms: Alarms<FleetNode>
  readonly #recovery: Recovery
  readonly #membership: Membership
  readonly #walks: Walks
  readonly #keepAlive: KeepAlive
  #building: Promise<FabricTimings> | null = null
  #timings: FabricTimings | null = null
  #ending: Promise<FleetEnd> | null = null
  #failed = false

  constructor(options: FleetOptions) {
    const { config, spec, clock, random, controller, native } = options
    this.#options = options
    this.#fabric = new native.Fabric(options.root, spec, {
      onReady: indexes => this.#complete(indexes),
      carrierWaitMs: config.carrierMaxWaitMs,
      onLost: (index, reason) => this.#recovery.died(this.#nodes[index] as FleetNode, reason),
      ...(options.failAt === undefined ? undefined : { failAt: options.failAt }),
    })
    this.#alarms = new Alarms<FleetNode>(clock, node => this.#recovery.ring(node))
    // Agents call membership, membership calls recovery, recovery calls membership: the nodes are filled in last.
    const nodes: FleetNode[] = []
    this.#nodes = nodes
    this.#recovery = new Recovery(
      {
        nodes,
        fabric: this.#fabric,
        alarms: this.#alarms,
        clock,
        random,
        onNodeDeath: config.onNodeDeath,
        controllerOnLink: isLoopback(controller.host),
      },
      {
        lost: (node, reason) => options.emit({ kind: 'node_lost', node_id: node.nodeId, reason }),
        restarted: (node, reason) => {
          options.emit({ kind: 'node_restarted', node_id: node.nodeId, reason })
          this.#tellUp(node)
        },
        linkRefused: event => {
          const { nodeId: node_id, peerId: peer_id, reason } = event
          options.emit({ kind: 'link_refused', node_id, peer_id, reason }, event.atNs)
        },
        token: event => this.#walks.see(event),
        fatal: error => this.#fail(error),
      },
    )
    this.traffic = new Traffic({
      PacketEngine: native.PacketEngine,
      config,
      nodes,
      nodesCount: spec.nodes.length,
      netnsOf: node => this.#fabric.netns(node.index),
      clock,
      warn: message => options.emit({ kind: 'warning', message }),
    })
    this.#membership = new Membership(
      {
        nodes,
        fabric: this.#fabric,
        Links: native.Links,
        traffic: this.traffic,
        alarms: this.#alarms,
        clock,
        controllerHost: isLoopback(controller.host) ? null : controller.host,
        controllerPort: controller.port,
        connectTimeoutMs: config.controllerConnectTimeoutMs,
        peerSilenceMs: config.peerSilenceMs,
        linkPort: config.privateNetworkPort,
        protocol: config.protocol ?? 'tcp',
        neighboursPlanned: options.peersOf !== undefined,
        ...(options.runId === undefined ? undefined : { runId: options.runId }),
        ...(options.peersOf === undefined ? undefined : { peersOf: options.peersOf }),
      },
      this.#recovery,
    )
    this.#recovery.attach(this.#membership)
    this.#walks = new Walks(nodes, this.#membership, options.emit)
    const fleet = options.name ?? makeFleetName()
    for (const [index, node] of spec.nodes.entries()) {
      const identity = {
        nodeId: node.nodeId,
        address: node.address,
        port: config.privateNetworkPort,
        privateNetworkName: config.privateNetworkName,
        fleet,
        ...(config.token === undefined ? undefined : { token: config.token }),
        ...(config.operatingMode === undefined ? undefined : { operatingMode: config.operatingMode }),
      }
      const agent = new NodeAgent(identity, this.#membership, this.traffic)
      nodes.push(new FleetNode(index, node, options.firstIncarnation, agent))
    }
    this.#keepAlive = new KeepAlive(nodes)
  }

  /**
   * Makes the fabric; its nodes join meanwhile. Resolves when every namespace is complete, which is not when every
   * node has joined. Throws KERNEL_REFUSED, everything made being undone, or INTERRUPTED after `stop`.
   * `token`: what nodes show the controller in place of their configuration's.
   */
  async build(token?: string): Promise<void> {
    if (token !== undefined) for (const { agent } of this.#nodes) agent.token = token
    if (this.#ending !== null) throw new NslabError('INTERRUPTED', { signal: 'stop' })
    this.#options.emit({ kind: 'fabric_started' })
    this.#building = this.#fabric.build()
    try {
      this.#timings = await this.#building
    } catch (error) {
      throw this.#ending === null ? (kernelError(error) ?? error) : new NslabError('INTERRUPTED', { signal: 'stop' })
    }
    this.#options.emit({ kind: 'fabric_ended' }, this.#timings.endedNs)
  }

  /**
   * Where a node's namespace is: a descriptor of this process. Null when the id is not of this fleet or the node has
   * none.
   */
  whereIs(nodeId: number): { readonly fd: number; readonly address: string; readonly cookie: bigint } | null {
    const node = this.#nodes[nodeId - this.firstId]
    if (node === undefined || this.#ending !== null || node.stage === 'absent' || node.stage === 'rebuilding')
      return null
    try {
      const netns = this.#fabric.netns(node.index)
      return { fd: netns.fd, address: node.spec.address, cookie: netns.identity.cookie }
    } catch {
      return null
    }
  }

  /**
   * The same for somebody who enters the node: it has its TUN interface by then, where nodes have any. `problem`: why
   * it has none.
   */
  async visit(nodeId: number): Promise<(NonNullable<ReturnType<Fleet['whereIs']>> & { problem?: string }) | null> {
    if (this.whereIs(nodeId) === null) return null
    const problem = await this.traffic.enter(nodeId)
    // It may have been made again meanwhile.
    const place = this.whereIs(nodeId)
    if (place === null || problem === null) return place
    this.#options.emit({ kind: 'warning', message: problem })
    return { ...place, problem }
  }

  /**
   * Lets nothing of the node's kernel reach the address, or all again: links of either transport and streams alike, as
   * where a cable is pulled. Ends with the node's namespace. Resolves with why it could not be done, or null.
   */
  async cutWay(nodeId: number, address: string, cut: boolean): Promise<string | null> {
    const node = this.#nodes[nodeId - this.firstId]
    if (node === undefined) return `node ${nodeId} is not of this fleet`
    try {
      const netns = this.#fabric.netns(node.index)
      const routes = [{ to: `${address}/32`, via: null }]
      await (cut ? netns.addRoutes(routes) : netns.removeRoutes(routes))
      return null
    } catch (error) {
      return (error as Error).message
    }
  }

  /** Takes part in a walk, and starts it where its first node is here. Walks before it have ended. */
  walk(walk: Walk): void {
    this.#walks.begin(walk)
  }

  /** Every link end that is up. Rejects with ECANCELED when the fleet ends meanwhile. */
  async linkEnds(): Promise<LinkEnd[]> {
    return linkEndsOf(await this.#membership.listLinks())
  }

  get firstId(): number {
    return (this.#nodes[0] as FleetNode).nodeId
  }

  get lastId(): number {
    return (this.#nodes.at(-1) as FleetNode).nodeId
  }

  /** Counts of now, for the outcome of a run. */
  facts(): Record<string, number> {
    const { reconnects, restarts, linksRefused, dialsFailed } = this.#recovery.counts
    let lost = 0
    let ready = 0
    for (const { stage, agent } of this.#nodes) {
      if (stage === 'lost') lost++
      if (agent.isReady) ready++
    }
    const { flowsHeld, routesHeld } = this.traffic.facts()
    return {
      links_up_count: this.#membership.linkEndsUp,
      links_refused_count: linksRefused,
      link_dials_failed_count: dialsFailed,
      control_reconnects_count: reconnects,
      node_restarts_count: restarts,
      nodes_lost_count: lost,
      nodes_ready_count: ready,
      flows_held_count: flowsHeld,
      routes_held_count: routesHeld,
      fabric_kernel_calls_count: this.#timings?.kernelCalls ?? 0,
      ...this.#phaseFacts(),
    }
  }

  /**
   * Ends everything, whatever is under way, and waits at most `deadlineMs` for the kernel's word that all is gone.
   * Safe to call at any time; later calls give the first one's result.
   */
  stop(deadlineMs: number): Promise<FleetEnd> {
    this.#ending ??= this.#end(deadlineMs)
    return this.#ending
  }

  async #end(deadlineMs: number): Promise<FleetEnd> {
    const { clock } = this.#options
    const startedNs = clock.nowNs()
    const facts = this.facts()
    this.#recovery.close()
    this.#keepAlive.close()
    this.#fabric.cancel()
    await this.traffic.lastWords()
    await this.#membership.close('the fleet ends')
    await this.#building?.catch(() => {})
    const spentMs = Number((clock.nowNs() - startedNs) / 1_000_000n)
    const timings = await this.#fabric.teardown(Math.max(0, deadlineMs - spentMs))
    const remaining = await describeRemains(timings.remaining, {
      native: this.#options.native,
      waitedS: Number(timings.goneNs - timings.releasedNs) / 1e9,
      inodeOf: index => this.#nodes[index]?.inode ?? null,
    })
    return {
      facts: {
        ...facts,
        teardown_s: Number(timings.goneNs - startedNs) / 1e9,
        teardown_released_s: Number(timings.releasedNs - startedNs) / 1e9,
        netns_gone_s: Number(timings.goneNs - timings.releasedNs) / 1e9,
      },
      remaining,
    }
  }

  #complete(indexes: readonly number[]): void {
    if (this.#ending !== null) return
    for (const index of indexes) {
      const node = this.#nodes[index] as FleetNode
      this.#tellUp(node)
      if (node.stage === 'absent') this.#membership.enqueue(node)
    }
  }

  /** One that was lost again before this was heard has no namespace; its loss is on its way. */
  #tellUp(node: FleetNode): void {
    node.netns = null
    try {
      node.netns = this.#fabric.netns(node.index)
    } catch {
      return
    }
    const { inode, cookie } = node.netns.identity
    node.inode = Number(inode)
    const netns = { netns_inode: node.inode, netns_cookie: String(cookie) }
    this.#options.emit({ kind: 'node_up', node_id: node.nodeId, ...netns })
  }

  #fail(error: NslabError): void {
    if (this.#failed || this.#ending !== null) return
    this.#failed = true
    this.#options.onFatal(error)
  }

  #phaseFacts(): Record<string, number> {
    const phases = Object.entries(this.#timings?.phasesNs ?? {})
    return Object.fromEntries(phases.map(([name, ns]) => [`fabric_${name}_s`, ns / 1e9]))
  }
}
