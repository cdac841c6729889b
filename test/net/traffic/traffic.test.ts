// Traffic of a fleet on the real kernel and the real engine: flows over a ring of six namespaces, six links.

import { createHash } from 'node:crypto'
import t from 'tap'
import { ENGINE_DEFAULTS } from '../../../src/config/dataplane.ts'
import { Lab, type LabOptions } from '../../fixtures/fleet.ts'
import { accountOf, counted, flow, PACKET, pause, spec, stream, warnings } from '../../fixtures/flows.ts'

const MS = 1_000_000

const routed: LabOptions = { controller: { routing: 'shortest_path' } }

/** Packets that a node has had in, out, and dropped for want of a route. */
async function nodeCount(lab: Lab, id: number) {
  const account = await accountOf(lab, id)
  return { in: account?.inPackets ?? 0, out: account?.outPackets ?? 0, dropped: account?.dropped.no_route ?? 0 }
}

t.test('a flow over three hops of derived routes arrives wholly, and the controller hears of it', async t => {
  const config = { engine: { ...ENGINE_DEFAULTS, metricsIntervalS: 1 } }
  const lab = await Lab.open(t, { ...routed, config })
  await lab.startController()
  lab.core?.traffic.setFlow(7, flow(7, 1, 4, spec({ Bytes: 100 * PACKET })))
  await lab.fleet.build()
  const { sink } = await counted(lab, 7, ({ sink }) => sink?.finished === true)
  t.match(sink, { nodeId: 4, receivedPackets: 100, receivedBytes: 100 * PACKET, duplicatePackets: 0, sentPackets: 100 })
  t.equal((await nodeCount(lab, 2)).out + (await nodeCount(lab, 6)).out >= 100, true, 'by relays')
  const started = await lab.core?.hear('UserFlowStart', 1)
  const nowMs = Date.now()
  t.match(started, { flows: [{ controller_id: 7, start_time: Number }] })
  for (const node of [1, 4]) {
    const message = await lab.core?.hear('FlowFinished', node)
    if (message?.type !== 'FlowFinished') throw new Error('no FlowFinished')
    const [finished] = message.flows
    t.match(finished, { controller_id: 7 })
    const { start_time = 0, finish_time = 0 } = finished ?? {}
    t.ok(nowMs - 60_000 < start_time && start_time <= finish_time && finish_time <= nowMs + 1, 'in order, and just now')
  }
  const metrics = await Promise.all([1, 4].map(node => lab.core?.hear('Metrics', node)))
  t.match(metrics, [
    { metrics: [{ controller_id: 7, remote_node_id: 4, bytes: 100 * PACKET }] },
    { metrics: [{ controller_id: 7, remote_node_id: 1, bytes: 100 * PACKET }] },
  ])
  t.strictSame(warnings(lab), [])
  t.equal(lab.fleet.facts().flows_held_count, 0)
})

t.test('without routing nothing is derived: packets are dropped for want of a route', async t => {
  const lab = await Lab.open(t)
  await lab.startController()
  lab.core?.traffic.setFlow(1, flow(1, 1, 4, spec({ Bytes: 10 * PACKET })))
  await lab.fleet.build()
  const { source } = await counted(lab, 1, ({ source }) => source?.finished === true)
  t.equal(source?.sentPackets, 10)
  t.ok((await nodeCount(lab, 1)).dropped >= 10)
  t.match(warnings(lab), [/^no route: node 1 has none from node 1 to node 4; dropped, .*: 1 packet$/])
})

t.test('a graph that no preset describes: the controller brings the next hops', async t => {
  const topology = { preset: { type: 'ring', nNodes: 6 }, edges: [[1, 4]] } as const
  const lab = await Lab.open(t, { topology, ...routed })
  await lab.startController()
  lab.core?.traffic.setFlow(1, flow(1, 1, 5, spec({ Bytes: 10 * PACKET })))
  await lab.fleet.build()
  const { sink } = await counted(lab, 1, ({ sink }) => sink?.finished === true)
  t.equal(sink?.receivedPackets, 10)
})

t.test('an explicit route is preferred; withdrawn under load, none goes its way after', async t => {
  const lab = await Lab.open(t)
  await lab.startController()
  lab.core?.setRoute(1, [
    [1, 6],
    [6, 5],
    [5, 4],
  ])
  lab.core?.traffic.setFlow(1, stream(1, 1, 4))
  await lab.fleet.build()
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 50)
  t.equal((await nodeCount(lab, 2)).in, 0, 'not the other way round')
  t.equal((await nodeCount(lab, 1)).dropped, 0)
  lab.core?.setRoute(1, null)
  while ((await nodeCount(lab, 1)).dropped === 0) await pause()
  // What was sent before is on its way for a moment.
  await pause(200)
  const before = await nodeCount(lab, 6)
  const { dropped } = await nodeCount(lab, 1)
  await pause(200)
  t.strictSame(await nodeCount(lab, 6), before, 'none to the hop of before')
  t.ok((await nodeCount(lab, 1)).dropped > dropped)
})

