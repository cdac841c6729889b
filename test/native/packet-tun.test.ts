// Programs in namespaces talk over the overlay: TUN interfaces, groups, and captures of what passes.

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { TunSpec } from '../../src/native/engine.ts'
import type { Netns } from '../../src/native/netns.ts'
import { runInNetns, runIsolated } from '../fixtures/in-netns.ts'
import { loopbackNamespace } from '../fixtures/links.ts'
import { isBalanced, linkOf, Overlay, sinkOf } from '../fixtures/packet-engine.ts'
import { reaches } from '../fixtures/reach.ts'
import { needsTun } from '../fixtures/tun.ts'

t.setTimeout(120_000)

const tun: TunSpec = { name: 'nstun', baseAddress: '10.0.0.0', prefixLength: 16, mtu: 1400, nodesMax: 100 }
const address = (nodeId: number): string => `10.0.0.${nodeId}`

/** 1 - 2 - … - count; the first and the last have a TUN interface, each in its own namespace. */
async function withTuns(
  t: Test,
  count: number,
  spec: TunSpec = tun,
): Promise<{ overlay: Overlay; here: Netns; there: Netns }> {
  const [here, there] = [await loopbackNamespace(t), await loopbackNamespace(t)]
  const overlay = await Overlay.chain(t, await loopbackNamespace(t), count, { lanes: 2 })
  await overlay.engine.attachTun(1, here, spec)
  await overlay.engine.attachTun(count, there, spec)
  return { overlay, here, there }
}

/** Bytes sent over TCP from one namespace to an address of the other, as they came. */
async function transfer(from: Netns, to: Netns, host: string, bytes: Buffer): Promise<Buffer> {
  const server = createServer()
  server.listen({ fd: await to.openSocket({ listen: { address: '0.0.0.0', port: 9000, backlog: 8 } }) })
  await once(server, 'listening')
  // Before there is one: it may come before the connecting side hears of it.
  const connection = once(server, 'connection')
  const fd = await from.openSocket({ connect: { address: host, port: 9000, timeoutMs: 20_000 } })
  const client = new Socket({ fd, readable: true, writable: true })
  const [peer] = (await connection) as [Socket]
  client.end(bytes)
  const came: Buffer[] = []
  for await (const part of peer) came.push(part as Buffer)
  server.close()
  client.destroy()
  return Buffer.concat(came)
}

const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

/** Packets that the interface of the namespace has had: in, and out. */
async function interfacePackets(netns: Netns): Promise<readonly [number, number]> {
  const { stdout } = await runInNetns(netns, 'cat', ['/proc/net/dev'])
  const fields = /nstun:\s*(.*)/.exec(stdout)?.[1]?.split(/\s+/).map(Number) ?? []
  return [fields[1] ?? Number.NaN, fields[9] ?? Number.NaN]
}

