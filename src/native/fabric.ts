// The addon's types for the kernel objects under a fleet.

import type { Netns } from './netns.ts'

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
