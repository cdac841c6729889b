// The addon's types, and the only import of the .node file.
// Everything asynchronous here runs on native threads: no Node.js thread ever changes namespace.

import { createRequire } from 'node:module'
import type { ChurnerConstructor } from './churner.ts'
import type { DiagPollerConstructor } from './diag.ts'
import type { DiscoveryConstructor } from './discovery.ts'
import type { PacketEngine, PacketEngineConstructor } from './engine.ts'

/** Identity of a network namespace. `cookie` is never reused by the kernel; compare for equality only. */
export interface NetnsIdentity {
  readonly cookie: bigint
  readonly device: bigint
  readonly inode: bigint
  /** Creation time of the nsfs inode, ns since the epoch: the identity's last resort where there is no cookie. */
  readonly createdNs: bigint
}

export interface ListenRequest {
  readonly listen: { readonly address: string; readonly port: number; readonly backlog: number }
}

export interface ConnectRequest {
  readonly connect: {
    readonly address: string
    readonly port: number
    readonly timeoutMs: number
    /** The connection ends with ETIMEDOUT when its peer has been silent for so long, 2000 or more. Absent: never. */
    readonly silenceMs?: number
  }
}

/**
 * One network namespace: one descriptor (close-on-exec), one identity, one owner.
 * close() lets go of the descriptor; the kernel removes the namespace when nothing else holds it.
 */
export interface Netns {
  readonly fd: number
  readonly identity: NetnsIdentity
  /**
   * Opens a TCP socket inside the namespace (non-blocking, close-on-exec). The caller owns the descriptor, which keeps
   * the namespace from being removed. Rejects with the errno name: ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EBADF
   * (closed), …
   */
  openSocket(request: ListenRequest | ConnectRequest): Promise<number>
  /**
   * Gives a fabric root its way to other hosts: the interface, its address and routes, forwarding on. All or nothing:
   * what was made or moved before a failure is undone. Rejects like Fabric, with `operation` and `where`: ENODEV (no
   * such interface or bridge), EEXIST (the root has such an interface), EBADF (closed), …
   */
  addUplink(uplink: UplinkSpec): Promise<void>
  /** Removes a virtual uplink, and its routes with it. Does nothing where there is none of this name. */
  removeUplink(name: string): Promise<void>
  /**
   * Adds routes, or moves those to the same network. Rejects at the first that the kernel refuses; earlier ones stay.
   */
  addRoutes(routes: readonly UplinkRoute[]): Promise<void>
  /** Takes routes out. Those that are not there are passed over. */
  removeRoutes(routes: readonly UplinkRoute[]): Promise<void>
  /**
   * Makes a bridge that joins hosts: no address, no spanning tree, up. Equivalent to: `ip link add NAME mtu MTU type
   * bridge …`, `ip link set NAME up`.
   */
  addBridge(name: string, mtu: number): Promise<void>
  /**
   * Lets a bridge's port carry frames or drop them in both directions, without a change that its other end could see.
   * Equivalent to: `bridge link set dev PORT state 3` or `state 0`. Rejects with ENODEV where there is none.
   */
  setBridgePort(port: string, carries: boolean): Promise<void>
  close(): void
}

/** A network ("172.16.12.0/22") and the neighbour that leads there; null: packets to it are lost, without a word. */
export interface UplinkRoute {
  readonly to: string
  readonly via: string | null
}

/** An interface of a fabric root that leads to other hosts. */
export interface UplinkSpec {
  /** Its name in the root. */
  readonly name: string
  readonly mac: string
  readonly address: string
  readonly prefixLength: number
  readonly mtu: number
  readonly routes: readonly UplinkRoute[]
  /**
   * move: a link of this process' own namespace (a guest's network card); it comes back there when the root is gone.
   * veth: a pair whose other end becomes a port of a bridge in `segment`; it ends with the root.
   */
  readonly from:
    | { readonly kind: 'move'; readonly interface: string }
    | { readonly kind: 'veth'; readonly segment: Netns; readonly bridge: string; readonly port: string }
}

