// Links of a real fleet, measured: over the link that is meant and no other, as fast as it is.

import t from 'tap'
import { trafficParts } from '../../../src/dataplane/traffic/counts.ts'
import { PROBE_FLOWS } from '../../../src/protocol/traffic.ts'
import { Lab } from '../../fixtures/fleet.ts'
import { accountOf, counted, warnings } from '../../fixtures/flows.ts'

t.setTimeout(120_000)

const around = [
  [1, 6],
  [6, 5],
  [5, 4],
  [4, 3],
  [3, 2],
] as const

t.test('a probe goes over its link, whatever routes say, and measures how fast that is', async t => {
  const lab = await Lab.open(t, { controller: { routing: 'shortest_path' } })
  await lab.startController()
  lab.core?.replaceRoutes(new Map([[1, around]]))
  await lab.fleet.build()
  await lab.recorder.until('all_wired')
  const { core } = lab
  if (core === null) throw new Error('no controller')
  core.traffic.changeLink(1, 2, { rate: 1_250_000, bucket_size: 15_000 }, 1)
  await core.hear('LinkSet', 1)
  t.equal(core.traffic.probe(7, { srcNodeId: 1, dstNodeId: 2, bytes: 700_000 }), 'told')
  const slow = await core.hear('ProbeLinkResult', 2)
  if (slow.type !== 'ProbeLinkResult') throw new Error('another message')
  t.match(slow, { probe_id: 7, from_node_id: 1, to_node_id: 2, sent_packets: 500, received_packets: 500 })
  const mbps = slow.bandwidth_mbps ?? 0
  t.ok(mbps > 5 && mbps < 12, `10 Mbit/s: ${mbps}`)
  t.ok(slow.latency_p50_s > 0)
  t.equal((await accountOf(lab, 3))?.inPackets ?? 0, 0, 'nobody else has seen it')
  core.traffic.probe(8, { srcNodeId: 2, dstNodeId: 1, bytes: 700_000 })
  const fast = await core.hear('ProbeLinkResult', 1)
  t.ok(fast.type === 'ProbeLinkResult' && (fast.bandwidth_mbps ?? 0) > 12, 'the other direction has no rate')
  const counts = await lab.fleet.traffic.count()
  t.same(trafficParts(counts, 0n)[0]?.flows, [], 'to the account they are no flows')
  await counted(lab, PROBE_FLOWS + 7, ({ source, sink }) => source === undefined && sink === undefined)
  t.strictSame(warnings(lab), [])
})

t.test('one over a link that takes nothing ends, and says so', async t => {
  const lab = await Lab.open(t, { controller: { routing: 'shortest_path' } })
  await lab.startController()
  await lab.fleet.build()
  await lab.recorder.until('all_wired')
  const { core } = lab
  core?.traffic.changeLink(1, 2, { loss_ratio: 1 }, 1)
  await core?.hear('LinkSet', 1)
  core?.traffic.probe(7, { srcNodeId: 1, dstNodeId: 2, bytes: 14_000 })
  t.match(await core?.hear('ProbeLinkFailed', 2), { probe_id: 7, reason: /last packet has not come within 20 s/ })
})