for (const offloads of [false, true])
  t.test(`TCP runs over a relay, whole, ${offloads ? 'with' : 'without'} offloads`, needsTun, async t => {
    const { overlay, here, there } = await withTuns(t, 3, { ...tun, offloads })
    const folder = mkdtempSync(join(tmpdir(), 'nslab-capture-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'all.pcap')
    await overlay.engine.capture(2, 3, openSync(file, 'w'))
    const bytes = randomBytes(3_000_000)
    const came = await transfer(here, there, address(3), bytes)
    t.equal(hash(came), hash(bytes))
    await overlay.engine.capture(2, 3, null)
    const counts = await overlay.quiet()
    const link = linkOf(counts, 2, 3)?.sent
    t.ok((link?.outBytes ?? 0) > 3_000_000, 'by way of the links')
    for (const { nodeId, account } of counts.nodes) t.ok(isBalanced(account), `node ${nodeId} is balanced`)
    const captured = readPcap(file)
    t.ok(captured.length >= (link?.outPackets ?? Number.POSITIVE_INFINITY), 'every packet was seen')
    t.same(
      captured.filter(({ packet }) => packet.length > tun.mtu || !hasChecksum(packet)),
      [],
      'none larger than the interface, each with its checksum',
    )
    const [[, sent], [received]] = [await interfacePackets(here), await interfacePackets(there)]
    const packets = link?.outPackets ?? 0
    if (offloads) t.ok(sent < packets / 2 && received < packets / 2, `${packets} were ${sent}, and ${received} again`)
    else t.ok(sent >= packets && received === packets, 'one by one')
    await overlay.engine.setLink(2, 3, { lossRatio: 1 })
    t.notOk(await reaches(here, there, address(3), 500), 'not over a link that loses all')
  })

t.test('segments that a link spoils are not taken for whole', needsTun, async t => {
  const { overlay, here, there } = await withTuns(t, 2, { ...tun, offloads: true })
  await overlay.engine.setLink(1, 2, { corruptRatio: 0.02 })
  const bytes = randomBytes(500_000)
  t.equal(hash(await transfer(here, there, address(2), bytes)), hash(bytes))
})

for (const offloads of [false, true])
  t.test(`large datagrams and echoes go ${offloads ? 'with' : 'without'} offloads`, needsTun, async t => {
    const { overlay, here, there } = await withTuns(t, 3, { ...tun, offloads })
    const receive = `
      const socket = require('node:dgram').createSocket('udp4')
      socket.on('message', bytes => {
        console.log(require('node:crypto').createHash('sha256').update(bytes).digest('hex'))
        process.exit()
      })
      socket.bind(7000)`
    const text = 'so many words '.repeat(4000)
    const send = `
      const socket = require('node:dgram').createSocket('udp4')
      setInterval(() => socket.send(${JSON.stringify('so many words ')}.repeat(4000), 7000, '${address(3)}'), 50)`
    const sender = runInNetns(here, process.execPath, ['-e', send])
    const { stdout } = await runInNetns(there, process.execPath, ['-e', receive])
    sender.kill()
    await sender
    t.equal(stdout.trim(), hash(Buffer.from(text)))
    const echoes = await runInNetns(here, 'ping', ['-c', '3', '-i', '0.2', '-s', '4000', '-W', '20', address(3)])
    t.match(echoes.stdout, / 3 received/)
    for (const { nodeId, account } of (await overlay.quiet()).nodes) t.ok(isBalanced(account), `node ${nodeId}`)
  })

t.test('an interface has the mtu, the addresses and the routes that were asked for', needsTun, async t => {
  const { here } = await withTuns(t, 2)
  const { stdout } = await runInNetns(here, 'cat', ['/proc/net/route', '/sys/class/net/nstun/mtu'])
  const routes = stdout.split('\n').filter(line => line.startsWith('nstun'))
  t.same(
    routes.map(line => line.split('\t')).map(fields => [fields[1], fields[7]]),
    [
      ['0000000A', '0000FFFF'],
      ['0000FFEF', '0000FFFF'],
    ],
    'of the overlay and of groups',
  )
  const own = await runInNetns(here, 'cat', ['/proc/net/fib_trie', '/proc/net/if_inet6'])
  t.match(own.stdout, /10\.0\.0\.1\n\s+\/32 host LOCAL/)
  t.notMatch(own.stdout, /nstun/, 'and nothing of IPv6')
})

t.test('an interface ends when it is detached, and with its node; and comes back', needsTun, async t => {
  const { overlay, here, there } = await withTuns(t, 2)
  const { engine, links } = overlay
  const interfaces = async (): Promise<string> => (await runInNetns(here, 'cat', ['/proc/net/dev'])).stdout
  t.ok(await reaches(here, there, address(2)))
  await t.rejects(engine.attachTun(1, here, { ...tun, name: 'other' }), { code: 'EEXIST' }, 'a node has one')
  await engine.detachTun(1)
  t.notMatch(await interfaces(), /nstun|other/, 'gone when that is answered')
  await t.rejects(engine.detachTun(1), { code: 'ENOENT' })
  await engine.attachTun(1, here, tun)
  t.ok(await reaches(here, there, address(2)), 'again')
  await t.rejects(engine.attachTun(2, here, tun), { code: 'EEXIST' }, 'there is one of this name')
  await t.rejects(engine.attachTun(3, await loopbackNamespace(t), tun), { code: 'ENOENT' }, 'no such node')
  links.removeNode(1)
  while (/nstun|other/.test(await interfaces())) await new Promise(resolve => setTimeout(resolve, 10))
  t.pass('gone with its node')
})

/** What is open, by number. */
function descriptors(): Map<string, string> {
  const open = new Map<string, string>()
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      open.set(fd, readlinkSync(`/proc/self/fd/${fd}`))
    } catch {
      // That of the listing itself.
    }
  }
  return open
}