t.test('a flow takes the route that it is pinned to; of one that is not there it is told', async t => {
  const lab = await Lab.open(t)
  await lab.startController()
  lab.core?.setRoute(1, [
    [1, 2],
    [2, 3],
    [3, 4],
  ])
  lab.core?.setRoute(2, [
    [1, 6],
    [6, 5],
    [5, 4],
  ])
  for (const id of [1, 2, 3, 4]) lab.core?.traffic.setFlow(id, flow(id, 1, 4, spec({ Bytes: 10 * PACKET }), 2))
  await lab.fleet.build()
  for (const id of [1, 2, 3, 4]) await counted(lab, id, ({ sink }) => sink?.finished === true)
  t.equal((await nodeCount(lab, 2)).in, 0)
  t.ok((await nodeCount(lab, 6)).in >= 40)
  lab.core?.traffic.setFlow(5, flow(5, 1, 4, spec({ Bytes: 10 * PACKET }), 9))
  const { sink } = await counted(lab, 5, ({ sink }) => sink?.finished === true)
  t.equal(sink?.receivedPackets, 10)
  t.match(warnings(lab), [/^flow 5 is pinned to route 9, and node 1 has no such route to node 4: it takes any$/])
})

t.test(
  'a link is shaped while it runs: delay and loss are seen at the sink, and the controller hears that it is set',
  async t => {
    const lab = await Lab.open(t, routed)
    await lab.startController()
    lab.core?.traffic.setFlow(1, flow(1, 1, 2, spec({ Duration: 3600 }, { flow_rate: 1000 * PACKET })))
    await lab.fleet.build()
    const before = await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 50)
    lab.core?.tell(1, { type: 'SetLink', node_id: 2, shape: { delay_s: 0.25, loss_ratio: 0.5 }, change: 3 })
    t.strictSame(await lab.core?.hear('LinkSet', 1), { type: 'LinkSet', node_id: 1, remote_node_id: 2, change: 3 })
    const { sink } = await counted(lab, 1, ({ sink }) => (sink?.latencyMaxNs ?? 0) >= 250 * MS)
    t.ok((before.sink?.latencyP50Ns ?? 0) < 250 * MS)
    t.ok((sink?.latencyMaxNs ?? 0) >= 250 * MS)
    const counts = await lab.fleet.traffic.count()
    const link = counts?.links.find(({ nodeId, peerId }) => nodeId === 1 && peerId === 2)
    t.ok((link?.sent.dropped.loss ?? 0) > 0)
    t.equal(counts?.links.find(({ nodeId, peerId }) => nodeId === 2 && peerId === 1)?.sent.dropped.loss, undefined)
  },
)

t.test('a flow that is deleted ends, one that is added while it runs starts', async t => {
  const lab = await Lab.open(t, routed)
  await lab.wire()
  lab.core?.traffic.setFlow(1, stream(1, 1, 3))
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 10)
  lab.core?.traffic.setFlow(1, null)
  await counted(lab, 1, ({ source, sink }) => source === undefined && sink === undefined)
  await pause(100)
  const counts = await lab.fleet.traffic.count()
  t.strictSame([counts?.sources.length, counts?.sinks.length], [0, 0], 'nor does what was under way open it again')
})

t.test('a flow to a group is delivered at each member, along its tree', async t => {
  const lab = await Lab.open(t)
  await lab.wire()
  const group_id = 9
  const tree = (node: number, ...next_hops: number[]) =>
    lab.core?.tell(node, {
      type: 'InstallGroupRoutes',
      group_id,
      src_node_id: 1,
      routes: [{ tree_id: 0, next_hops }],
    })
  for (const node of [3, 6])
    lab.core?.tell(node, {
      type: 'InstallGroupDirectory',
      groups: [{ group_id, group_ip: '239.255.0.9', member: true }],
    })
  tree(1, 2, 6)
  tree(2, 3)
  tree(3, 3)
  tree(6, 6)
  await lab.settled()
  const flow_spec = spec({ Bytes: 20 * PACKET })
  const flows = [{ controller_id: 5, src_node_id: 1, dst_node_id: 1, dst_group_id: group_id, flow_spec }]
  lab.core?.tell(1, { type: 'AddFlows', flows })
  for (const node of [3, 6]) {
    for (;;) {
      const sink = (await lab.fleet.traffic.count())?.sinks.find(({ nodeId }) => nodeId === node)
      if (sink?.finished === true) {
        t.match(sink, { flow: 5, receivedPackets: 20 }, `node ${node}`)
        break
      }
      await pause()
    }
  }
})

