// The packet engine's types: packets of a fleet's nodes, forwarded by native threads (native/engine/lanes).

import type { AppFlowNews, AppFlowsExcess } from './app-flows.ts'
import type { Netns } from './netns.ts'

/** One direction of a link, from the node to its peer. What is absent has the default that is named. */
export interface LinkSetting {
  /** fifo */
  readonly discipline?: 'fifo' | 'wrr'
  /** taildrop */
  readonly dropStrategy?: 'taildrop' | 'red'
  /** Packets that wait, 1000. */
  readonly queuePackets?: number
  /** Bytes a second of packets, and bytes of the token bucket; as fast as the socket takes them. */
  readonly rateBytesPerS?: number
  readonly bucketBytes?: number
  /** 0 each; at most an hour. */
  readonly delayNs?: number
  readonly jitterNs?: number
  /** 0 each, at most 1. */
  readonly lossRatio?: number
  readonly duplicateRatio?: number
  readonly corruptRatio?: number
  readonly reorderRatio?: number
  /** Of chance on this link, a 32-bit number; absent: made from the node's and the peer's id. Not of setLinks. */
  readonly seed?: number
}

/** A change of one node's routes, as in native/engine/packets/route_table.h. */
export type RouteChange =
  /** Replaces all routes of the pair; none: withdraws them. */
  | {
      readonly change: 'install'
      readonly source: number
      readonly destination: number
      readonly routes: readonly { readonly id: number; readonly nextHops: readonly number[] }[]
    }
  /** Replaces all trees of the group from this source. */
  | {
      readonly change: 'install_trees'
      readonly source: number
      readonly group: number
      readonly trees: readonly { readonly number: number; readonly nextHops: readonly number[] }[]
    }
  /** Runs [count, next hop, …] over destinations 1, 2, …, as InstallRoutes has them; replaces what was derived. */
  | { readonly change: 'derive'; readonly runs: readonly number[] }
  /** Of any tree of the group that is installed at the node: delivered there, or not. */
  | { readonly change: 'member'; readonly group: number; readonly member: boolean }
  /** A built-in flow keeps to this route until the pair is installed anew. */
  | {
      readonly change: 'pin'
      readonly source: number
      readonly destination: number
      readonly flow: number
      readonly route: number
    }
  /** A built-in flow of this node goes over its link to this neighbour, whatever routes say; 0: by routes again. */
  | { readonly change: 'send_over'; readonly flow: number; readonly nextHop: number }

/** A built-in flow, from the node that it starts at. Exactly one of `bytes` and `durationNs`. */
export interface FlowSetting {
  /** The same at both ends, up to 2^31 - 1. */
  readonly flow: number
  /** A node, or with `isGroup` a group (1 to 65535, whose address is 239.255.0.0 plus its number). */
  readonly destination: number
  readonly isGroup?: boolean
  /** Addresses in its packets are this plus a node's id; absent: EngineOptions.baseAddress. */
  readonly baseAddress?: string
  /** Of an IPv4 packet with its headers, 52 to 65535; default 1400. */
  readonly packetBytes?: number
  readonly bytes?: number
  readonly durationNs?: number
  /** Absent: as fast as its first link takes them. */
  readonly rateBytesPerS?: number
  /** 1 to 65536, in the round robin of links of the node that makes it; relays know nothing of it. Default 1. */
  readonly weight?: number
}

/**
 * A payload that each receiver has to have whole (native/engine/lossless), in place of a flow. Made from `payloadSeed`:
 * the same bytes for the same seed. Members that join the group later are none of its receivers.
 */
export interface TransferSetting {
  /** The same at all ends, up to 2^31 - 1, and no flow's. */
  readonly flow: number
  readonly destination: number
  readonly isGroup?: boolean
  /** Of a group its members now, of a node itself. Their reports need routes back to the source. */
  readonly receivers: readonly number[]
  /** Of the group, that symbols are shared among by weight (default 1); absent: whichever routes take. */
  readonly trees?: readonly { readonly number: number; readonly weight?: number }[]
  readonly payloadBytes: number
  readonly payloadSeed?: number
  /** Of each packet, beside 52 of headers; 1 to 65483. */
  readonly symbolBytes: number
  /** Of a block; with the parity 255 at most. */
  readonly sourceSymbols: number
  /** Of each block; default 0. Others need ISA-L: ENOENT where the machine has none. */
  readonly paritySymbols?: number
  /** Of packets; absent: as fast as receivers and first links take them. */
  readonly rateBytesPerS?: number
  /** A receiver that says nothing for so long is given up; default 15 s. */
  readonly silenceNs?: number
  readonly baseAddress?: string
}

