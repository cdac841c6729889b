// What people see of a fleet's packets: TUN interfaces inside nodes, captures, and what the run is told.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { ENGINE_DEFAULTS } from '../../../src/config/dataplane.ts'
import { TrafficAnswers, type TrafficCommand } from '../../../src/dataplane/traffic/answers.ts'
import type { Notice } from '../../../src/protocol/steering.ts'
import { Lab, type LabOptions } from '../../fixtures/fleet.ts'
import { counted, flow, PACKET, pause, spec, stream, warnings } from '../../fixtures/flows.ts'
import { needsTun, talkTo } from '../../fixtures/tun.ts'

const run = promisify(execFile)
const routed: LabOptions = { controller: { routing: 'shortest_path', baseAddr: '10.7.0.0' } }

/** Runs a command in the namespace of a node, from outside of the fleet; what it printed. */
async function inNode(lab: Lab, nodeId: number, ...command: string[]): Promise<string> {
  const fd = lab.fleet.whereIs(nodeId)?.fd
  return (await run('nsenter', [`--net=/proc/${process.pid}/fd/${fd}`, ...command])).stdout
}

/** Names of a node's interfaces. */
async function interfaces(lab: Lab, nodeId: number): Promise<string[]> {
  const links = JSON.parse(await inNode(lab, nodeId, 'ip', '-j', 'link')) as { ifname: string }[]
  return links.map(({ ifname }) => ifname)
}

const { echo, ask } = talkTo('10.7.0.4')

t.test('demand: who enters a node finds its interface, and reaches others by theirs', needsTun, async t => {
  const lab = await Lab.open(t, routed)
  await lab.wire()
  t.notOk((await interfaces(lab, 1)).includes('utun'), 'not before')
  const [place, other] = await Promise.all([lab.fleet.visit(1), lab.fleet.visit(4), lab.fleet.visit(1)])
  t.match([place, other], [{ address: '172.16.8.2', problem: undefined }, { address: '172.16.8.5' }])
  const [address] = JSON.parse(await inNode(lab, 1, 'ip', '-j', 'addr', 'show', 'utun'))
  t.match(address, { mtu: 1400, flags: /UP/, addr_info: [{ local: '10.7.0.1', prefixlen: 16 }] })
  const listening = inNode(lab, 4, process.execPath, '-e', echo)
  t.equal(await inNode(lab, 1, process.execPath, '-e', ask), '10.7.0.4 heard hello\n')
  await listening
  t.strictSame(warnings(lab), [])
  await lab.fleet.stop(20_000)
  const [begun, ended] = await Promise.all([lab.core?.hear('AppFlowStart', 1), lab.core?.hear('FlowFinished', 1)])
  const flow = { flow_id: /^0a0700010a070004[0-9a-f]{4}270f0{8}$/, dst_node_id: 4 }
  t.match(begun, { flows: [{ ...flow, src_node_id: 1 }] }, 'what the program sent is told as a flow')
  t.match(ended, { flows: [flow] }, 'which has ended with the fleet')
})

t.test('on: every node has its interface without being entered; off: none ever', needsTun, async t => {
  const of = (tun: 'on' | 'off'): LabOptions => ({ ...routed, config: { engine: { ...ENGINE_DEFAULTS, tun } } })
  const always = await Lab.open(t, of('on'))
  await always.wire()
  for (let id = 1; id <= 6; id++) while (!(await interfaces(always, id)).includes('utun')) await pause()
  t.strictSame(warnings(always), [])
  await always.fleet.stop(20_000)
  await always.stopController()
  const never = await Lab.open(t, of('off'))
  await never.wire()
  t.match(await never.fleet.visit(1), { address: '172.16.8.2', problem: undefined })
  t.notOk((await interfaces(never, 1)).includes('utun'))
})

t.test('an interface that can not be made is told, and the place all the same', needsTun, async t => {
  const lab = await Lab.open(t, routed)
  await lab.wire()
  await inNode(lab, 2, 'ip', 'link', 'add', 'utun', 'type', 'veth', 'peer', 'name', 'other')
  const place = await lab.fleet.visit(2)
  t.match(place, { address: '172.16.8.3', problem: /^node 2 has no utun: / })
  t.strictSame(warnings(lab), [place?.problem])
  await inNode(lab, 2, 'ip', 'link', 'del', 'utun')
  t.equal((await lab.fleet.visit(2))?.problem, undefined, 'the next one tries again')
})

