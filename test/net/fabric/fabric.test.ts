// A fabric as the kernel sees it: made, read back by `ip`, used, removed.

import { execFileSync } from 'node:child_process'
import { closeSync, existsSync } from 'node:fs'
import { createConnection, createServer, Socket } from 'node:net'
import t from 'tap'
import { bridgeMacOf, macOf } from '../../../src/addressing/mac.ts'
import { parseIpv4 } from '../../../src/base/ipv4.ts'
import { native } from '../../../src/native/addon.ts'
import {
  addresses,
  builtFabric,
  descriptors,
  fabricRoot,
  ip,
  leaked,
  linkNames,
  links,
  permanentNeighbours,
  ringSpec,
  twoBridgeSpec,
} from '../../fixtures/fabric.ts'
import { untilEmpty } from '../../fixtures/nslab-process.ts'

t.test('the root holds bridges and host ends as specified', async t => {
  const root = await fabricRoot(t)
  const spec = { ...twoBridgeSpec(), mtu: 1400 }
  await builtFabric(t, root, spec)
  t.strictSame(linkNames(root), ['isobr0', 'isobr1', 'lo', 'veth0a', 'veth1a', 'veth2a'])
  for (const link of links(root))
    t.ok(link.flags.includes('UP') && link.flags.includes('LOWER_UP'), `${link.ifname} is up`)
  for (const [index, bridge] of spec.bridges.entries()) {
    const link = links(root).find(({ ifname }) => ifname === bridge.name)
    t.match(link, { address: bridge.mac, mtu: 1400 })
    const ports = spec.nodes.filter(node => node.bridge === index).map(node => node.hostInterface)
    const masters = links(root).filter(({ master }) => master === bridge.name)
    t.strictSame(
      masters.map(({ ifname }) => ifname),
      ports,
    )
  }
  const inet = addresses(root).flatMap(({ addr_info }) =>
    addr_info.filter(a => a.family === 'inet' && a.prefixlen === 22),
  )
  t.strictSame(inet.map(({ local }) => local).sort(), ['172.16.12.1', '172.16.8.1'])
  const nodes = spec.nodes.map(node => `${node.address} ${node.mac}`).sort()
  t.strictSame(permanentNeighbours(root), nodes)
})

t.test('a node holds its address, its route, permanent neighbours, and nothing of IPv6 on its link', async t => {
  const root = await fabricRoot(t)
  const spec = ringSpec(4)
  const fabric = await builtFabric(t, root, spec)
  for (const [index, node] of spec.nodes.entries()) {
    const netns = fabric.netns(index)
    t.strictSame(linkNames(netns), ['lo', node.nodeInterface])
    t.match(links(netns)[1], { address: node.mac, mtu: 1500, operstate: 'UP' })
    const [, link] = addresses(netns)
    t.match(link?.addr_info, [{ family: 'inet', local: node.address, prefixlen: 22 }])
    const routes = ip<{ dst: string; gateway?: string }>(netns, 'route', 'show')
    t.strictSame(
      routes.map(({ dst }) => dst),
      ['default', '172.16.8.0/22'],
    )
    t.equal(routes[0]?.gateway, node.gateway)
    const expected = (spec.neighbours[index] ?? [])
      .map(i => spec.nodes[i])
      .map(other => `${other?.address} ${other?.mac}`)
    t.strictSame(permanentNeighbours(netns), [`172.16.8.1 ${spec.bridges[0]?.mac}`, ...expected].sort())
  }
})

t.test('frames between ports pass no firewall of the machine', async t => {
  const path = '/proc/sys/net/bridge/bridge-nf-call-iptables'
  const root = await fabricRoot(t)
  await builtFabric(t, root, ringSpec(1))
  const inside = [`--net=/proc/${process.pid}/fd/${root.fd}`, 'sh', '-c', `test ! -e ${path} || cat ${path}`]
  const said = execFileSync('nsenter', inside, { encoding: 'utf8' }).trim()
  t.equal(said, existsSync(path) ? '0' : '', 'br_netfilter is not asked about them, where it is loaded at all')
})

t.test('MAC addresses follow from addresses by the same rule in C++ and in TypeScript', async t => {
  const root = await fabricRoot(t)
  const fabric = await builtFabric(t, root, ringSpec(1))
  const far = '172.16.200.77'
  await fabric.addNeighbours(0, [far, '172.16.8.1'])
  const gateway = `172.16.8.1 ${bridgeMacOf(parseIpv4('172.16.8.1') as number)}`
  t.strictSame(permanentNeighbours(fabric.netns(0)), [`${far} ${macOf(parseIpv4(far) as number)}`, gateway].sort())
})

t.test('each node is reported ready once, and can be reached the moment it is', async t => {
  const root = await fabricRoot(t)
  const spec = ringSpec(12)
  const ready: number[] = []
  const outcomes: Promise<string>[] = []
  const fabric = new native.Fabric(root, spec, {
    onReady: indexes => {
      ready.push(...indexes)
      for (const index of indexes) {
        // A SYN that is lost is sent again after 1 s only.
        const connect = { address: '172.16.8.1', port: 9, timeoutMs: 900 }
        const code = (error: { code: string }): string => error.code
        outcomes.push(
          fabric
            .netns(index)
            .openSocket({ connect })
            .then(() => 'connected', code),
        )
      }
    },
  })
  t.teardown(() => fabric.teardown(20_000))
  await fabric.build()
  t.strictSame(
    [...ready].sort((a, b) => a - b),
    [...spec.nodes.keys()],
  )
  t.strictSame(new Set(await Promise.all(outcomes)), new Set(['ECONNREFUSED']), 'the gateway answers: nobody listens')
})

