// Traffic as configuration, the control protocol and reports tell of it: how links are shaped, and what became of
// every packet.

/** One direction of a link. What is absent is not limited, and does not happen. */
export interface LinkShape {
  /** Bytes a second of packets, and bytes of the token bucket. */
  readonly rate?: number
  readonly bucket_size?: number
  /** Packets that wait. */
  readonly queue_packets?: number
  readonly delay_s?: number
  readonly jitter_s?: number
  readonly loss_ratio?: number
  readonly duplicate_ratio?: number
  readonly corrupt_ratio?: number
  readonly reorder_ratio?: number
}

/** What a probe of one direction of a link measured. */
export interface LinkMeasure {
  /** Null of a single packet. */
  readonly bandwidth_mbps: number | null
  readonly sent_packets: number
  readonly received_packets: number
  /** One way, by the machines' clocks. */
  readonly latency_p50_s: number
  readonly latency_p99_s: number
}

/** Probes have ids: those of rows from 1 on, those that `nslab run` asks for from `asked` on, below 2 * `asked`. */
export const PROBE_IDS = { asked: 2 ** 29 } as const

/** The flow of probe n is this plus n: above all that a controller's flows have. */
export const PROBE_FLOWS = 2 ** 30

/** Packets by what became of them; of a link's direction, a node or a whole fleet. */
export interface PacketTotals {
  readonly in_packets: number
  readonly in_bytes: number
  readonly made_packets: number
  readonly out_packets: number
  readonly out_bytes: number
  readonly held_packets: number
  /** By reason: no_route, queue_full, loss, … */
  readonly dropped: Readonly<Record<string, number>>
}

/** One direction of a link: what its sender gave, and what its receiver took. */
export interface LinkTraffic {
  readonly node_id: number
  readonly peer_id: number
  /** Sender's account, to the peer. */
  readonly sent: PacketTotals
  /** From the peer: what came in here. */
  readonly received_packets: number
  readonly received_bytes: number
  /** From the peer, over UDP: what it has sent and has not come here, by its own count. Absent: 0. */
  readonly lost_packets?: number
  readonly up: boolean
  /** How often it has ended so far; absent: nobody has counted. */
  readonly breaks?: number
}

/** All streams of one node in max mode. Packets that pass through its relay are counted at neither. */
export interface StreamTraffic {
  readonly node_id: number
  /** Its account of what it sends. */
  readonly sent: PacketTotals
  /** Of streams that ended here. */
  readonly received_packets: number
  readonly received_bytes: number
  /** Streams that ended otherwise than in order, here or on the way through here. */
  readonly breaks: number
}

/** Streams of max mode, of a whole fleet. */
export interface StreamTotals {
  /** To next hops; those that could not be. */
  readonly opened: number
  readonly failed: number
  /** That came and were neither kept nor relayed. */
  readonly refused: number
  readonly relayed: number
  /** Of those relayed, ended by a fault of either side. */
  readonly broken: number
}

/** One end of a built-in flow. Times count from the run's start, s. */
export type FlowEnd =
  | {
      readonly end: 'source'
      readonly flow_id: number
      readonly node_id: number
      readonly sent_packets: number
      readonly sent_bytes: number
      readonly first_s: number | null
      readonly last_s: number | null
      readonly finished: boolean
    }
  | {
      readonly end: 'sink'
      readonly flow_id: number
      readonly node_id: number
      readonly received_packets: number
      readonly received_bytes: number
      readonly duplicate_packets: number
      readonly reordered_packets: number
      readonly too_late_packets: number
      /** What the source said that it sent; 0 until it has. */
      readonly announced_packets: number
      readonly first_s: number | null
      readonly last_s: number | null
      readonly latency_p50_s: number
      readonly latency_p99_s: number
      readonly latency_max_s: number
      readonly finished: boolean
    }

/** One end of a lossless transfer. */
export type TransferEnd =
  | {
      readonly end: 'sender'
      readonly flow_id: number
      readonly node_id: number
      readonly payload_bytes: number
      /** Of symbols: parity and repairs with them. */
      readonly sent_packets: number
      readonly sent_bytes: number
      readonly parity_symbols: number
      readonly repaired_symbols: number
      readonly first_s: number | null
      readonly last_s: number | null
      readonly finished: boolean
      /** Of the payload, hex; null before all was sent. */
      readonly sha256: string | null
      /**
       * What the source was told: delivered, mismatch; left, also of one that was made anew and lacks what it had
       * acknowledged; silent: not heard of for too long; stopped; pending.
       */
      readonly receivers: readonly {
        readonly node_id: number
        readonly outcome: string
        readonly acknowledged_bytes: number
      }[]
    }
  | {
      readonly end: 'receiver'
      readonly flow_id: number
      readonly node_id: number
      readonly source_id: number
      readonly outcome: string
      readonly payload_bytes: number
      /** Whole and hashed. */
      readonly received_bytes: number
      readonly received_symbols: number
      readonly spare_symbols: number
      readonly decoded_blocks: number
      readonly asked_blocks: number
      readonly first_s: number | null
      readonly last_s: number | null
      /** Of what came, hex; null before it is whole. */
      readonly sha256: string | null
    }

/** Everything of one fleet at one moment. */
export interface FleetTraffic {
  readonly links: readonly LinkTraffic[]
  readonly nodes: readonly { readonly node_id: number; readonly totals: PacketTotals }[]
  readonly flows: readonly FlowEnd[]
  /** Of nodes in max mode; absent: there are none. */
  readonly streams?: readonly StreamTraffic[]
  /** In one part of an answer at most; absent: no node was in max mode. */
  readonly stream_totals?: StreamTotals
  /** Absent where there are none. */
  readonly transfers?: readonly TransferEnd[]
}

/** Whether every byte of the flow has to come, over whichever transport. */
export const isLossless = ({ transport }: { readonly transport?: string }): boolean =>
  transport === 'lossless' || transport === 'lossless_unicast'