t.test('no source makes another packet once they are stopped, and a flow that is added does not start', async t => {
  const lab = await Lab.open(t, routed)
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 4))
  await lab.fleet.build()
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 10)
  await lab.fleet.traffic.stopSources()
  const { source, sink } = await counted(lab, 1, ({ sink }) => sink?.finished === true)
  t.equal(sink?.receivedPackets, source?.sentPackets)
  lab.core?.traffic.setFlow(2, flow(2, 1, 4, spec({ Bytes: PACKET })))
  await lab.settled()
  t.equal((await lab.fleet.traffic.count())?.sources.length, 1)
  t.equal(lab.fleet.facts().flows_held_count, 1)
})

t.test('a rate and a queue as configured: what does not fit is dropped', async t => {
  const engine = { ...ENGINE_DEFAULTS, queueCapacity: 2 }
  const linkRates = [{ srcNodeId: 1, dstNodeId: 2, rate: { rate: 10 * PACKET, bucket_size: 2 * PACKET } }]
  const controller = { routing: 'shortest_path', linkRates } as const
  const lab = await Lab.open(t, { controller, config: { engine } })
  await lab.startController()
  lab.core?.traffic.setFlow(1, flow(1, 1, 2, spec({ Bytes: 50 * PACKET }, { flow_rate: 5000 * PACKET })))
  await lab.fleet.build()
  await counted(lab, 1, ({ source }) => source?.finished === true)
  const counts = await lab.fleet.traffic.count()
  const sent = counts?.links.find(({ nodeId, peerId }) => nodeId === 1 && peerId === 2)?.sent
  t.ok((sent?.dropped.queue_full ?? 0) > 20)
  t.ok((sent?.heldPackets ?? 0) <= 2)
})

t.test('a lossless flow is delivered whole, and both ends say so', async t => {
  const lab = await Lab.open(t, routed)
  await lab.wire()
  lab.core?.traffic.setFlow(3, flow(3, 1, 4, spec({ Bytes: 1_000_001 }, { transport: 'lossless_unicast' })))
  const engine = lab.fleet.traffic
  let counts = await engine.count()
  while (counts?.senders[0]?.finished !== true) {
    await new Promise(resolve => setTimeout(resolve, 20))
    counts = await engine.count()
  }
  // The payload is SplitMix64 of the flow's number, made again here.
  const payload = Buffer.alloc(1_000_008)
  for (let at = 0; at < payload.length; at += 8)
    payload.writeBigUInt64LE(splitMix(3n + GOLDEN * BigInt(at / 8 + 1)), at)
  const sha256 = createHash('sha256').update(payload.subarray(0, 1_000_001)).digest('hex')
  t.match(counts.senders, [{ nodeId: 1, flow: 3, sha256, receivers: [{ nodeId: 4, outcome: 'delivered' }] }])
  t.match(counts.receivers, [{ nodeId: 4, flow: 3, sourceId: 1, sha256, receivedBytes: 1_000_001 }])
})

t.test('parity completes what lossy links take, within Node.js as without', async t => {
  const lossless = { ...ENGINE_DEFAULTS.lossless, paritySymbols: 4 }
  const lab = await Lab.open(t, { ...routed, config: { engine: { ...ENGINE_DEFAULTS, lossless } } })
  await lab.wire()
  for (const [from, to] of [
    [1, 2],
    [1, 6],
  ] as const)
    lab.core?.traffic.setLinkRow(from, to, { loss_ratio: 0.05 })
  lab.core?.traffic.setFlow(3, flow(3, 1, 4, spec({ Bytes: 3_000_000 }, { transport: 'lossless' })))
  const engine = lab.fleet.traffic
  let counts = await engine.count()
  while (counts?.senders[0]?.finished !== true) {
    await new Promise(resolve => setTimeout(resolve, 20))
    counts = await engine.count()
  }
  t.match(counts.senders, [{ receivers: [{ nodeId: 4, outcome: 'delivered' }] }])
  t.equal(counts.receivers[0]?.sha256, counts.senders[0]?.sha256)
  t.ok((counts.receivers[0]?.decodedBlocks ?? 0) > 0)
})

const WORD = 0xffff_ffff_ffff_ffffn
const GOLDEN = 0x9e37_79b9_7f4a_7c15n

/** As native/engine/packets/mix.h. */
function splitMix(seed: bigint): bigint {
  let value = seed & WORD
  value = ((value ^ (value >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & WORD
  value = ((value ^ (value >> 27n)) * 0x94d0_49bb_1331_11ebn) & WORD
  return value ^ (value >> 31n)
}
