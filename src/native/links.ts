// The addon's types for the links between nodes.

import type { PacketEngine } from './engine.ts'
import type { Netns } from './netns.ts'

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