/** What became of a transfer at a receiver. delivered: SHA-256 of all that came is that of the payload. */
export type TransferOutcome = 'pending' | 'delivered' | 'mismatch' | 'left' | 'silent' | 'stopped'

/**
 * A node's TUN interface: made inside its namespace, up, without IPv6, with its address and routes to
 * `baseAddress`/`prefixLength` and to groups (239.255.0.0/16).
 */
export interface TunSpec {
  /** 1 to 15 bytes. */
  readonly name: string
  /** baseAddress + node id. */
  readonly baseAddress: string
  readonly prefixLength: number
  readonly mtu: number
  /** Highest node id that packets may go to. */
  readonly nodesMax: number
  /**
   * The kernel hands over packets without checksum and segments of TCP and UDP as one, and takes segments of TCP so;
   * on the overlay they are packets of at most `mtu` all the same, with checksums. Default false.
   */
  readonly offloads?: boolean
}

/** Packets and bytes of one end; bytes are those of packets, without frames' headers. */
export interface PacketAccount {
  readonly inPackets: number
  readonly inBytes: number
  readonly outPackets: number
  readonly outBytes: number
  /** Made by duplication or fan-out. */
  readonly madePackets: number
  /** By reason (native/engine/packets/drop.h); those that never happened are absent. */
  readonly dropped: Readonly<Record<string, number>>
  readonly heldPackets: number
}

export interface LinkCount {
  readonly nodeId: number
  readonly peerId: number
  readonly up: boolean
  /** How often it has ended: what was under way then is lost, and counted by nobody. */
  readonly breaks: number
  /** From the peer. */
  readonly receivedPackets: number
  readonly receivedBytes: number
  /** To the peer. */
  readonly sent: PacketAccount
  /** From the peer, over UDP: packets that it has sent and that have not come (yet). 0 over TCP, as what follows. */
  readonly lostPackets: number
  /** Datagrams with packets, from the peer: that did not come, that came twice, that came after a later one. */
  readonly lostDatagrams: number
  readonly duplicateDatagrams: number
  readonly reorderedDatagrams: number
  /** Datagrams that were none of this link's, damaged, or more than 1,024 behind; none of them did anything. */
  readonly ignoredDatagrams: number
}

export interface SourceCount {
  readonly nodeId: number
  readonly flow: number
  readonly sentPackets: number
  readonly sentBytes: number
  /** CLOCK_MONOTONIC of the first and the last packet; 0n before. */
  readonly firstNs: bigint
  readonly lastNs: bigint
  readonly finished: boolean
}

export interface SinkCount {
  readonly nodeId: number
  readonly flow: number
  /** Each once. */
  readonly receivedPackets: number
  readonly receivedBytes: number
  readonly duplicatePackets: number
  readonly reorderedPackets: number
  readonly tooLatePackets: number
  /** What the source said that it sent; 0 until it has. */
  readonly sentPackets: number
  readonly finished: boolean
  readonly firstNs: bigint
  readonly lastNs: bigint
  /** One way, by the machine's clock; of packets between machines they mean nothing. */
  readonly latencyP50Ns: number
  readonly latencyP99Ns: number
  readonly latencyMaxNs: number
}

/** All streams of a node in max mode together. `received`: of those that ended there. */
export interface StreamCount {
  readonly nodeId: number
  /** There are streams that leave or end there. */
  readonly up: boolean
  /** Streams that have ended otherwise than in order, at the node or on the way through it. */
  readonly breaks: number
  readonly receivedPackets: number
  readonly receivedBytes: number
  readonly sent: PacketAccount
}

