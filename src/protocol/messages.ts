// The control protocol's messages: JSON text frames, `{"type": NAME, ...fields}`.
// Names and fields follow the published Nextmini protocol; what it lacks is added, never renamed.

import type { LinkShape } from './traffic.ts'

export interface FlowSpec {
  readonly flow_len: { readonly Bytes: number } | { readonly Duration: number }
  readonly flow_rate?: number
  readonly flow_weight?: number
  /** Addition: lossless, of a flow to a node or to a group. */
  readonly transport?: 'tcp' | 'lossless_unicast' | 'lossless'
  /** Addition: bytes of one IPv4 packet, headers included; 1400 unless given. */
  readonly packet_bytes?: number
}

export interface LinkRate {
  readonly rate: number
  readonly bucket_size: number
}

export interface RouteEntry {
  readonly route_id: number
  readonly next_hops: readonly number[]
  readonly src_node_id: number
  readonly dst_node_id: number
  readonly forward_mode: 'unicast' | 'multicast'
}

/** A flow of programs; `flow_id` is 32 hex digits: addresses, ports, zeros. Times are ms since the epoch. */
export interface AppFlowStart {
  readonly flow_id: string
  readonly src_node_id: number
  readonly dst_node_id: number
  readonly start_time: number
}

/** Additions: what the row of the flow is found by, and may have to be made with. */
export interface RouteAssigned {
  readonly flow_id: string
  readonly dst_node_id: number
  readonly start_time: number
  readonly route_id: number
  readonly time: number
}

export interface FlowFinish {
  readonly controller_id: number
  readonly start_time: number
  readonly finish_time: number
}

/** Of programs. Addition: `dst_node_id`. */
export interface AppFlowFinish extends Omit<FlowFinish, 'controller_id'> {
  readonly flow_id: string
  readonly dst_node_id: number
}

export interface Moved {
  readonly remote_node_id: number
  readonly bytes: number
  readonly time_read: number
}

/** Messages a node sends. */
export type NodeMessage =
  | {
      readonly type: 'StartUp'
      readonly node_id: number
      readonly private_network_name: string
      /** host:port of the node's link listener. */
      readonly private_network_addr: string
      readonly public_network_addr: string
      /** Addition: rises each time the node starts anew; a link of an older incarnation is replaced. */
      readonly incarnation: number
      /** Addition: names the fleet that the node lives in; nobody else may take its place while it is connected. */
      readonly fleet?: string
      readonly token?: string
      /** Addition: the mode of its dataplane's configuration, where that is not normal. */
      readonly operating_mode?: 'max'
    }
  | { readonly type: 'NodeTopologyReady'; readonly node_id: number }
  /** Addition: a link of a ready node went down or came back (`links_up` of `links_expected`). */
  | {
      readonly type: 'LinksChanged'
      readonly node_id: number
      readonly links_up: number
      readonly links_expected: number
    }
  /**
   * Addition: another node of the sender's fleet has died in this incarnation or an earlier one, and can't say so
   * itself. `node_id` is the sender.
   */
  | {
      readonly type: 'NodeLost'
      readonly node_id: number
      readonly lost_node_id: number
      readonly incarnation: number
      readonly reason: string
    }
  /** Addition: every node of the sender's fleet has its routes; said after TopologyReady. */
  | { readonly type: 'RoutesReady'; readonly node_id: number }
  /** Flows that started here. Times are ms since the epoch. */
  | {
      readonly type: 'UserFlowStart'
      readonly node_id: number
      readonly flows: readonly { readonly controller_id: number; readonly start_time: number }[]
    }
  /** Flows of programs that started here, by their TUN interface. `dst_node_id` 0: to a group. */
  | { readonly type: 'AppFlowStart'; readonly node_id: number; readonly flows: readonly AppFlowStart[] }
  /** Which installed route they take, from `time` on. */
  | { readonly type: 'RouteAssigned'; readonly node_id: number; readonly flows: readonly RouteAssigned[] }
  /** Flows that started here and have sent all, or were heard to the end here; of programs, those that started here. */
  | {
      readonly type: 'FlowFinished'
      readonly node_id: number
      readonly flows: readonly (FlowFinish | AppFlowFinish)[]
    }
  /**
   * What flows sent from here or brought here since the last of these; `remote_node_id` is the other end, at the source
   * of a flow to a group 0.
   */
  | {
      readonly type: 'Metrics'
      readonly node_id: number
      readonly metrics: readonly (({ readonly controller_id: number } | { readonly flow_id: string }) & Moved)[]
    }
  /** Addition: the link to this neighbour is as SetLink's `change` wants it, for every packet from now on. */
  | { readonly type: 'LinkSet'; readonly node_id: number; readonly remote_node_id: number; readonly change: number }
  /**
   * What a probe of a link measured at its far end, `node_id` and `to_node_id`: bytes after the first packet, by the
   * time from the first to the last; null of a single packet. Additions: counts of packets, one-way latency.
   */
  | {
      readonly type: 'ProbeLinkResult'
      readonly node_id: number
      readonly probe_id: number
      readonly from_node_id: number
      readonly to_node_id: number
      readonly bandwidth_mbps: number | null
      readonly sent_packets: number
      readonly received_packets: number
      readonly latency_p50_s: number
      readonly latency_p99_s: number
    }
  /** Addition: a probe that can't be, and why. */
  | { readonly type: 'ProbeLinkFailed'; readonly node_id: number; readonly probe_id: number; readonly reason: string }
  /** Addition: the node leaves on purpose. */
  | { readonly type: 'Leave'; readonly node_id: number; readonly reason: string }

