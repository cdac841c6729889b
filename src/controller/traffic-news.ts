// What nodes say of flows, as rows: when they started and finished, and what they have moved. Pure.

import { parseIpv4 } from '../base/ipv4.ts'
import type { NodeMessage } from '../protocol/messages.ts'
import type { Flow } from './flows.ts'

export type TrafficMessage = Extract<
  NodeMessage,
  {
    type:
      | ('UserFlowStart' | 'AppFlowStart' | 'RouteAssigned' | 'FlowFinished' | 'Metrics')
      | ('LinkSet' | 'ProbeLinkResult' | 'ProbeLinkFailed')
  }
>
export type ProbeMessage = Extract<NodeMessage, { type: 'ProbeLinkResult' | 'ProbeLinkFailed' }>

/** Times of one flow, ms since the epoch. Both ends may tell; null: not finished yet, as far as this one knows. */
export interface FlowTimes {
  readonly flowId: number
  readonly startTime: number
  readonly finishTime: number | null
}

/** What is known of a flow of programs. It is another flow where it has started at another time. */
export interface AppFlowRow {
  /** 32 hex digits. */
  readonly flowId: string
  /** ms since the epoch. */
  readonly startTime: number
  readonly srcNodeId: number
  /** 0: a group, whose address the id has. */
  readonly dstNodeId: number
  /** Null: not finished yet, as far as this one knows. */
  readonly finishTime: number | null
  /** The installed route that it takes now; null where nobody has said. */
  readonly routeId: number | null
}

export interface MetricRow {
  /** 16 bytes, see `flowIdOf`. */
  readonly flowId: Buffer
  readonly localNodeId: number
  readonly remoteNodeId: number
  readonly bytes: number
  /** ms since the epoch. */
  readonly timeRead: number
}

/** UDP ports of built-in flows. Source: native/engine/lanes/flow.cc. */
const PORTS = { sourceFirst: 49_152, sourceCount: 16_384, destination: 8888 } as const

/**
 * The published id of a flow, 128 bits: source and destination address, source and destination port, as in the flow's
 * packets and in network order, and 32 zero bits. To a group the destination is the group's address.
 */
export function flowIdOf(flow: Flow, baseAddr: string, groupIp: string | undefined): Buffer {
  const base = parseIpv4(baseAddr) as number
  const id = Buffer.alloc(16)
  id.writeUInt32BE(base + flow.srcNodeId, 0)
  id.writeUInt32BE(groupIp === undefined ? base + flow.dstNodeId : (parseIpv4(groupIp) as number), 4)
  id.writeUInt16BE(PORTS.sourceFirst + (flow.id % PORTS.sourceCount), 8)
  id.writeUInt16BE(PORTS.destination, 10)
  return id
}

/** What a node says of flows of programs that start there. */
export function appFlowRows(
  message: Extract<TrafficMessage, { type: 'AppFlowStart' | 'RouteAssigned' | 'FlowFinished' }>,
): AppFlowRow[] {
  const rows: AppFlowRow[] = []
  for (const flow of message.flows) {
    if (!('flow_id' in flow)) continue
    rows.push({
      flowId: flow.flow_id,
      startTime: flow.start_time,
      srcNodeId: message.node_id,
      dstNodeId: flow.dst_node_id,
      finishTime: 'finish_time' in flow ? flow.finish_time : null,
      routeId: 'route_id' in flow ? flow.route_id : null,
    })
  }
  return rows
}

/** What was said later of the same flow has the route. */
export function mergeAppFlows(older: AppFlowRow, newer: AppFlowRow): AppFlowRow {
  return { ...newer, finishTime: newer.finishTime ?? older.finishTime, routeId: newer.routeId ?? older.routeId }
}

/** Two words on one flow's times: it started when the earlier says, and is finished when the later says. */
export function mergeTimes(a: FlowTimes, b: FlowTimes): FlowTimes {
  return {
    flowId: a.flowId,
    startTime: Math.min(a.startTime, b.startTime),
    finishTime:
      a.finishTime === null || b.finishTime === null
        ? (a.finishTime ?? b.finishTime)
        : Math.max(a.finishTime, b.finishTime),
  }
}
