// Streams of max mode in the account: what was given to them came out of them, or is known to be lost, or is missed.

import t from 'tap'
import { judge } from '../../../src/judge/judge.ts'
import { readTraffic } from '../../../src/judge/traffic/account.ts'
import { readStreams } from '../../../src/judge/traffic/streams.ts'
import { isSettled } from '../../../src/lab/traffic/ask.ts'
import type { FleetTraffic, PacketTotals, StreamTotals } from '../../../src/protocol/traffic.ts'
import { trafficLines } from '../../../src/report/traffic.ts'
import { historyOf, type RunData } from '../../fixtures/run-folder.ts'
import { trafficRun } from '../../fixtures/traffic.ts'

const NONE = new Set<number>()

const sent = (out: number, more: Partial<PacketTotals> = {}): PacketTotals => ({
  in_packets: out,
  in_bytes: out * 100,
  made_packets: 0,
  out_packets: out,
  out_bytes: out * 100,
  held_packets: 0,
  dropped: {},
  ...more,
})

/** Node 1 sends, node 3 receives, in two fleets. */
function parts(given: number, received: number, more: { breaks?: number; totals?: Partial<StreamTotals> } = {}) {
  const none = { opened: 0, failed: 0, refused: 0, relayed: 0, broken: 0 }
  const node = (node_id: number, out: number, came: number, breaks = 0) => ({
    node_id,
    sent: sent(out),
    received_packets: came,
    received_bytes: came * 100,
    breaks,
  })
  const rest = { links: [], nodes: [], flows: [] }
  const told: FleetTraffic[] = [
    { ...rest, streams: [node(1, given, 0, more.breaks)], stream_totals: { ...none, opened: 1, ...more.totals } },
    { ...rest, streams: [node(3, 0, received)], stream_totals: { ...none, opened: 1, relayed: 1 } },
  ]
  return told
}

t.test('what was given came, in all fleets together', t => {
  const { streams, discrepancies } = readStreams(parts(100, 100), NONE)
  t.match(streams, { opened: 2, relayed: 1, given: 100, received: 100, faults: 0, lost: 0 })
  t.strictSame(discrepancies, [])
  t.equal(readStreams([{ links: [], nodes: [], flows: [] }], NONE).streams, null, 'no node was in max mode')
  t.end()
})

t.test('what is missing without a fault is unaccounted for; with one it is lost', t => {
  const text = 'streams: 100 sent, 93 received'
  t.strictSame(readStreams(parts(100, 93), NONE).discrepancies, [{ packets: 7, text }])
  for (const fault of [{ breaks: 1 }, { totals: { refused: 1 } }, { totals: { broken: 1 } }]) {
    const { streams, discrepancies } = readStreams(parts(100, 93, fault), NONE)
    t.match([streams?.lost, streams?.faults, discrepancies], [7, 1, []])
  }
  t.end()
})

t.test('no fault makes packets; a node that has forgotten may be why there are more', t => {
  t.match(readStreams(parts(100, 101, { breaks: 1 }), NONE).discrepancies, [{ packets: 1 }])
  t.match(readStreams(parts(100, 101), new Set([1])), { discrepancies: [], streams: { lost: 0 } })
  t.end()
})

t.test("a node's own account of streams has to add up", t => {
  const [first, second] = parts(100, 100) as [FleetTraffic, FleetTraffic]
  const streams = (first.streams ?? []).map(each => ({
    ...each,
    sent: sent(100, { in_packets: 104, held_packets: 1 }),
  }))
  t.strictSame(readStreams([{ ...first, streams }, second], NONE).discrepancies, [
    { packets: 3, text: 'streams of node 1: 104 in + 0 made, 100 out + 0 dropped + 1 held' },
  ])
  t.end()
})

t.test('a drain waits until streams are empty, unless one broke', t => {
  const answer = (told: FleetTraffic[]) => ({ ask: 1, atS: 1, fleets: [{ host: 'a', parts: told }] })
  t.ok(isSettled(answer(parts(100, 100))))
  t.notOk(isSettled(answer(parts(100, 99))))
  t.ok(isSettled(answer(parts(100, 99, { breaks: 1 }))))
  const [first, second] = parts(100, 100) as [FleetTraffic, FleetTraffic]
  const streams = (first.streams ?? []).map(each => ({ ...each, sent: sent(100, { held_packets: 1 }) }))
  t.notOk(isSettled(answer([{ ...first, streams }, second])))
  t.end()
})

/** The good run, with streams beside its links. */
function run(told: readonly FleetTraffic[]): RunData {
  const data = trafficRun()
  const streams = told.flatMap(part => part.streams ?? [])
  const stream_totals = told[0]?.stream_totals as StreamTotals
  data.traffic = (data.traffic ?? []).map(line =>
    'part' in line && line.more ? { ...line, part: { ...line.part, streams, stream_totals } } : line,
  )
  return data
}

t.test('a run with streams: its metrics, its gate and its line', t => {
  const good = historyOf(run(parts(100, 100)))
  const { metrics } = judge(good)
  t.match(metrics, { packets_streamed_count: 100, streams_opened_count: 1, packets_unaccounted_count: 0 })
  t.equal(metrics.packet_hops_count, 4100)
  const lineOf = (history: typeof good) => trafficLines(judge(history), history).find(({ what }) => what === 'Streams')
  t.match(lineOf(good), { text: '1 opened, 100 packets', isBad: false })
  const lossy = historyOf(run(parts(100, 90, { breaks: 2, totals: { failed: 3 } })))
  t.match(judge(lossy).metrics, { packets_lost_with_streams_count: 10, packets_unaccounted_count: 0 })
  t.match(lineOf(lossy), { text: '1 opened, 3 could not be, 90 packets, 10 lost where streams broke', isBad: true })
  t.match(judge(historyOf(run(parts(100, 90)))).metrics, { packets_unaccounted_count: 10 })
  const facts = readTraffic(historyOf(trafficRun()))
  t.equal(typeof facts === 'string' ? facts : facts.streams, null)
  t.end()
})