/** Streams of max mode, of all nodes of the engine. */
export interface MaxCount {
  /** To next hops. */
  readonly opened: number
  /** Could not be connected. */
  readonly failed: number
  /** Accepted, and neither kept nor relayed: a wrong header or none in time, no route, no hop left, too many. */
  readonly refused: number
  readonly relayed: number
  /** Of those relayed, ended by a fault of either side. */
  readonly broken: number
  /** Relayed now. */
  readonly relays: number
}

export interface SenderCount {
  readonly nodeId: number
  readonly flow: number
  readonly payloadBytes: number
  /** Of symbols, parity and repairs with them. */
  readonly sentPackets: number
  readonly sentBytes: number
  readonly paritySymbols: number
  readonly repairedSymbols: number
  readonly firstNs: bigint
  readonly lastNs: bigint
  /** Every receiver has said what became of it, or is given up. */
  readonly finished: boolean
  /** Of the payload, hex; null before all was sent. */
  readonly sha256: string | null
  readonly receivers: readonly {
    readonly nodeId: number
    readonly outcome: TransferOutcome
    readonly acknowledgedBytes: number
  }[]
}

export interface ReceiverCount {
  readonly nodeId: number
  readonly flow: number
  readonly sourceId: number
  readonly outcome: TransferOutcome
  readonly payloadBytes: number
  /** Whole and hashed, from the first on without a gap. */
  readonly receivedBytes: number
  readonly receivedSymbols: number
  /** More than once, or when their block was whole. */
  readonly spareSymbols: number
  /** Blocks that parity completed. */
  readonly decodedBlocks: number
  readonly askedBlocks: number
  readonly firstNs: bigint
  readonly lastNs: bigint
  /** Of what came, hex; null before it is whole. */
  readonly sha256: string | null
}

export interface EngineCounts {
  /** Absent where there are none, or nobody asked. */
  readonly appFlows?: readonly AppFlowNews[]
  readonly appFlowsExcess?: readonly AppFlowsExcess[]
  /** Of nodes with max mode. */
  readonly streams: readonly StreamCount[]
  readonly max: MaxCount
  readonly links: readonly LinkCount[]
  readonly nodes: readonly { readonly nodeId: number; readonly account: PacketAccount }[]
  readonly sources: readonly SourceCount[]
  readonly sinks: readonly SinkCount[]
  readonly senders: readonly SenderCount[]
  readonly receivers: readonly ReceiverCount[]
}

/** A source has sent all, or a sink has heard so. */
export interface FlowFinished {
  readonly nodeId: number
  readonly flow: number
  readonly end: 'source' | 'sink'
}

/**
 * A packet that a node had no route for, dropped. A lane tells of one a second, with how many it dropped so since the
 * one before.
 */
export interface RouteMissed {
  readonly nodeId: number
  readonly source: number
  /** A node, or a group. */
  readonly destination: number
  readonly isGroup: boolean
  readonly packets: number
}

export interface EngineOptions {
  /** Threads, at most 64. Default, and 0: one for each core that the process may use, at most 4. */
  readonly lanes?: number
  /** Lanes that one node's links and flows spread over; default 1. */
  readonly processors?: number
  /** Packets are routed by the lane that has read them; default false: by the lane of their flow. */
  readonly concurrent?: boolean
  /** Packets that wait between two lanes; default 1000. */
  readonly channelCapacity?: number
  /** Where a queue is full, stop reading from where it comes from; default false: drop. */
  readonly backpressure?: boolean
  /** Addresses of nodes are this plus their id, of flows that don't say otherwise; default 10.0.0.0. */
  readonly baseAddress?: string
  /** Of links that setLink says nothing of. */
  readonly links?: LinkSetting
  /** 16 bytes, as of Links: what streams of max mode prove. Absent: no node can have that mode. */
  readonly runId?: Uint8Array
  /** A stream whose peer has been silent for so long is ended, as `silenceMs` of Links; 2000 or more, default 8000. */
  readonly silenceMs?: number
}

/**
 * All packets of one fleet. Links gives it its nodes and links: a node is there from the resolution of Links.addNode on
 * until Links.removeNode or the end of the Links, and whatever is asked of one that is not there is answered with
 * ENOENT. All that it has and has counted is forgotten with it: whoever adds it again gives it all again. A link need
 * not be up. Promises reject with an errno name, as other calls of the addon: ECANCELED after close(), EINVAL with
 * `operation` naming the field.
 */