/** What the run is answered. */
function answers(t: Test, lab: Lab) {
  const said: Notice[] = []
  const { traffic, firstId, lastId } = lab.fleet
  const all = new TrafficAnswers({ traffic, firstId, lastId, originNs: 0n, send: notice => said.push(notice) })
  const folder = mkdtempSync(join(tmpdir(), 'nslab-capture-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const asked = async (command: TrafficCommand): Promise<Notice[]> => {
    await all.obey(command)
    return said.splice(0)
  }
  return { asked, folder }
}

t.test('a capture is a pcap file of packets with the addresses of the nodes, no longer than it may be', async t => {
  const lab = await Lab.open(t, routed)
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 3))
  await lab.fleet.build()
  await counted(lab, 1, ({ sink }) => sink !== undefined)
  const { asked, folder } = answers(t, lab)
  const path = join(folder, 'x.pcap')
  const capture = (node_id: number, peer_id: number, to = path) =>
    asked({ do: 'capture', capture: 1, node_id, peer_id, path: to, bytes_max: 20_000 })
  t.strictSame(await capture(2, 3), [{ is: 'captured', capture: 1 }])
  t.equal(statSync(path).mode & 0o777, 0o600)
  while (statSync(path).size < 3 * PACKET) await pause()
  t.strictSame(await asked({ do: 'end_capture', capture: 2, node_id: 2, peer_id: 3 }), [{ is: 'captured', capture: 2 }])
  const file = readFileSync(path)
  t.ok(file.length <= 20_000)
  // Magic, version 2.4, LINKTYPE_RAW; then a record: time, time, bytes here, bytes it had. Source: pcap-savefile(5).
  t.equal(file.readUInt32LE(0) === 0xa1b2c3d4 || file.readUInt32LE(0) === 0xa1b23c4d, true)
  t.strictSame([file.readUInt16LE(4), file.readUInt16LE(6), file.readUInt32LE(20)], [2, 4, 101])
  let packets = 0
  for (let at = 24; at < file.length; packets++) {
    const length = file.readUInt32LE(at + 8)
    const packet = file.subarray(at + 16, at + 16 + length)
    t.strictSame([length, packet[0], [...packet.subarray(12, 20)]], [PACKET, 0x45, [10, 7, 0, 1, 10, 7, 0, 3]])
    at += 16 + length
  }
  t.ok(packets >= 2)
  t.match(await capture(2, 3), [{ problem: `${path} can't be made: it exists` }])
  t.match(await capture(7, 0), [{ problem: 'node 7 is not of this fleet, which has nodes 1 to 6' }])
  t.match(await capture(2, 5), [{ problem: 'node 2 has no link to node 5; its links: to 1, 3' }])
  t.match(await capture(2, 3, join(folder, 'none', 'x')), [{ problem: /ENOENT/ }])
})

t.test('the account of all packets: sources are stopped first where that is asked for', async t => {
  const lab = await Lab.open(t, routed)
  await lab.startController()
  lab.core?.traffic.setFlow(1, stream(1, 1, 3))
  lab.core?.traffic.setFlow(2, flow(2, 4, 5, spec({ Bytes: PACKET })))
  await lab.fleet.build()
  const { asked } = answers(t, lab)
  await counted(lab, 1, ({ sink }) => (sink?.receivedPackets ?? 0) > 20)
  await asked({ do: 'traffic', ask: 1, stop_sources: true })
  await counted(lab, 1, ({ sink }) => sink?.finished === true)
  const [notice, ...more] = await asked({ do: 'traffic', ask: 2, stop_sources: false })
  t.strictSame(more, [])
  if (notice?.is !== 'traffic') throw new Error('no traffic')
  t.match(notice, { ask: 2, more: false })
  const { links, nodes, flows } = notice.part
  t.strictSame([links.length, nodes.length], [12, 6])
  const source = flows.find(({ flow_id, end }) => flow_id === 1 && end === 'source')
  const sink = flows.find(({ flow_id, end }) => flow_id === 1 && end === 'sink')
  if (source?.end !== 'source' || sink?.end !== 'sink') throw new Error('no flow')
  t.equal(sink.received_packets, source.sent_packets)
  t.ok((source.first_s ?? 0) <= (sink.first_s ?? 0))
  const received = links.find(({ node_id, peer_id }) => node_id === 2 && peer_id === 1)?.received_packets
  t.equal(links.find(({ node_id, peer_id }) => node_id === 1 && peer_id === 2)?.sent.out_packets, received)
})
