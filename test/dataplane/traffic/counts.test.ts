// What the engine has counted, as the run is told of it.

import t from 'tap'
import { trafficParts } from '../../../src/dataplane/traffic/counts.ts'
import { ENTRIES_A_NOTICE } from '../../../src/dataplane/traffic/limits.ts'
import type { EngineCounts, PacketAccount, SinkCount, SourceCount } from '../../../src/native/engine.ts'

const account: PacketAccount = {
  inPackets: 10,
  inBytes: 1000,
  outPackets: 7,
  outBytes: 700,
  madePackets: 1,
  dropped: { loss: 3 },
  heldPackets: 1,
}
const source: SourceCount = {
  nodeId: 1,
  flow: 9,
  sentPackets: 5,
  sentBytes: 500,
  firstNs: 3_500_000_000n,
  lastNs: 0n,
  finished: false,
}
const sink: SinkCount = {
  nodeId: 2,
  flow: 9,
  receivedPackets: 4,
  receivedBytes: 400,
  duplicatePackets: 1,
  reorderedPackets: 2,
  tooLatePackets: 3,
  sentPackets: 5,
  finished: true,
  firstNs: 4_000_000_000n,
  lastNs: 5_000_000_000n,
  latencyP50Ns: 1000,
  latencyP99Ns: 2000,
  latencyMaxNs: 3000,
}

t.test('every count has its place, times count from the run', async t => {
  const counts: EngineCounts = {
    links: [
      {
        nodeId: 1,
        peerId: 2,
        up: true,
        breaks: 5,
        receivedPackets: 2,
        receivedBytes: 200,
        sent: account,
        lostPackets: 4,
        lostDatagrams: 3,
        duplicateDatagrams: 0,
        reorderedDatagrams: 0,
        ignoredDatagrams: 0,
      },
    ],
    nodes: [{ nodeId: 1, account }],
    sources: [source],
    sinks: [sink],
    streams: [{ nodeId: 1, up: true, breaks: 6, receivedPackets: 3, receivedBytes: 300, sent: account }],
    max: { opened: 5, failed: 4, refused: 3, relayed: 2, broken: 1, relays: 1 },
    senders: [],
    receivers: [],
  }
  const totals = {
    in_packets: 10,
    in_bytes: 1000,
    made_packets: 1,
    out_packets: 7,
    out_bytes: 700,
    held_packets: 1,
    dropped: { loss: 3 },
  }
  t.strictSame(trafficParts(counts, 3_000_000_000n), [
    {
      links: [
        {
          node_id: 1,
          peer_id: 2,
          sent: totals,
          breaks: 5,
          received_packets: 2,
          received_bytes: 200,
          lost_packets: 4,
          up: true,
        },
      ],
      nodes: [{ node_id: 1, totals }],
      flows: [
        {
          end: 'source',
          flow_id: 9,
          node_id: 1,
          sent_packets: 5,
          sent_bytes: 500,
          first_s: 0.5,
          last_s: null,
          finished: false,
        },
        {
          end: 'sink',
          flow_id: 9,
          node_id: 2,
          received_packets: 4,
          received_bytes: 400,
          duplicate_packets: 1,
          reordered_packets: 2,
          too_late_packets: 3,
          announced_packets: 5,
          first_s: 1,
          last_s: 2,
          latency_p50_s: 1e-6,
          latency_p99_s: 2e-6,
          latency_max_s: 3e-6,
          finished: true,
        },
      ],
      streams: [{ node_id: 1, sent: totals, received_packets: 3, received_bytes: 300, breaks: 6 }],
      stream_totals: { opened: 5, failed: 4, refused: 3, relayed: 2, broken: 1 },
    },
  ])
})

const NO_STREAMS = { opened: 0, failed: 0, refused: 0, relayed: 0, broken: 0, relays: 0 }

t.test('parts are full, and together they are all', async t => {
  const nodes = Array.from({ length: ENTRIES_A_NOTICE - 1 }, (_, at) => ({ nodeId: at + 1, account }))
  const parts = trafficParts(
    {
      links: [],
      nodes,
      sources: [source, source],
      sinks: [sink],
      senders: [],
      receivers: [],
      streams: [],
      max: NO_STREAMS,
    },
    0n,
  )
  t.strictSame(
    parts.map(({ links, nodes, flows }) => [links.length, nodes.length, flows.length]),
    [
      [0, ENTRIES_A_NOTICE - 1, 1],
      [0, 0, 2],
    ],
  )
  t.strictSame(trafficParts(null, 0n), [{ links: [], nodes: [], flows: [] }], 'one part at least')
})

t.test('the ends of lossless transfers are told of beside flows', async t => {
  const times = { firstNs: 2_000_000_000n, lastNs: 0n }
  const sender = {
    ...{ nodeId: 1, flow: 9, payloadBytes: 10, sentPackets: 3, sentBytes: 300, paritySymbols: 1, repairedSymbols: 2 },
    ...times,
    finished: true,
    sha256: 'ab',
    receivers: [{ nodeId: 2, outcome: 'delivered' as const, acknowledgedBytes: 10 }],
  }
  const receiver = {
    ...{ nodeId: 2, flow: 9, sourceId: 1, payloadBytes: 10, receivedBytes: 10, receivedSymbols: 4, spareSymbols: 1 },
    ...times,
    ...{ outcome: 'delivered' as const, decodedBlocks: 1, askedBlocks: 0, sha256: null },
  }
  const counts = { links: [], nodes: [], sources: [source], sinks: [], senders: [sender], receivers: [receiver] }
  const parts = trafficParts({ ...counts, streams: [], max: NO_STREAMS }, 1_000_000_000n)
  t.equal(parts.length, 1)
  t.match(parts[0]?.transfers, [
    { end: 'sender', flow_id: 9, first_s: 1, last_s: null, repaired_symbols: 2, sha256: 'ab' },
    { end: 'receiver', flow_id: 9, node_id: 2, source_id: 1, outcome: 'delivered', decoded_blocks: 1, sha256: null },
  ])
  t.strictSame(parts[0]?.transfers?.[0]?.end === 'sender' && parts[0].transfers[0].receivers, [
    { node_id: 2, outcome: 'delivered', acknowledged_bytes: 10 },
  ])
})
