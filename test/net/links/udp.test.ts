// A fleet whose links are UDP, on the real kernel: flows, deaths and accounts as over TCP, and what UDP loses counted.

import t from 'tap'
import { Lab, type LabOptions } from '../../fixtures/fleet.ts'
import { counted, flow, PACKET, pause, spec, stream } from '../../fixtures/flows.ts'
import { runIsolated } from '../../fixtures/in-netns.ts'
import { linkOf } from '../../fixtures/packet-engine.ts'

const udp: LabOptions = {
  controller: { routing: 'shortest_path', protocol: 'udp' },
  config: { protocol: 'udp' },
}

/** Runs a program inside a node's namespace. */
async function inNode(lab: Lab, nodeId: number, command: string, ...args: string[]): Promise<string> {
  const place = lab.fleet.whereIs(nodeId)
  const { code, stdout, stderr } = await runIsolated(
    ['--join-net', `/proc/${process.pid}/fd/${place?.fd}`],
    command,
    args,
  )
  if (code !== 0) throw new Error(`${command}: ${stderr}`)
  return stdout
}

/** Until every direction of every link adds up: sent is received or lost in transport. */
async function settled(lab: Lab) {
  for (;;) {
    const counts = await lab.fleet.traffic.count()
    const well = counts?.links.every(link => {
      const back = linkOf(counts, link.peerId, link.nodeId)
      return back !== undefined && link.sent.outPackets === back.receivedPackets + back.lostPackets
    })
    if (counts !== null && well === true) return counts
    await pause()
  }
}

t.test('a ring over UDP: sockets that face each other, and a flow over three links', async t => {
  const lab = await Lab.open(t, udp)
  await lab.startController()
  lab.core?.traffic.setFlow(7, flow(7, 1, 4, spec({ Bytes: 500 * PACKET })))
  await lab.fleet.build()
  const { sink } = await counted(lab, 7, ({ sink }) => sink?.finished === true)
  t.match(sink, { nodeId: 4, receivedPackets: 500, duplicatePackets: 0, sentPackets: 500 })
  const ends = await lab.fleet.linkEnds()
  t.equal(ends.length, 12)
  const faces = (from: 2 | 3, to: 2 | 3) => ends.map(end => `${end[from]} ${end[to]}`).sort()
  t.strictSame(faces(2, 3), faces(3, 2), 'each is the other end of another')
  const sockets = await inNode(lab, 1, 'cat', '/proc/net/udp')
  t.equal(sockets.trim().split('\n').length - 1, 3, 'a listener and two ends')
  const { links } = await settled(lab)
  t.ok(
    links.every(link => link.lostPackets === 0 && link.ignoredDatagrams === 0),
    'nothing is lost, nothing odd came',
  )
})

t.test('a node that dies under load is made again, and its neighbours have it again', async t => {
  const lab = await Lab.open(t, udp)
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 4))
  lab.core?.traffic.setFlow(2, stream(2, 4, 1))
  await lab.fleet.build()
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 50)
  const from = lab.recorder.events.length
  await inNode(lab, 3, 'ip', 'link', 'del', 'veth2b')
  await lab.recorder.until('node_restarted 3', from)
  while (lab.fleet.facts().links_up_count !== 12) await pause()
  const before = (await counted(lab, 1, ({ sink }) => sink !== undefined)).sink?.receivedPackets ?? 0
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > before + 50)
  t.pass('packets go on')
})

t.test('what does not come is lost in transport, to the packet', async t => {
  const lab = await Lab.open(t, udp)
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 2))
  await lab.fleet.build()
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 20)
  // For less than the silence that ends a link.
  const address = lab.fleet.whereIs(2)?.address ?? ''
  await inNode(lab, 1, 'ip', 'route', 'add', 'unreachable', `${address}/32`)
  const at = (await counted(lab, 1, ({ sink }) => sink !== undefined)).source?.sentPackets ?? 0
  await counted(lab, 1, ({ source }) => (source?.sentPackets ?? 0) > at + 100)
  await inNode(lab, 1, 'ip', 'route', 'del', 'unreachable', `${address}/32`)
  await counted(lab, 1, ({ source }) => (source?.sentPackets ?? 0) > at + 500)
  await lab.fleet.traffic.stopSources()
  const { links } = await settled(lab)
  const lost = links.find(link => link.nodeId === 2 && link.peerId === 1)?.lostPackets ?? 0
  t.ok(lost >= 50, `${lost} are lost`)
  t.equal(lab.fleet.facts().links_up_count, 12, 'and the link stays up')
})

t.test('a controller whose links are of another protocol is refused, with both named', async t => {
  const lab = await Lab.open(t, { config: { protocol: 'udp' } })
  await lab.startController()
  const from = lab.recorder.events.length
  await lab.fleet.build()
  t.match(await lab.recorder.until('node_lost 1', from), { reason: /links are tcp, its own udp/ })
})
