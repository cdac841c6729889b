// Flows of ordinary programs, as the packet engine tells of them (native/engine/packets/app_flows.h).

/** What is new of a flow of programs, at one of its ends, since it was asked for last (count()). */
export interface AppFlowNews {
  readonly nodeId: number
  /** The node at its other end; 0: it goes to a group. */
  readonly remoteId: number
  /** Where the node's TUN interface has it come in, or go out. */
  readonly end: 'source' | 'sink'
  /** 32 hex digits: addresses, ports, zeros. */
  readonly flowId: string
  /** As in the IP header: 6 is TCP, 17 UDP. */
  readonly protocol: number
  /** Since then; bytes of packets. */
  readonly packets: number
  readonly bytes: number
  readonly firstNs: bigint
  readonly lastNs: bigint
  /** By FIN or RST, or with the last packet before a minute without any; 0n: it goes on. */
  readonly endedNs: bigint
  readonly isNew: boolean
  readonly hasEnded: boolean
  /** Of a source, where it is another one now: the installed route that it takes. */
  readonly routeId?: number
}

/** Packets of flows beyond 4,096 a node (and lane), ever: they are in no flow. */
export interface AppFlowsExcess {
  readonly nodeId: number
  readonly packets: number
  readonly bytes: number
}