t.test('close() with interfaces leaves no thread and no descriptor', needsTun, async t => {
  const before = descriptors()
  const { overlay, here, there } = await withTuns(t, 2)
  t.ok(await reaches(here, there, address(2)))
  await overlay.close()
  for (const netns of [here, there]) netns.close()
  // The links' own namespace is closed in teardown. What earlier tests had open may be closed meanwhile, and its place
  // be taken for a moment by what a thread of theirs opens.
  const open = () => [...descriptors()].filter(([fd, what]) => before.get(fd) !== what)
  for (let tries = 0; open().length !== 1 && tries < 200; tries++) await new Promise(done => setTimeout(done, 10))
  t.equal(open().length, 1, open().join())
  const names = readdirSync('/proc/self/task').map(id => readFileSync(`/proc/self/task/${id}/comm`, 'utf8'))
  t.same(
    names.filter(name => /^nslab-(lane|closer)/.test(name)),
    [],
  )
})

t.test('what is wrong with an interface is told by name', async t => {
  const netns = await loopbackNamespace(t)
  const overlay = await Overlay.make(t, netns, [[1, 2]], { lanes: 1 })
  for (const [field, value] of [
    ['name', 'sixteen-letters-'],
    ['name', 'a/b'],
    ['baseAddress', '10.0.0'],
    ['prefixLength', 33],
    ['mtu', 67],
    ['nodesMax', 0],
  ] as const) {
    const asked = overlay.engine.attachTun(1, netns, { ...tun, [field]: value })
    await t.rejects(asked, { code: 'EINVAL', operation: `attachTun ${field}` }, `${field} ${value}`)
  }
  await t.rejects(
    overlay.engine.attachTun(101, netns, tun),
    { code: 'EINVAL', operation: 'attachTun nodesMax' },
    'its own id',
  )
  t.throws(() => overlay.engine.attachTun(1, {} as never, tun), { code: 'EINVAL' }, 'no namespace')
})

t.test('without the device it says what to do', async t => {
  const program = fileURLToPath(new URL('../fixtures/attach-tun.ts', import.meta.url))
  const { stdout } = await runIsolated(['--fresh', '/dev/net'], process.execPath, ['--import', 'tsx', program])
  t.match(JSON.parse(stdout), {
    code: 'ENOENT',
    operation: 'open /dev/net/tun',
    where: 'node 1',
    reason: /modprobe tun/,
  })
})

t.test('a group has each packet once, where its tree goes and members are', async t => {
  //  1 - 2 - 3, 2 - 4
  const edges = [
    [1, 2],
    [2, 3],
    [2, 4],
  ] as const
  const overlay = await Overlay.make(t, await loopbackNamespace(t), edges, { lanes: 2 })
  const { engine } = overlay
  await overlay.join()
  const tree = (nodeId: number, nextHops: number[]): Promise<void> =>
    engine.changeRoutes(nodeId, [{ change: 'install_trees', source: 1, group: 5, trees: [{ number: 0, nextHops }] }])
  await tree(1, [2])
  await tree(2, [3, 4])
  await tree(3, [3])
  await tree(4, [4])
  for (const nodeId of [2, 3]) await engine.changeRoutes(nodeId, [{ change: 'member', group: 5, member: true }])
  await engine.startFlow(1, { flow: 1, destination: 5, isGroup: true, bytes: 30_000, packetBytes: 300 })
  await Promise.all([overlay.arrived(2, 1), overlay.arrived(3, 1)])
  const counts = await overlay.quiet()
  t.same(
    counts.sinks.map(({ nodeId, receivedPackets, duplicatePackets }) => [nodeId, receivedPackets, duplicatePackets]),
    [
      [2, 100, 0],
      [3, 100, 0],
    ],
    'members alone',
  )
  t.ok((linkOf(counts, 2, 4)?.sent.outPackets ?? 0) >= 100, 'though the tree goes on to another')
  for (const { nodeId, account } of counts.nodes) t.ok(isBalanced(account), `node ${nodeId} is balanced`)
  const source = counts.nodes.find(({ nodeId }) => nodeId === 2)?.account
  t.ok(source && source.madePackets === 2 * source.inPackets, 'copies are made where it branches')
  // One leaves, another comes.
  await engine.changeRoutes(2, [{ change: 'member', group: 5, member: false }])
  await engine.changeRoutes(4, [{ change: 'member', group: 5, member: true }])
  await engine.startFlow(1, { flow: 2, destination: 5, isGroup: true, bytes: 30_000, packetBytes: 300 })
  await Promise.all([overlay.arrived(3, 2), overlay.arrived(4, 2)])
  const later = await overlay.quiet()
  t.same(
    later.sinks
      .filter(({ flow }) => flow === 2)
      .map(({ nodeId }) => nodeId)
      .sort(),
    [3, 4],
  )
})