t.test('nodes reach the gateway, each other, and the other bridge through the root', async t => {
  const root = await fabricRoot(t)
  const spec = twoBridgeSpec()
  const fabric = await builtFabric(t, root, spec)
  for (const [from, to] of [
    [0, 1],
    [1, 2],
    [2, 0],
  ] as const) {
    const address = spec.nodes[to]?.address ?? ''
    const fd = await fabric.netns(to).openSocket({ listen: { address, port: 7001, backlog: 4 } })
    const server = createServer(socket => socket.end(String(socket.remoteAddress)))
    await new Promise<void>(resolve => server.listen({ fd }, resolve))
    const client = await fabric.netns(from).openSocket({ connect: { address, port: 7001, timeoutMs: 5000 } })
    const socket = new Socket({ fd: client })
    const [said] = (await new Promise<Buffer[]>(resolve => socket.once('data', data => resolve([data])))) as [Buffer]
    t.match(String(said), spec.nodes[from]?.address ?? '')
    socket.destroy()
    await new Promise(resolve => server.close(resolve))
  }
})

t.test('teardown leaves the root with its loopback alone, no descriptor behind, and may be repeated', async t => {
  const root = await fabricRoot(t)
  const spec = twoBridgeSpec()
  const warm = new native.Fabric(root, spec)
  await warm.build()
  await warm.teardown(20_000)
  const before = descriptors()
  const fabric = new native.Fabric(root, spec)
  const made = await fabric.build()
  t.ok(made.endedNs > made.startedNs && made.kernelCalls > 0)
  const gone = await fabric.teardown(20_000)
  t.strictSame(gone.remaining, [])
  t.ok(gone.goneNs >= gone.releasedNs && gone.releasedNs >= gone.startedNs)
  t.strictSame(linkNames(root), ['lo'])
  t.throws(() => fabric.netns(0), { code: 'ENONET', where: 'node 1' })
  t.strictSame((await fabric.teardown(20_000)).remaining, [])
  await fabric.build()
  t.equal(linkNames(root).length, 6, 'a fabric can be built again')
  await fabric.teardown(20_000)
  t.strictSame(await untilEmpty(() => leaked(before), 30_000), [])
})

t.test('teardown names what is still held when its deadline passes, and can be asked again', async t => {
  const root = await fabricRoot(t)
  const fabric = await builtFabric(t, root, ringSpec(2))
  const listen = { address: '172.16.8.2', port: 7002, backlog: 1 }
  const fd = await fabric.netns(0).openSocket({ listen })
  const held = await fabric.teardown(300)
  t.strictSame(held.remaining, [{ name: 'veth0a', node: 0, link: true, netns: true }])
  closeSync(fd)
  t.strictSame((await fabric.teardown(20_000)).remaining, [])
})

t.test('a name that is taken is refused with the kernel’s words, and everything is undone', async t => {
  const root = await fabricRoot(t)
  const first = await builtFabric(t, root, ringSpec(1))
  const second = new native.Fabric(root, ringSpec(2))
  await t.rejects(second.build(), { code: 'EEXIST', operation: 'RTM_NEWLINK isobr0', where: 'fabric root' })
  t.strictSame(linkNames(root), ['isobr0', 'lo', 'veth0a'], 'what others made is left alone')
  t.strictSame((await first.teardown(20_000)).remaining, [])
})

t.test('a root that was closed is refused', async t => {
  const root = await native.Netns.create()
  const fabric = new native.Fabric(root, ringSpec(1))
  root.close()
  await t.rejects(fabric.build(), { code: 'EBADF', where: 'fabric' })
})

t.test('what no kernel would take is refused before anything is made', async t => {
  const root = await fabricRoot(t)
  const spec = ringSpec(2)
  const [first, second] = spec.nodes as [(typeof spec.nodes)[0], (typeof spec.nodes)[0]]
  const bad: readonly (readonly [object, string])[] = [
    [{ mtu: 10 }, 'mtu 10'],
    [{ neighbours: [] }, 'neighbours and nodes differ in number'],
    [{ neighbours: [[7], []] }, 'neighbour index 7'],
    [{ nodes: [{ ...first, address: '172.16.8' }, second] }, 'nodes[0].address'],
    [{ nodes: [{ ...first, mac: '02:6e' }, second] }, 'nodes[0].mac'],
    [{ nodes: [{ ...first, bridge: 1 }, second] }, 'bridge of node 1'],
    [{ nodes: [first, { ...second, hostInterface: 'veth0a' }] }, "host interface 'veth0a' of node 2"],
    [
      { nodes: [first, { ...second, hostInterface: 'a-name-of-16-byt' }] },
      "host interface 'a-name-of-16-byt' of node 2",
    ],
    [{ nodes: [first, { ...second, nodeInterface: '' }] }, "node interface '' of node 2"],
    [{ bridges: [{ ...spec.bridges[0], name: 'a/b' }] }, "bridge name 'a/b'"],
  ]
  for (const [change, reason] of bad)
    t.throws(() => new native.Fabric(root, { ...spec, ...change }), { code: 'EINVAL', reason })
  t.strictSame(linkNames(root), ['lo'])
})

t.test('a socket opened inside one node is not seen from another', async t => {
  const root = await fabricRoot(t)
  const fabric = await builtFabric(t, root, ringSpec(2))
  const fd = await fabric.netns(0).openSocket({ listen: { address: '127.0.0.1', port: 7003, backlog: 1 } })
  t.teardown(() => closeSync(fd))
  const connect = { address: '127.0.0.1', port: 7003, timeoutMs: 2000 }
  await t.rejects(fabric.netns(1).openSocket({ connect }), { code: 'ECONNREFUSED' })
  const refused = new Promise(resolve => createConnection(7003, '127.0.0.1').once('error', resolve))
  t.match(await refused, { code: 'ECONNREFUSED' }, 'nor from the machine')
})
