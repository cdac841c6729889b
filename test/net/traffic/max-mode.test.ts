// Max mode of a fleet on the real kernel: flows in streams of their own between namespaces, relays that splice them,
// and what becomes of them when somebody or something is taken away.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { ENGINE_DEFAULTS } from '../../../src/config/dataplane.ts'
import type { EngineCounts, StreamCount } from '../../../src/native/engine.ts'
import { Lab, type LabOptions } from '../../fixtures/fleet.ts'
import { counted, flow, PACKET, pause, spec, stream, warnings } from '../../fixtures/flows.ts'
import { isBalanced } from '../../fixtures/packet-engine.ts'
import { needsTun, talkTo } from '../../fixtures/tun.ts'

const run = promisify(execFile)

const line = { preset: { type: 'line', nNodes: 3 }, edges: [] } as const
const engine = { ...ENGINE_DEFAULTS, processors: 1, backpressure: true }
const max: LabOptions = {
  topology: line,
  controller: { routing: 'shortest_path' },
  config: { operatingMode: 'max', engine },
}

/** Counts for which it holds. The test's own deadline ends the wait. */
async function countsOf(lab: Lab, holds: (counts: EngineCounts) => boolean): Promise<EngineCounts> {
  for (;;) {
    const counts = await lab.fleet.traffic.count()
    if (counts !== null && holds(counts)) return counts
    await pause()
  }
}

const streamsOf = ({ streams }: EngineCounts, nodeId: number): StreamCount | undefined =>
  streams.find(stream => stream.nodeId === nodeId)

const sum = (counts: EngineCounts, of: (stream: StreamCount) => number): number =>
  counts.streams.reduce((all, stream) => all + of(stream), 0)

/** Nothing is under way in streams, and every packet that was given to one was taken from one. */
const isWhole = (counts: EngineCounts): boolean =>
  sum(counts, ({ sent }) => sent.heldPackets) === 0 &&
  sum(counts, ({ sent }) => sent.outPackets) === sum(counts, ({ receivedPackets }) => receivedPackets)

const areBalanced = ({ streams, nodes }: EngineCounts): boolean =>
  streams.every(({ sent }) => isBalanced(sent)) && nodes.every(({ account }) => isBalanced(account))

/** Of links. */
const linkPackets = ({ links }: EngineCounts): number => links.reduce((all, { sent }) => all + sent.outPackets, 0)

t.test('a flow goes in a stream that its relay hands on without a look', async t => {
  const lab = await Lab.open(t, max)
  await lab.startController()
  lab.core?.traffic.setFlow(1, flow(1, 1, 3, spec({ Bytes: 2000 * PACKET })))
  lab.core?.traffic.setFlow(2, flow(2, 3, 1, spec({ Bytes: 2000 * PACKET })))
  await lab.fleet.build()
  for (const id of [1, 2]) {
    const { sink } = await counted(lab, id, ({ sink }) => sink?.finished === true)
    t.match(sink, { receivedPackets: 2000, reorderedPackets: 0, duplicatePackets: 0 })
  }
  const counts = await countsOf(lab, isWhole)
  t.match(counts.max, { opened: 4, relayed: 2, failed: 0, refused: 0, broken: 0 })
  t.equal(linkPackets(counts), 0, 'links have none')
  t.equal(counts.nodes.find(({ nodeId }) => nodeId === 2)?.account.inPackets, 0, 'and the relay has seen none')
  t.ok(areBalanced(counts))
  t.equal(
    sum(counts, ({ breaks }) => breaks),
    0,
  )
  t.strictSame(warnings(lab), [])
})

t.test('a relay in normal mode is on links; streams end before it and begin behind it', async t => {
  const lab = await Lab.open(t, {
    ...max,
    topology: { preset: { type: 'line', nNodes: 5 }, edges: [] },
    controller: { routing: 'shortest_path', nodes: [{ nodeId: 3, operatingMode: 'normal' }] },
  })
  await lab.startController()
  lab.core?.traffic.setFlow(1, flow(1, 1, 5, spec({ Bytes: 500 * PACKET })))
  await lab.fleet.build()
  const { sink } = await counted(lab, 1, ({ sink }) => sink?.finished === true)
  t.equal(sink?.receivedPackets, 500)
  const counts = await countsOf(lab, isWhole)
  t.match(counts.max, { opened: 2, relayed: 0, failed: 0, refused: 0 })
  const over = (node: number, peer: number): number =>
    counts.links.find(link => link.nodeId === node && link.peerId === peer)?.sent.outPackets ?? 0
  t.strictSame([over(1, 2), over(4, 5)], [0, 0])
  t.ok(over(2, 3) >= 500 && over(3, 4) >= 500)
  t.ok(areBalanced(counts))
})