export interface NetnsConstructor {
  /** Makes a namespace with its loopback up. Equivalent to: `unshare --net`, `ip link set lo up`. */
  create(): Promise<Netns>
  /**
   * Takes over an inherited or opened descriptor and makes it close-on-exec. Rejects what is not a network namespace.
   */
  fromFd(fd: number): Netns
  /** The calling thread's own namespace (/proc/thread-self/ns/net). */
  current(): Netns
}

export interface BridgeSpec {
  readonly name: string
  readonly mac: string
  readonly address: string
  readonly prefixLength: number
  /** Answers its nodes' ARP for addresses of its subnet that the root has routes to: nodes of other hosts. */
  readonly proxyArp?: boolean
}

export interface NodeSpec {
  readonly nodeId: number
  /** Index into FabricSpec.bridges. */
  readonly bridge: number
  readonly hostInterface: string
  readonly nodeInterface: string
  readonly mac: string
  readonly address: string
  readonly prefixLength: number
  readonly gateway: string
}

/** What the kernel shall hold for one fleet. Pure data, made by src/addressing. */
export interface FabricSpec {
  readonly bridges: readonly BridgeSpec[]
  readonly nodes: readonly NodeSpec[]
  /**
   * Permanent neighbour entries beside the gateway's: for each node, indexes into `nodes` of those in the same subnet
   * it will talk to. Neighbours in other subnets go through the gateway and are left out.
   */
  readonly neighbours: readonly (readonly number[])[]
  readonly mtu: number
}

export interface FabricOptions {
  /** Native threads that build; default 1 per core, at most 2: one links, the other makes namespaces ahead of it. */
  readonly threads?: number
  /**
   * How long build() waits for a carrier since the one before came, and rebuildNode() for its node's: ETIMEDOUT. In ms,
   * default 20,000.
   */
  readonly carrierWaitMs?: number
  /**
   * Called during build() with indexes of nodes that are complete: carrier seen, port forwarding, addresses and routes
   * in place. Each index once; a rebuilt node is told by its promise instead.
   */
  readonly onReady?: (indexes: readonly number[]) => void
  /** Called when a complete node's link goes down or vanishes, or its namespace can't be used any more. */
  readonly onLost?: (index: number, reason: string) => void
  /** Room for so many bytes of the kernel's news: beyond, it is lost, and the kernel is asked. For tests. */
  readonly watchBytes?: number
  /** Fault injection: the k-th kernel call (from 1) of build() is not made and fails with this errno. For tests. */
  readonly failAt?: { readonly call: number; readonly errno: number }
}

export interface FabricTimings {
  /** CLOCK_MONOTONIC ns of the first and after the last kernel call. */
  readonly startedNs: bigint
  readonly endedNs: bigint
  /** System calls and the requests within them, up to the end of this build. */
  readonly kernelCalls: number
  readonly phasesNs: Readonly<Record<string, number>>
}

export interface TeardownTimings {
  readonly startedNs: bigint
  /** Every descriptor closed. */
  readonly releasedNs: bigint
  /** Kernel's word that each veth and namespace is gone (RTM_DELLINK and RTM_DELNSID seen for each). */
  readonly goneNs: bigint
  /** What the kernel had not removed when the deadline passed. */
  readonly remaining: readonly RemainingLink[]
}

export interface RemainingLink {
  /** Of a bridge, or of a node's end in the root. */
  readonly name: string
  /** The node's index; null: a bridge. */
  readonly node: number | null
  /** Whether the link is there still, and whether the namespace of its other end is. */
  readonly link: boolean
  readonly netns: boolean
}

/**
 * The kernel objects under a fleet. An error carries `code` (errno name), `operation`, `where` and the kernel's words.
 */
