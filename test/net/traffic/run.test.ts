// nslab run with traffic, whole: flows from the scenario to the verdict, links changed and captured on the way,
// programs that talk over the network of the nodes, and what becomes of all that when somebody dies.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { quiesce } from '../../../src/lab/site/quiesce.ts'
import type { LinkMeasured } from '../../../src/protocol/lab.ts'
import { NslabProcess, processesOf, untilEmpty } from '../../fixtures/nslab-process.ts'

function makeFolder(t: Test): string {
  const base = mkdtempSync(join(tmpdir(), 'nslab-traffic-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  return base
}

function startRun(t: Test, scenario: string, ...args: string[]): NslabProcess {
  const base = makeFolder(t)
  const isName = /^[a-z-]+$/.test(scenario)
  const file = join(base, 'x.toml')
  if (!isName) writeFileSync(file, scenario)
  const folder = join(base, 'run')
  return new NslabProcess(['run', isName ? scenario : file, '--on', 'host', ...args, '--out', folder], { folder })
}

/** A command of nslab beside a run that goes on. */
const beside = (nslab: NslabProcess, command: string, ...args: string[]) =>
  new NslabProcess([command, '--run', nslab.folder, ...args])

const set = (...pairs: string[]): string[] => pairs.flatMap(pair => ['--set', pair])

/** Three nodes in a line; flow 1 goes over node 2 to the other end. */
const line = (flow: string, hold: string, more = ''): string => `
name = "line-test"
[controller]
topology = { type = "line", line_config = { n_nodes = 3 } }
routing = { protocol = "shortest_path" }
[[flow]]
from = 1
to = 3
${flow}
[run]
hold = "${hold}"
[[gate]]
metric = "packets_unaccounted_count"
require = "== 0"
${more}`

t.test('flows around a ring: all arrive, and all is accounted for', async t => {
  const short = set('flow[0].for=2s', 'flow[1].for=2s', 'flow[1].rate=100kbit', 'run.hold=4s')
  const nslab = startRun(t, 'ring-flows', '--nodes', '8', ...short)
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  const { metrics, phases, verdict } = nslab.report()
  t.match(
    { verdict, ...metrics },
    {
      verdict: 'pass',
      flows_count: 16,
      flows_finished_count: 16,
      flow_packets_lost_count: 0,
      packets_unaccounted_count: 0,
      packets_dropped_count: 0,
      residue_count: 0,
    },
  )
  // Eight flows over one link each, and eight over four: each packet is taken from as many.
  const sent = metrics.flow_packets_sent_count as number
  t.ok(sent >= 16 * 18, `${sent} packets of 16 flows of 2 s at 9 a second`)
  t.ok((metrics.packet_hops_count as number) >= (sent / 16) * 8 * 5)
  t.ok((metrics.packet_hop_cpu_s as number) > 0)
  t.ok((metrics.flow_latency_p50_s as number) > 0)
  t.same(phases.map(({ name }) => name).slice(-4), ['hold', 'drain', 'teardown', 'verify'])
  t.match(ended.stdout, /Traffic\n {2}Flows +16 flows, finished/)
  t.match(ended.stdout, /every packet is accounted for/)
})

t.test('in max mode the flow has a stream, and all of it is in the account', async t => {
  const nslab = startRun(t, 'chain-max', ...set('flow[0].for=1s', 'run.hold=3s'))
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  const { metrics } = nslab.report()
  t.match(metrics, { streams_opened_count: 2, streams_relayed_count: 1, packets_lost_with_streams_count: 0 })
  // Sources say five times that they have ended.
  const { packets_streamed_count: streamed, flow_packets_sent_count: sent } = metrics
  t.ok((streamed as number) >= (sent as number) && (streamed as number) <= (sent as number) + 5)
  t.match(ended.stdout, /Streams +2 opened, 1 of them by relays, /)
  t.notMatch(ended.stderr, /max mode|operating_mode/)
})

t.test('one flow as fast as the relay takes it loses nothing', async t => {
  const nslab = startRun(t, 'chain', ...set('flow[0].for=1s', 'run.hold=3s'))
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  t.match(nslab.report().metrics, { flow_packets_lost_count: 0, flow_packets_reordered_count: 0, flows_count: 1 })
})

t.test('every member of a group has every packet', async t => {
  const nslab = startRun(t, 'multicast-tree', ...set('flow[0].for=1s', 'run.hold=3s'))
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  const { metrics } = nslab.report()
  const sent = metrics.flow_packets_sent_count as number
  t.ok(sent > 50)
  t.equal(metrics.flow_packets_received_count, sent * 14)
  t.ok((metrics.packet_hops_count as number) >= sent * 14, 'each went once over each edge of the tree')
})

t.test('a flow that is longer than the hold is unfinished, though nothing of it is lost', async t => {
  const text = line(
    'rate = "1mbit"\nfor = "60s"',
    '1s',
    '[[gate]]\nmetric = "flows_unfinished_count"\nrequire = "== 0"',
  )
  const nslab = startRun(t, text)
  const ended = await nslab.ended
  t.equal(ended.code, 1, ended.stderr + ended.stdout)
  t.match(nslab.report().metrics, { flows_unfinished_count: 1, flow_packets_lost_count: 0 })
  t.match(ended.stdout, /flow 1 \(1 to 3\) had not sent all/)
})

t.test('a link that loses packets since it was told to; what it loses is accounted for', async t => {
  const nslab = startRun(t, line('rate = "4mbit"\nfor = "60s"', '60s'))
  await nslab.inPhase('hold')
  t.match(await beside(nslab, 'link', '2', '3').ended, {
    code: 0,
    stdout: /^2 to 3: as it comes.*\n3 to 2: as it comes/,
  })
  const told = await beside(nslab, 'link', '2', '3', '--loss', '50%', '--delay', '5ms').ended
  t.match(told, { code: 0, stdout: '2 to 3: delay 5 ms, loss 50 %\n3 to 2: delay 5 ms, loss 50 %\n' }, told.stderr)
  t.match(await beside(nslab, 'link', '2', '3', '--forward', '--delay', 'none').ended, {
    code: 0,
    stdout: '2 to 3: loss 50 %\n',
  })
  const refused = await beside(nslab, 'link', '1', '3', '--loss', '1').ended
  t.match(refused, { code: 2, stderr: /nodes 1 and 3 are not neighbours/ })
  t.match(await beside(nslab, 'link', '1', '4').ended, { code: 2, stderr: /no node 4/ })
  t.match(await beside(nslab, 'link', '1', '2', '--loss', '2').ended, { code: 2, stderr: /--loss "2": must be/ })
  await new Promise(resolve => setTimeout(resolve, 1000))
  nslab.kill('SIGTERM')
  t.equal((await nslab.ended).code, 130)
})

t.test('packets that a link lost on purpose are counted as that, and none else is missing', async t => {
  // Long enough for a command to come about on a busy machine while it lasts.
  const nslab = startRun(t, line('rate = "4mbit"\nfor = "15s"', '17s'))
  await nslab.inPhase('hold')
  t.equal((await beside(nslab, 'link', '2', '3', '--forward', '--loss', '0.3').ended).code, 0)
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  const { metrics } = nslab.report()
  const lost = metrics.flow_packets_lost_count as number
  t.ok(lost > 20, `${lost} lost`)
  const dropped = metrics.packets_dropped_loss_count as number
  // The closing packets of a flow may be among them.
  t.ok(dropped >= lost && dropped <= lost + 5, `${dropped} dropped`)
  t.equal(metrics.packets_unaccounted_count, 0)
})

for (const protocol of ['tcp', 'udp'])
  t.test(`a link that is cut under load and comes back takes nothing of a payload: ${protocol}`, async t => {
    const scenario = `
name = "cut-test"
[controller]
protocol = "${protocol}"
topology = { type = "ring", ring_config = { n_nodes = 4 } }
routing = { protocol = "shortest_path" }
[dataplane]
peer_silence_ms = 2000
[[flow]]
from = 1
to = 2
transport = "lossless"
payload = "1 MB"
rate = "4mbit"
[[flow]]
from = 4
to = 3
rate = "1mbit"
for = "3s"
[run]
hold = "14s"
[[fault]]
at = "1s"
do = "cut"
links = [[1, 2]]
for = "4s"
[[gate]]
metric = "lossless_undelivered_count"
require = "== 0"
[[gate]]
metric = "packets_unaccounted_count"
require = "== 0"
[[gate]]
metric = "faults_felt_count"
require = "== 1"
[[gate]]
metric = "proofs_count"
require = "== 2"`
    const nslab = startRun(t, scenario)
    const ended = await nslab.ended
    t.equal(ended.code, 0, ended.stderr + ended.stdout)
    const { metrics } = nslab.report()
    t.match(metrics, { lossless_delivered_count: 1, flow_packets_lost_count: 0, residue_count: 0 })
    t.ok((metrics.lossless_repaired_symbols_count as number) > 0, 'what was on it is sent again')
    t.match(ended.stdout, /the link 1-2 cut at .* s for .* s; felt: /)
  })

t.test('a link is measured while packets go over it, and the account has those too', async t => {
  const nslab = startRun(t, line('rate = "1mbit"\nfor = "60s"', '6s'))
  await nslab.inPhase('hold')
  t.equal((await beside(nslab, 'link', '2', '3', '--forward', '--rate', '20mbit', '--burst', '15kB').ended).code, 0)
  const measured = await beside(nslab, 'probe', '2', '3', '--both', '--json').ended
  t.equal(measured.code, 0, measured.stderr)
  const [there, back] = JSON.parse(measured.stdout) as LinkMeasured[]
  t.match(there, { node_id: 2, peer_id: 3, sent_packets: 1000, received_packets: 1000 })
  t.match(back, { node_id: 3, peer_id: 2, sent_packets: 1000, received_packets: 1000 })
  const mbps = there?.bandwidth_mbps ?? 0
  t.ok(mbps > 10 && mbps < 25, `20 Mbit/s: ${mbps}`)
  t.ok((back?.bandwidth_mbps ?? 0) > 25, 'the other direction has no rate')
  t.match((await beside(nslab, 'probe', '2', '3', '--bytes', '14kB').ended).stdout, /^2 to 3: .* 10 packets, latency/)
  t.match(await beside(nslab, 'probe', '1', '3').ended, { code: 2, stderr: /nodes 1 and 3 are not neighbours/ })
  t.match(await beside(nslab, 'probe', '1', '2', '--bytes', 'x').ended, { code: 2, stderr: /--bytes "x": must be/ })
  await nslab.ended
  t.equal(nslab.report().metrics.packets_unaccounted_count, 0)
})

t.test('packets of a link are captured', async t => {
  const nslab = startRun(t, line('rate = "4mbit"\nfor = "60s"\npacket_bytes = 700', '60s'))
  await nslab.inPhase('hold')
  const out = join(makeFolder(t), 'x.pcap')
  const capture = await beside(nslab, 'capture', '1', '2', '--out', out, '--seconds', '1').ended
  t.equal(capture.code, 0, capture.stderr)
  const { frames, linkType } = readPcap(readFileSync(out))
  t.equal(linkType, 101, 'LINKTYPE_RAW')
  t.ok(frames.length > 50)
  t.same([...new Set(frames.map(frame => frame.length))], [700])
  t.match(await beside(nslab, 'capture', '1', '2', '--out', out).ended, { code: 2, stderr: /exists already/ })
  t.match(await beside(nslab, 'capture', '1', '3', '--out', `${out}2`).ended, { code: 2, stderr: /not neighbours/ })
  // All links of the relay, until somebody ends it, onto standard output.
  const all = beside(nslab, 'capture', '2', '--out', '-')
  await all.says(/capturing all links of node 2/)
  await new Promise(resolve => setTimeout(resolve, 500))
  all.kill('SIGINT')
  const ended = await all.ended
  t.equal(ended.code, 0, ended.stderr)
  t.ok(ended.stdout.length > 24 + 700)
  t.same(
    ['capture-1-node-1-2.pcap', 'capture-2-node-2-0.pcap'].filter(name => existsSync(join(nslab.folder, name))),
    [],
    'what was handed over is not kept twice',
  )
  nslab.kill('SIGTERM')
  t.equal((await nslab.ended).code, 130)
})

interface Pcap {
  readonly linkType: number
  readonly frames: readonly Buffer[]
}

/** Source: draft-ietf-opsawg-pcap. */
function readPcap(bytes: Buffer): Pcap {
  const isMicro = bytes.readUInt32LE(0) === 0xa1b2c3d4
  if (!isMicro && bytes.readUInt32LE(0) !== 0xa1b23c4d) throw new Error('no pcap file')
  const frames: Buffer[] = []
  for (let at = 24; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at + 8)
    frames.push(bytes.subarray(at + 16, at + 16 + size))
    at += 16 + size
  }
  return { linkType: bytes.readUInt32LE(20), frames }
}

t.test('programs in two nodes talk over the relay between them', async t => {
  const nslab = startRun(t, line('rate = "100kbit"\nfor = "60s"', '60s'))
  await nslab.inPhase('hold')
  // Neither waits longer than this test does.
  const limit = 'setTimeout(() => process.exit(9), 30000);'
  const server = `${limit} require('net').createServer(s => { s.pipe(s); s.on('close', () => process.exit(0)) })
    .listen(7000, () => console.error('listening'))`
  const client = `${limit} const s = require('net').connect(7000, '10.0.0.3', () => s.end('x'.repeat(300000)))
    let n = 0; s.on('data', d => n += d.length).on('close', () => { console.log(n); process.exit(0) })`
  const far = beside(nslab, 'exec', '3', '--', process.execPath, '-e', server)
  await far.says(/listening/)
  const near = await beside(nslab, 'exec', '1', '--', process.execPath, '-e', client).ended
  t.match(near, { code: 0, stdout: '300000\n' }, near.stderr)
  t.equal((await far.ended).code, 0)
  nslab.kill('SIGTERM')
  t.equal((await nslab.ended).code, 130)
})

t.test('a dataplane that is killed in the midst of traffic leaves nothing, and a report', async t => {
  const nslab = startRun(t, 'ring-flows', '--nodes', '8', ...set('run.hold=60s'))
  await nslab.inPhase('hold')
  process.kill(nslab.program('dataplane')?.pid as number, 'SIGKILL')
  const ended = await nslab.ended
  t.equal(ended.code, 6, ended.stderr)
  const report = nslab.report()
  t.match(report, { verdict: 'error', error: { code: 'PROCESS_ENDED', phase: 'hold' }, metrics: { residue_count: 0 } })
  t.equal(report.gates.find(({ name }) => name === 'flow_packets_lost_count')?.verdict, 'unknown')
  t.same(await untilEmpty(() => processesOf(nslab), 30_000), [])
  t.not(await quiesce(20_000), null, 'the kernel is done with its namespaces')
})

t.test('a run that is interrupted while it drains still has a report, with what it knew', async t => {
  // What a link delays by so much is not there when the run ends to wait.
  const slow = '[[link]]\nbetween = [2, 3]\ndelay = "10m"\n'
  const nslab = startRun(t, line('rate = "1mbit"\nfor = "60s"', '1s', slow))
  await nslab.inPhase('drain')
  await new Promise(resolve => setTimeout(resolve, 500))
  nslab.kill('SIGINT')
  const ended = await nslab.ended
  t.equal(ended.code, 130, ended.stderr)
  t.match(nslab.report(), {
    verdict: 'error',
    error: { code: 'INTERRUPTED', phase: 'drain' },
    metrics: { residue_count: 0, packets_unaccounted_count: 0, flow_packets_received_count: 0 },
  })
  t.ok((nslab.report().metrics.packets_held_count as number) > 0)
  t.same(processesOf(nslab), [])
})
