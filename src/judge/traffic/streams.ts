// What became of packets in streams of max mode. A stream passes relays that look at no packet, and so its two ends are
// not neighbours: what all nodes gave to streams is held against what all have taken from them.

import type { FleetTraffic, PacketTotals, StreamTotals } from '../../protocol/traffic.ts'
import { accountText, type Discrepancy, excessOf, sumOf } from './totals.ts'

export interface StreamFacts extends StreamTotals {
  /** Packets. */
  readonly given: number
  readonly received: number
  /** Streams that ended otherwise than in order, counted at every place where one did. */
  readonly faults: number
  /** Packets that were under way in them. */
  readonly lost: number
}

export interface StreamReading {
  /** Null: no node was in max mode. */
  readonly streams: StreamFacts | null
  readonly sent: readonly PacketTotals[]
  readonly discrepancies: readonly Discrepancy[]
}

/** `remade`: nodes that have forgotten what they had counted before. */
export function readStreams(parts: readonly FleetTraffic[], remade: ReadonlySet<number>): StreamReading {
  const nodes = parts.flatMap(part => part.streams ?? [])
  const fleets = parts.flatMap(part => part.stream_totals ?? [])
  if (nodes.length === 0 && fleets.length === 0) return { streams: null, sent: [], discrepancies: [] }
  const discrepancies: Discrepancy[] = nodes.flatMap(({ node_id, sent }) => {
    const packets = excessOf(sent)
    return packets === 0
      ? []
      : [{ packets: Math.abs(packets), text: `streams of node ${node_id}: ${accountText(sent)}` }]
  })
  const totals: StreamTotals = {
    opened: sumOf(fleets, ({ opened }) => opened),
    failed: sumOf(fleets, ({ failed }) => failed),
    refused: sumOf(fleets, ({ refused }) => refused),
    relayed: sumOf(fleets, ({ relayed }) => relayed),
    broken: sumOf(fleets, ({ broken }) => broken),
  }
  const given = sumOf(nodes, ({ sent }) => sent.out_packets)
  const received = sumOf(nodes, ({ received_packets }) => received_packets)
  const faults = sumOf(nodes, ({ breaks }) => breaks) + totals.refused + totals.broken
  const under = given - received
  // A node that was made again may have taken or given what it does not know of any more.
  const isExcused = remade.size > 0 || (faults > 0 && under > 0)
  if (under !== 0 && !isExcused)
    discrepancies.push({ packets: Math.abs(under), text: `streams: ${given} sent, ${received} received` })
  const lost = isExcused ? Math.max(0, under) : 0
  return { streams: { ...totals, given, received, faults, lost }, sent: nodes.map(({ sent }) => sent), discrepancies }
}