t.test('a relay that is killed and made again: what was under way is lost and counted, the flow goes on', async t => {
  const lab = await Lab.open(t, max)
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 3))
  await lab.fleet.build()
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 50)
  const from = lab.recorder.events.length
  const fd = lab.fleet.whereIs(2)?.fd
  await run('nsenter', [`--net=/proc/${process.pid}/fd/${fd}`, 'ip', 'link', 'del', 'veth1b'])
  await lab.recorder.until('node_restarted 2', from)
  await lab.recorder.until('all_wired', from)
  const received = (await counted(lab, 1, () => true)).sink?.receivedPackets ?? 0
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > received + 50)
  const { sink, source } = await counted(lab, 1, () => true)
  t.ok((sink?.receivedPackets ?? 0) < (source?.sentPackets ?? 0), 'some were lost')
  const counts = await countsOf(lab, () => true)
  // Told by its source, or, where the link to the relay was seen to end before, by the relay alone.
  const breaks = (streamsOf(counts, 1)?.breaks ?? 0) + counts.max.broken
  t.ok(counts.max.opened >= 3 && breaks >= 1, 'the stream broke, and another was opened')
  t.ok(areBalanced(counts))
  const others = warnings(lab).filter(text => !text.startsWith('no route: node 2 '))
  t.strictSame(others, [], 'but what the new relay had no route for yet')
})

t.test('a route that is withdrawn ends the stream; packets are dropped by reason, and go on with the next', async t => {
  const lab = await Lab.open(t, { ...max, controller: {} })
  await lab.startController()
  const route = [
    [1, 2],
    [2, 3],
  ] as const
  lab.core?.setRoute(1, route)
  lab.core?.traffic.setFlow(1, stream(1, 1, 3))
  await lab.fleet.build()
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 50)
  lab.core?.setRoute(1, null)
  const dropped = ({ nodes }: EngineCounts): number =>
    nodes.find(({ nodeId }) => nodeId === 1)?.account.dropped.no_route ?? 0
  await countsOf(lab, counts => dropped(counts) > 20 && counts.max.relays === 0)
  const before = (await counted(lab, 1, () => true)).sink?.receivedPackets ?? 0
  await pause(200)
  t.equal((await counted(lab, 1, () => true)).sink?.receivedPackets, before, 'nothing comes')
  lab.core?.setRoute(1, route)
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > before + 50)
  t.ok(areBalanced(await countsOf(lab, () => true)))
  t.match(warnings(lab), [/^no route: node 1 has none from node 1 to node 3; dropped/], 'told once')
})

t.test('where the max server has no port, nodes say so and packets go in links', async t => {
  // It is that of the links.
  const lab = await Lab.open(t, { ...max, config: { operatingMode: 'max', engine, privateNetworkPort: 8081 } })
  await lab.startController()
  lab.core?.traffic.setFlow(1, flow(1, 1, 3, spec({ Bytes: 200 * PACKET })))
  await lab.fleet.build()
  const { sink } = await counted(lab, 1, ({ sink }) => sink?.finished === true)
  t.equal(sink?.receivedPackets, 200)
  const counts = await countsOf(lab, () => true)
  t.match(counts.max, { opened: 0, failed: 0 })
  t.ok(linkPackets(counts) >= 400)
  const said = warnings(lab)
  t.equal(said.length, 3, said.join('\n'))
  t.match(said[0], /^node \d: the engine did not open its max server at 172\.16\.8\.\d:8081.*EADDRINUSE/)
})