export interface PacketEngine {
  /** From now on, and whenever this link comes up again. Resolves when it holds for every packet that comes after. */
  setLink(nodeId: number, peerId: number, setting: LinkSetting): Promise<void>
  /** The same for all links that setLink says nothing of, of all nodes, those that come later too. */
  setLinks(setting: LinkSetting): Promise<void>
  /** Resolves when no packet can take a hop of before any more. ENOENT for a pin to a route that is not there. */
  changeRoutes(nodeId: number, changes: readonly RouteChange[]): Promise<void>
  /**
   * Rejects with EEXIST where the node has a source of this flow that has not ended. Its sinks open by themselves where
   * its first packet is delivered, 65,536 an engine; further ones are `nobody`'s. A flow that is started again under its
   * number is counted from zero at both ends.
   */
  startFlow(nodeId: number, flow: FlowSetting): Promise<void>
  /**
   * Rejects with EEXIST where the node has a flow or transfer of this number that has not ended. Its receivers open
   * when they hear of it. When it is over onFinished has it as a source, at receivers as a sink.
   */
  startTransfer(nodeId: number, transfer: TransferSetting): Promise<void>
  /**
   * Ends source and sink of the flow at this node; what they have counted is forgotten. Packets that still come of this
   * start of the flow are `nobody`'s.
   */
  stopFlow(nodeId: number, flow: number): Promise<void>
  /**
   * No source makes another data packet: each says to its sinks, as at its end, how many there were. What is under way
   * goes on. Flows that are started later are not concerned.
   */
  stopSources(): Promise<void>
  /**
   * Makes the interface inside the namespace, in 0.1 to 0.5 ms. It ends with the node, detachTun or the engine, which
   * takes the kernel 10 to 30 ms, four at a time; until then it holds the namespace. EEXIST where the node has one, or
   * the namespace another of this name; ENOENT or ENODEV, `operation` "open /dev/net/tun", where the kernel has no TUN.
   */
  attachTun(nodeId: number, netns: Netns, tun: TunSpec): Promise<void>
  /** Resolves when it is gone. ENOENT where the node has none. */
  detachTun(nodeId: number): Promise<void>
  /**
   * Opens the node's max server inside the namespace: flows to peers that setMaxPeer names go in streams of their own
   * from here on, and streams that come are read or relayed. Its thread is made with the first one. EEXIST where the
   * node has one; EADDRINUSE where another has the port.
   */
  serveMax(nodeId: number, netns: Netns, address: string, port: number): Promise<void>
  /**
   * Where the peer's max server is: packets whose next hop is the peer go there in streams, one a flow; null: in the
   * link again. Packets to groups always go in links. Streams are not shaped: a peer whose link is must not be named.
   * Resolves when it holds for every packet that comes after. ENOENT where the node has no server; EOPNOTSUPP where it
   * spreads over several lanes.
   */
  setMaxPeer(nodeId: number, peerId: number, address: string | null, port?: number): Promise<void>
  /** Closes the node's server; what is relayed there is reset. With the end of a node, in whichever order. */
  stopMax(nodeId: number): void
  /**
   * Copies of packets on the link (peer 0: on all links of the node), both directions, as pcap (LINKTYPE_RAW), into the
   * descriptor of a file, which is the engine's from now on unless this is EINVAL; null: no more, resolved when the
   * file is whole and closed. At most `bytesMax` of records; a full disk ends it, too.
   */
  capture(nodeId: number, peerId: number, fd: number | null, bytesMax?: number): Promise<void>
  /** `takesAppFlows`: with what flows of programs have done since they were taken last; for one caller alone. */
  count(takesAppFlows?: boolean): Promise<EngineCounts>
  readonly lanes: number
  /** Ends the threads; what waits is dropped. After the Links that it serves are closed. */
  close(): Promise<void>
}

export interface PacketEngineConstructor {
  /** Starts its threads. */
  new (
    options: EngineOptions,
    onFinished: (flows: readonly FlowFinished[]) => void,
    onMissed?: (missed: readonly RouteMissed[]) => void,
  ): PacketEngine
}