/** Messages the controller sends. */
export type ControllerMessage =
  | {
      readonly type: 'StartUp'
      readonly node_id: number
      readonly net_mask: string
      readonly virtual_base_addr: string
      readonly user_space_base_addr: string
      readonly external_base_addr: string
      readonly max_server_port: number
      readonly protocol: 'tcp' | 'udp'
      readonly scheduler_type: 'fifo' | 'wrr'
      readonly node_spec: { readonly node_id: number; readonly operating_mode: 'normal' | 'max' }
      /** Addition: the run's id, 32 hex digits, proven on every link. */
      readonly run_id: string
      /**
       * Addition: every id this node keeps a link with (its topology neighbours), and where they listen if that is
       * known.
       */
      readonly neighbours: readonly number[]
      /**
       * Addition: how routes are derived, so that no table is sent for a preset; null without [routing]. `topology` is
       * the preset as configured (TopologyConfig.preset), or null where InstallRoutes brings next_hop_runs instead.
       */
      readonly routing: { readonly protocol: 'shortest_path'; readonly topology: unknown } | null
    }
  /** Dial this neighbour. Sent to the later of the two to arrive. */
  | { readonly type: 'AddNode'; readonly remote_node_id: number; readonly remote_addr: string }
  /** Addition: this neighbour left; expect it back: it dials when it comes. */
  | { readonly type: 'RemoveNode'; readonly remote_node_id: number; readonly reason: string }
  /** Where this neighbour takes flows in streams: of neighbours in max mode, to a node that is in it, too. */
  | { readonly type: 'AddNodeAddress'; readonly remote_node_id: number; readonly remote_max_server_addr: string }
  | {
      readonly type: 'InstallRoutes'
      /** All explicit routes through this node; replaces what it had. */
      readonly routes: readonly RouteEntry[]
      /**
       * Addition: shortest paths of a graph that no preset describes, for this node only. Runs [count, next hop, count,
       * next hop, …] over destinations 1, 2, …: its own id for itself, 0 for what can't be reached. Absent otherwise.
       */
      readonly next_hop_runs?: readonly number[]
    }
  | { readonly type: 'SetLinkRate'; readonly node_id: number; readonly rate: LinkRate }
  /**
   * Addition: the whole shape of this node's link to the neighbour `node_id`, its rate included; replaces the one
   * before and any SetLinkRate. `change`: answered by LinkSet.
   */
  | { readonly type: 'SetLink'; readonly node_id: number; readonly shape: LinkShape; readonly change?: number }
  /** Every group that this node has a part in; `member`: packets to it are delivered here. Replaces the directory before. */
  | {
      readonly type: 'InstallGroupDirectory'
      readonly groups: readonly { readonly group_id: number; readonly group_ip: string; readonly member: boolean }[]
    }
  /** All trees of the group through this node; none: withdrawn. Tree numbers are uint16. */
  | {
      readonly type: 'InstallGroupRoutes'
      readonly group_id: number
      readonly src_node_id: number
      readonly routes: readonly { readonly tree_id: number; readonly next_hops: readonly number[] }[]
    }
  | {
      readonly type: 'AddFlows'
      readonly flows: readonly {
        readonly controller_id: number
        readonly src_node_id: number
        readonly dst_node_id: number
        /** Addition: to a group; then `dst_node_id` is the source itself. */
        readonly dst_group_id?: number
        /** Addition: of a lossless flow to a group, told to its source: the members now. */
        readonly receivers?: readonly number[]
        readonly route_id?: number
        readonly flow_spec: FlowSpec
      }[]
    }
  /**
   * Send so many bytes to this neighbour, over the link between the two, as fast as that takes them. Addition: it is
   * told first, by ExpectProbe.
   */
  | {
      readonly type: 'ProbeLink'
      readonly remote_node_id: number
      readonly probe_id: number
      readonly probe_bytes: number
    }
  /** Addition: this neighbour's probe comes over the link between the two; to be answered by ProbeLinkResult. */
  | { readonly type: 'ExpectProbe'; readonly remote_node_id: number; readonly probe_id: number }
  /** Addition: these flows (by controller_id) were deleted; stop them. */
  | { readonly type: 'RemoveFlows'; readonly controller_ids: readonly number[] }
  /** Every node of the plan has reported that its links are up. Sent again to a node that came back. */
  | { readonly type: 'TopologyReady' }
  /** Addition: every fleet has said RoutesReady; to the node that said so for its fleet. */
  | { readonly type: 'MayStartFlows' }
  /** Addition: why the connection is about to be closed by the controller. */
  | { readonly type: 'Refused'; readonly code: RefusalCode; readonly reason: string }

export type RefusalCode =
  | 'malformed'
  | 'out_of_order'
  | 'oversized'
  | 'unknown_id'
  | 'id_taken'
  | 'address_taken'
  | 'token_required'
  | 'ending'
  /** Connected and never said StartUp, or stopped answering. */
  | 'silent'
  /** A newer incarnation of the same node took its place. */
  | 'replaced'