t.test('programs send to a group by its address', needsTun, async t => {
  const { overlay, here, there } = await withTuns(t, 2)
  const group = { source: 1, group: 300 }
  await overlay.engine.changeRoutes(1, [{ change: 'install_trees', ...group, trees: [{ number: 0, nextHops: [2] }] }])
  await overlay.engine.changeRoutes(2, [
    { change: 'install_trees', ...group, trees: [{ number: 0, nextHops: [2] }] },
    { change: 'member', group: 300, member: true },
  ])
  const receive = `
    const socket = require('node:dgram').createSocket('udp4')
    socket.on('message', (bytes, from) => { console.log(from.address + ' ' + bytes); process.exit() })
    socket.bind(7000, () => { socket.addMembership('239.255.1.44', '10.0.0.2'); console.error('ready') })`
  const send = `
    const socket = require('node:dgram').createSocket('udp4')
    setInterval(() => socket.send('to all of you', 7000, '239.255.1.44'), 50)`
  const sender = runInNetns(here, process.execPath, ['-e', send])
  const { stdout } = await runInNetns(there, process.execPath, ['-e', receive])
  sender.kill()
  await sender
  t.equal(stdout.trim(), '10.0.0.1 to all of you')
})

interface Captured {
  readonly to: string
  readonly packet: Buffer
  readonly bytes: number
  readonly seconds: number
}

/** Packets of a pcap file with nanoseconds; throws where it is none. */
function readPcap(path: string): Captured[] {
  const file = readFileSync(path)
  const [magic, link] = [file.readUInt32LE(0), file.readUInt32LE(20)]
  if (magic !== 0xa1b23c4d || link !== 101) throw new Error(`magic ${magic.toString(16)}, link type ${link}`)
  const packets: Captured[] = []
  for (let at = 24; at < file.length; ) {
    const [seconds, captured, bytes] = [file.readUInt32LE(at), file.readUInt32LE(at + 8), file.readUInt32LE(at + 12)]
    const packet = file.subarray(at + 16, at + 16 + captured)
    if (captured !== bytes || packet.length !== bytes || packet[0] !== 0x45 || packet.readUInt16BE(2) !== bytes)
      throw new Error(`no packet at ${at}`)
    packets.push({ to: [...packet.subarray(16, 20)].join('.'), packet, bytes, seconds })
    at += 16 + captured
  }
  return packets
}

/** RFC 1071, of IP's header and of TCP; true where it is another protocol's. */
function hasChecksum(packet: Buffer): boolean {
  const sumOf = (bytes: Buffer, start: number): number => {
    let sum = start
    for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    return sum
  }
  if (sumOf(packet.subarray(0, 20), 0) !== 0xffff) return false
  const tcp = packet.subarray(20)
  return packet[9] !== 6 || sumOf(tcp, sumOf(packet.subarray(12, 20), 6 + tcp.length)) === 0xffff
}

t.test('a capture has what passes a link, both ways, as a file that others read', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-capture-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const overlay = await Overlay.chain(t, await loopbackNamespace(t), 3, { lanes: 2, processors: 2 })
  const { engine } = overlay
  const [one, all, short] = ['one', 'all', 'short'].map(name => join(folder, `${name}.pcap`)) as [
    string,
    string,
    string,
  ]
  await engine.capture(2, 3, openSync(one, 'w'))
  const run = async (flow: number): Promise<void> => {
    await engine.startFlow(1, { flow, destination: 3, bytes: 20_000, packetBytes: 200 })
    await engine.startFlow(3, { flow: flow + 1, destination: 1, bytes: 20_000, packetBytes: 200 })
    await Promise.all([overlay.arrived(3, flow), overlay.arrived(1, flow + 1)])
    await overlay.quiet()
  }
  await run(1)
  await engine.capture(2, 3, null)
  const packets = readPcap(one)
  t.ok(packets.filter(({ to }) => to === '10.0.0.3').length >= 100, 'there')
  t.ok(packets.filter(({ to }) => to === '10.0.0.1').length >= 100, 'and back')
  t.ok(packets.every(({ bytes, seconds }) => bytes === 200 && Math.abs(seconds - Date.now() / 1000) < 600))
  await engine.capture(2, 0, openSync(all, 'w'))
  await run(3)
  await engine.capture(2, 0, null)
  t.equal(statSync(one).size, 24 + packets.length * 216, 'the first has ended')
  t.ok(readPcap(all).length >= 400, 'all links of the node: each packet comes in and goes out')
  await engine.capture(2, 0, openSync(short, 'w'), 2200)
  await run(5)
  await engine.capture(2, 0, null)
  t.equal(readPcap(short).length, 10, 'no more than was asked for, whole')
  t.match(sinkOf(await engine.count(), 3, 5), { receivedPackets: 100 }, 'and nothing is lost by it')
})
