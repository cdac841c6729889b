// What the engine has counted, as reports tell of it: in parts that fit into a line each.

import type { EngineCounts, PacketAccount } from '../../native/engine.ts'
import {
  type FleetTraffic,
  type FlowEnd,
  type LinkTraffic,
  type PacketTotals,
  PROBE_FLOWS,
  type StreamTotals,
  type StreamTraffic,
  type TransferEnd,
} from '../../protocol/traffic.ts'
import { ENTRIES_A_NOTICE } from './limits.ts'

type NodeTotals = FleetTraffic['nodes'][number]

interface Part {
  readonly links: LinkTraffic[]
  readonly nodes: NodeTotals[]
  readonly flows: FlowEnd[]
  transfers?: TransferEnd[]
  streams?: StreamTraffic[]
  stream_totals?: StreamTotals
}

/** One part at least. `originNs`: CLOCK_MONOTONIC that times count from. */
export function trafficParts(counts: EngineCounts | null, originNs: bigint): FleetTraffic[] {
  const links = counts?.links.map(linkTraffic) ?? []
  const nodes = counts?.nodes.map(({ nodeId, account }) => ({ node_id: nodeId, totals: totalsOf(account) })) ?? []
  const flows = counts === null ? [] : flowEnds(counts, originNs)
  const transfers = counts === null ? [] : transferEnds(counts, originNs)
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
  place(transfers, part => {
    part.transfers ??= []
    return part.transfers
  })
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

type At = (ns: bigint) => number | null

const since =
  (originNs: bigint): At =>
  ns =>
    ns === 0n ? null : Number(ns - originNs) / 1e9

function transferEnds({ senders, receivers }: EngineCounts, originNs: bigint): TransferEnd[] {
  const at = since(originNs)
  const ends: TransferEnd[] = []
  for (const sender of senders)
    ends.push({
      end: 'sender',
      flow_id: sender.flow,
      node_id: sender.nodeId,
      payload_bytes: sender.payloadBytes,
      sent_packets: sender.sentPackets,
      sent_bytes: sender.sentBytes,
      parity_symbols: sender.paritySymbols,
      repaired_symbols: sender.repairedSymbols,
      first_s: at(sender.firstNs),
      last_s: at(sender.lastNs),
      finished: sender.finished,
      sha256: sender.sha256,
      receivers: sender.receivers.map(({ nodeId, outcome, acknowledgedBytes }) => ({
        node_id: nodeId,
        outcome,
        acknowledged_bytes: acknowledgedBytes,
      })),
    })
  for (const receiver of receivers)
    ends.push({
      end: 'receiver',
      flow_id: receiver.flow,
      node_id: receiver.nodeId,
      source_id: receiver.sourceId,
      outcome: receiver.outcome,
      payload_bytes: receiver.payloadBytes,
      received_bytes: receiver.receivedBytes,
      received_symbols: receiver.receivedSymbols,
      spare_symbols: receiver.spareSymbols,
      decoded_blocks: receiver.decodedBlocks,
      asked_blocks: receiver.askedBlocks,
      first_s: at(receiver.firstNs),
      last_s: at(receiver.lastNs),
      sha256: receiver.sha256,
    })
  return ends
}

function flowEnds({ sources, sinks }: EngineCounts, originNs: bigint): FlowEnd[] {
  const at = since(originNs)
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