export interface Fabric {
  /**
   * Builds everything in one call on native threads; on failure or cancel() everything made is undone before it
   * rejects.
   */
  build(): Promise<FabricTimings>
  /** Makes a running build() reject with code ECANCELED after undoing. Does nothing otherwise. */
  cancel(): void
  /**
   * The namespace of a node that is complete; throws ENONET otherwise. Owned by the fabric: the handle does not keep it
   * alive, and is as good as closed (fd -1) once the node is removed.
   */
  netns(index: number): Netns
  /** Makes one node again from nothing, on the same names and addresses. */
  rebuildNode(index: number): Promise<void>
  /**
   * Removes one node: its namespace, and its veth with it. Resolves when the kernel says gone; rejects with ETIMEDOUT
   * when something still holds it (a socket, a link), with EBUSY while another operation on the node runs.
   */
  removeNode(index: number, deadlineMs: number): Promise<void>
  /** Adds permanent neighbour entries (address → the MAC that the address rule gives it) to a complete node. */
  addNeighbours(index: number, addresses: readonly string[]): Promise<void>
  /** Removes everything and waits for the kernel's word, at most `deadlineMs`. Safe at any time, also twice. */
  teardown(deadlineMs: number): Promise<TeardownTimings>
}

export interface FabricConstructor {
  /**
   * `root`: namespace for bridges and host veth ends. Borrowed: must outlive the fabric. Its forwarding is switched on
   * and its IPv6 off, for good. Throws EINVAL naming the first field that no kernel would take.
   */
  new (root: Netns, spec: FabricSpec, options?: FabricOptions): Fabric
}

/**
 * What happened to a link end. `peerId` is 0 where the other side never proved one; on the dialling side it is the id
 * dialled. `reason`: of refused, a reject reason of src/protocol/link-handshake.ts (or EMFILE and the like: accepting
 * pauses); of dial_failed, an errno name, `closed` or `unknown_peer` (given up); of down, an errno name, `closed`,
 * `replaced` (an up follows), `peer_removed`, `peer_dropped`, `protocol_error`, or with peer 0
 * `listener_gone` (the node accepts no more links). Duplicates of a link are closed without an event. A dial
 * reports its 1st, 2nd, 4th, … failure in a row.
 */
export interface LinkChange {
  readonly kind: 'up' | 'down' | 'refused' | 'dial_failed'
  readonly nodeId: number
  readonly peerId: number
  readonly reason: string
  /** CLOCK_MONOTONIC ns. */
  readonly atNs: bigint
}

/**
 * `token`: the node was handed a token by its peer, over the link between them. `token_unsent`: a token that the node
 * should have handed to its peer was not sent; `reason` is `no_link`, or `queue_full` where the peer does not read.
 */
export interface TokenEvent {
  readonly kind: 'token' | 'token_unsent'
  readonly nodeId: number
  readonly peerId: number
  readonly reason: string
  /** CLOCK_MONOTONIC ns. */
  readonly atNs: bigint
  /** What the sender said, uint32 each. */
  readonly walk: number
  readonly hops: number
}

export type LinkEvent = LinkChange | TokenEvent

/** Where one thread went: the recorded switch trace, for bench/setns. `netns` numbers namespaces by first use. */
export interface SwitchTrace {
  readonly netns: Uint32Array
  readonly switches: number
  readonly skipped: number
}

/**
 * All node-to-node links of one fleet, served by one native thread.
 * Handshake: see src/protocol/link-handshake.ts. One link an edge: where both dial, the lower id's dial survives.
 */
