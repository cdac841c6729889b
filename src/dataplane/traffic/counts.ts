// What the engine has counted, as reports tell of it: in parts that fit into a line each.

import type { EngineCounts, PacketAccount } from '../../native-engine.ts'
import {
  type FleetTraffic,
  type FlowEnd,
  type LinkTraffic,
  type PacketTotals,
  PROBE_FLOWS,
  type StreamTotals,
  type StreamTraffic,
} from '../../protocol/traffic.ts'
import { ENTRIES_A_NOTICE } from './limits.ts'

type NodeTotals = FleetTraffic['nodes'][number]

interface Part {
  readonly links: LinkTraffic[]
  readonly nodes: NodeTotals[]
  readonly flows: FlowEnd[]
  streams?: StreamTraffic[]
  stream_totals?: StreamTotals
}

/** One part at least. `originNs`: CLOCK_MONOTONIC that times count from. */
export function trafficParts(counts: EngineCounts | null, originNs: bigint): FleetTraffic[] {
  const links = counts?.links.map(linkTraffic) ?? []
  const nodes = counts?.nodes.map(({ nodeId, account }) => ({ node_id: nodeId, totals: totalsOf(account) })) ?? []
  const flows = counts === null ? [] : flowEnds(counts, originNs)
  const streams = counts?.streams.map(streamTraffic) ?? []
  const parts: Part[] = []
  let room = 0
  /** Fills the last part before it begins another. */
  const place = <T>(entries: readonly T[], into: (part: Part) => T[]): void => {
    for (let at = 0; at < entries.length; ) {
      if (room === 0) {
        parts.push({ links: [], nodes: [], flows: [] })
        room = ENTRIES_A_NOTICE
      }
      const some = entries.slice(at, at + room)
      into(parts.at(-1) as Part).push(...some)
      room -= some.length
      at += some.length
    }
  }
  place(links, part => part.links)
  place(nodes, part => part.nodes)
  place(flows, part => part.flows)
  place(streams, part => {
    part.streams ??= []
    return part.streams
  })
  if (parts.length === 0) parts.push({ links: [], nodes: [], flows: [] })
  if (counts !== null && streams.length > 0) (parts[0] as Part).stream_totals = streamTotals(counts.max)
  return parts
}

function totalsOf(account: PacketAccount): PacketTotals {
  return {
    in_packets: account.inPackets,
    in_bytes: account.inBytes,
    made_packets: account.madePackets,
    out_packets: account.outPackets,
    out_bytes: account.outBytes,
    held_packets: account.heldPackets,
    dropped: account.dropped,
  }
}

function linkTraffic({ nodeId, peerId, up, sent, ...count }: EngineCounts['links'][number]): LinkTraffic {
  return {
    node_id: nodeId,
    peer_id: peerId,
    sent: totalsOf(sent),
    breaks: count.breaks,
    received_packets: count.receivedPackets,
    received_bytes: count.receivedBytes,
    ...(count.lostPackets === 0 ? {} : { lost_packets: count.lostPackets }),
    up,
  }
}

function streamTraffic({ nodeId, sent, ...count }: EngineCounts['streams'][number]): StreamTraffic {
  return {
    node_id: nodeId,
    sent: totalsOf(sent),
    received_packets: count.receivedPackets,
    received_bytes: count.receivedBytes,
    breaks: count.breaks,
  }
}

function streamTotals({ opened, failed, refused, relayed, broken }: EngineCounts['max']): StreamTotals {
  return { opened, failed, refused, relayed, broken }
}

function flowEnds({ sources, sinks }: EngineCounts, originNs: bigint): FlowEnd[] {
  const at = (ns: bigint): number | null => (ns === 0n ? null : Number(ns - originNs) / 1e9)
  const ends: FlowEnd[] = []
  // Probes' packets are in what nodes and links count; as flows they are nobody's.
  const isFlow = ({ flow }: { readonly flow: number }): boolean => flow < PROBE_FLOWS
  for (const source of sources.filter(isFlow))
    ends.push({
      end: 'source',
      flow_id: source.flow,
      node_id: source.nodeId,
      sent_packets: source.sentPackets,
      sent_bytes: source.sentBytes,
      first_s: at(source.firstNs),
      last_s: at(source.lastNs),
      finished: source.finished,
    })
  for (const sink of sinks.filter(isFlow))
    ends.push({
      end: 'sink',
      flow_id: sink.flow,
      node_id: sink.nodeId,
      received_packets: sink.receivedPackets,
      received_bytes: sink.receivedBytes,
      duplicate_packets: sink.duplicatePackets,
      reordered_packets: sink.reorderedPackets,
      too_late_packets: sink.tooLatePackets,
      announced_packets: sink.sentPackets,
      first_s: at(sink.firstNs),
      last_s: at(sink.lastNs),
      latency_p50_s: sink.latencyP50Ns / 1e9,
      latency_p99_s: sink.latencyP99Ns / 1e9,
      latency_max_s: sink.latencyMaxNs / 1e9,
      finished: sink.finished,
    })
  return ends
}