t.test('a next hop that takes no stream is asked again, and what waited for it is counted as ended', async t => {
  const lab = await Lab.open(t, max)
  await lab.startController()
  await lab.fleet.build()
  await lab.recorder.until('all_wired')
  await countsOf(lab, counts => counts.streams.length === 3)
  // Nobody is there.
  lab.core?.tell(1, { type: 'AddNodeAddress', remote_node_id: 2, remote_max_server_addr: '172.16.8.3:9' })
  lab.core?.traffic.setFlow(1, stream(1, 1, 3))
  const counts = await countsOf(lab, now => (streamsOf(now, 1)?.sent.dropped.ended ?? 0) > 0 && now.max.failed > 1)
  t.ok(areBalanced(counts))
  t.equal((await counted(lab, 1, () => true)).sink, undefined)
  lab.core?.tell(1, { type: 'AddNodeAddress', remote_node_id: 2, remote_max_server_addr: '172.16.8.3:8081' })
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 20)
})

t.test('a link that is shaped has its packets, so that it is what it is said to be', async t => {
  const lab = await Lab.open(t, max)
  await lab.startController()
  lab.core?.traffic.changeLink(2, 3, { delay_s: 0.05 }, 1)
  lab.core?.traffic.setFlow(1, stream(1, 1, 3))
  await lab.fleet.build()
  const { sink } = await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 50)
  t.ok((sink?.latencyP50Ns ?? 0) >= 50_000_000, 'delayed')
  const counts = await countsOf(lab, () => true)
  t.match(counts.max, { opened: 1, relayed: 0 }, 'a stream to the relay alone')
  t.ok(linkPackets(counts) > 0)
  // No shape any more: what comes to the relay goes on in a stream.
  lab.core?.traffic.changeLink(2, 3, {}, 2)
  await countsOf(lab, now => now.max.opened === 2)
  await pause(200)
  const before = await countsOf(lab, now => (streamsOf(now, 3)?.receivedPackets ?? 0) > 20)
  await pause(100)
  t.equal(linkPackets(await countsOf(lab, () => true)), linkPackets(before))
})

t.test('packets to a group go in links', async t => {
  const lab = await Lab.open(t, max)
  await lab.startController()
  await lab.fleet.build()
  await lab.recorder.until('all_wired')
  for (const node of [1, 2, 3]) {
    const group = { group_id: 1, group_ip: '239.255.0.1', member: node > 1 }
    lab.core?.tell(node, { type: 'InstallGroupDirectory', groups: [group] })
    const next_hops = node === 1 ? [2] : node === 2 ? [2, 3] : [3]
    const tree = { group_id: 1, src_node_id: 1, routes: [{ tree_id: 0, next_hops }] }
    lab.core?.tell(node, { type: 'InstallGroupRoutes', ...tree })
  }
  await countsOf(lab, counts => counts.streams.length === 3)
  await pause(100)
  const toGroup = { ...flow(1, 1, 1, spec({ Bytes: 100 * PACKET })) }
  lab.core?.tell(1, {
    type: 'AddFlows',
    flows: [{ controller_id: 1, src_node_id: 1, dst_node_id: 1, dst_group_id: 1, flow_spec: toGroup.spec }],
  })
  const counts = await countsOf(lab, ({ sinks }) => sinks.filter(({ finished }) => finished).length === 2)
  t.strictSame(
    counts.sinks.map(({ nodeId, receivedPackets }) => [nodeId, receivedPackets]),
    [
      [2, 100],
      [3, 100],
    ],
  )
  t.match(counts.max, { opened: 0 })
})

const { echo, ask } = talkTo('10.0.0.3')

t.test('programs talk over streams, too, and nothing is left when the fleet ends', needsTun, async t => {
  const lab = await Lab.open(t, max)
  await lab.startController()
  await lab.fleet.build()
  await lab.recorder.until('all_wired')
  for (const node of [1, 3]) t.equal((await lab.fleet.visit(node))?.problem, undefined)
  await countsOf(lab, counts => counts.streams.length === 3)
  const inNode = (nodeId: number, script: string) => {
    const netns = `--net=/proc/${process.pid}/fd/${lab.fleet.whereIs(nodeId)?.fd}`
    return run('nsenter', [netns, process.execPath, '-e', script])
  }
  const listening = inNode(3, echo)
  t.equal((await inNode(1, ask)).stdout, '10.0.0.3 heard hello\n')
  await listening
  const counts = await countsOf(lab, () => true)
  t.ok(counts.max.relayed >= 2 && sum(counts, ({ receivedPackets }) => receivedPackets) >= 2, 'both ways')
  t.strictSame((await lab.fleet.stop(20_000)).remaining, [])
})