export interface Links {
  /** Starts the node's listener inside its namespace and accepts links from `peers` only. */
  addNode(node: {
    readonly nodeId: number
    readonly netns: Netns
    readonly address: string
    readonly port: number
    readonly incarnation: number
    readonly peers: readonly number[]
  }): Promise<void>
  /** Replaces the set of ids the node accepts, dials and keeps links with; links to others are closed. */
  setPeers(nodeId: number, peers: readonly number[]): void
  /** Dials until the link is up, `cancelDial` or removal; growing pauses from 50 ms to 1 s. Reports by event. */
  dial(nodeId: number, peerId: number, address: string, port: number): void
  cancelDial(nodeId: number, peerId: number): void
  /**
   * Closes the listener and every link of the node, without events for it; its peers of this fleet get theirs at once.
   */
  removeNode(nodeId: number): void
  /** Hands a token to a peer over the link that is up. One that was not sent is told by the event `token_unsent`. */
  sendToken(nodeId: number, peerId: number, walk: number, hops: number): void
  /**
   * Every link end that is up, as the kernel has it, ascending by node and peer. Six numbers an end: node id, peer id,
   * local address and port, remote address and port. Rejects with ECANCELED when the engine is closed meanwhile.
   */
  list(): Promise<Uint32Array>
  /** Links up now, counted at their ends: two for a link inside the fleet. */
  readonly endsUp: number
  close(): Promise<void>
}

export interface LinksConstructor {
  /**
   * `runId`: 16 bytes, the same for all fleets of a run. Events come in batches. `silenceMs`: a link whose peer has
   * been silent for so long goes down with ETIMEDOUT; 2000 or more, default 8000. `engine`: gets every node and every
   * link that comes up, and carries packets over them; one Links at a time. Close it after the Links. `transport`: of
   * links, default tcp; links over UDP want an engine, without one this throws EINVAL.
   */
  new (
    runId: Uint8Array,
    onEvents: (events: readonly LinkEvent[]) => void,
    silenceMs?: number,
    engine?: PacketEngine,
    transport?: 'tcp' | 'udp',
  ): Links
}

export interface Addon {
  readonly Netns: NetnsConstructor
  readonly Fabric: FabricConstructor
  readonly Links: LinksConstructor
  readonly PacketEngine: PacketEngineConstructor
  readonly DiagPoller: DiagPollerConstructor
  readonly Discovery: DiscoveryConstructor
  readonly Churner: ChurnerConstructor
  /**
   * Kernel sends `signal` when the parent's spawning thread ends. Call from the main thread.
   * Fails with ESRCH when the parent is no longer `expectedParentPid`.
   */
  setParentDeathSignal(signal: number, expectedParentPid: number): void
  /**
   * execve: this process begins anew with the program `command[0]`, a path, and `environment`, of NAME=VALUE. Its pid
   * and parent stay, and of its descriptors the standard streams and `kept`. Throws what the kernel refused it with;
   * else nothing follows the call.
   */
  execute(command: readonly string[], environment: readonly string[], kept: readonly number[]): void
  /** Makes every descriptor above 2 close-on-exec but those named. */
  closeOnExec(except: readonly number[]): void
  /**
   * A pair of sockets (close-on-exec): a child that inherits one end sends descriptors over it, receiveDescriptor takes
   * them from the other. The caller owns both.
   */
  descriptorSockets(): readonly [number, number]
  /**
   * Takes the descriptor (close-on-exec, the caller's) of the next message. Throws EAGAIN where none is there yet: the
   * sender says when it is.
   */
  receiveDescriptor(socket: number): number
  /**
   * Waits until the kernel has finished removing the namespaces dropped before this call: makes a namespace, drops it,
   * and awaits its RTM_DELNSID (cleanup is one queue). Returns the seconds waited; rejects with ETIMEDOUT.
   */
  awaitNetnsCleanup(deadlineMs: number): Promise<number>
  /**
   * Mixes `seed` (1 to 4096 bytes) into the kernel's random generator and has it take a new key at once, so that guests
   * restored from one snapshot don't draw the same numbers. Needs CAP_SYS_ADMIN.
   */
  reseedRandom(seed: Buffer): void
  /** Sets CLOCK_REALTIME, in ms since the epoch. Needs CAP_SYS_TIME. */
  setWallClock(ms: number): void
  /** Switches recorded since the start of the process by all native threads. */
  switchTrace(): SwitchTrace
}

const require = createRequire(import.meta.url)

/** The addon. Built by the set-up into native/build. */
export const native: Addon = require('../../native/build/Release/nslab.node')
