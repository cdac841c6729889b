// Uplinks and the bridge between fabric roots, on the real kernel.

import { fileURLToPath } from 'node:url'
import t from 'tap'
import { native } from '../../../src/native/addon.ts'
import type { Netns, UplinkSpec } from '../../../src/native/netns.ts'
import { addresses, descriptors, fabricRoot, ip, ipDo, leaked, linkNames, links } from '../../fixtures/fabric.ts'
import { launch } from '../../fixtures/launch.ts'
import { reaches } from '../../fixtures/reach.ts'

/** The uplink of host `n`, with a route to the /22 of the other one of two. */
const uplinkOf = (segment: Netns, n: number, changes: Partial<UplinkSpec> = {}): UplinkSpec => ({
  name: 'uplink0',
  mac: `02:71:c6:12:00:0${n}`,
  address: `198.18.0.${n}`,
  prefixLength: 24,
  mtu: 1500,
  routes: [{ to: `172.16.${n === 1 ? 12 : 8}.0/22`, via: `198.18.0.${3 - n}` }],
  from: { kind: 'veth', segment, bridge: 'seg0', port: `port${n}` },
  ...changes,
})

async function segmentOf(t: Parameters<typeof fabricRoot>[0]): Promise<Netns> {
  const segment = await fabricRoot(t)
  await segment.addBridge('seg0', 1500)
  return segment
}

const routesOf = (netns: Netns): readonly string[] =>
  ip<{ dst: string; gateway?: string }>(netns, '-4', 'route', 'show').map(
    route => `${route.dst} ${route.gateway ?? '-'}`,
  )

t.test('two roots joined by a bridge have what the specification says, and reach each other at once', async t => {
  const segment = await segmentOf(t)
  const [a, b] = [await fabricRoot(t), await fabricRoot(t)]
  await Promise.all([a.addUplink(uplinkOf(segment, 1)), b.addUplink(uplinkOf(segment, 2, { mtu: 9000 }))])
  t.match(
    links(a).find(link => link.ifname === 'uplink0'),
    { address: '02:71:c6:12:00:01', mtu: 1500, operstate: 'UP' },
  )
  t.match(links(b).find(link => link.ifname === 'uplink0')?.mtu, 9000)
  t.match(addresses(a).find(link => link.ifname === 'uplink0')?.addr_info, [{ local: '198.18.0.1', prefixlen: 24 }])
  t.equal(addresses(a).find(link => link.ifname === 'uplink0')?.addr_info.length, 1, 'no IPv6 address')
  t.strictSame(routesOf(a).toSorted(), ['172.16.12.0/22 198.18.0.2', '198.18.0.0/24 -'])
  t.strictSame(linkNames(segment), ['lo', 'port1', 'port2', 'seg0'])
  t.ok(await reaches(a, b, '198.18.0.2'))
  t.ok(await reaches(b, a, '198.18.0.1'))
})

t.test('a way that leads nowhere loses everything unseen, until it is taken out', async t => {
  const segment = await segmentOf(t)
  const [a, b] = [await fabricRoot(t), await fabricRoot(t)]
  await Promise.all([a.addUplink(uplinkOf(segment, 1)), b.addUplink(uplinkOf(segment, 2))])
  t.ok(await reaches(a, b, '198.18.0.2'))
  const nowhere = [{ to: '198.18.0.2/32', via: null }]
  await a.addRoutes(nowhere)
  await a.addRoutes(nowhere)
  t.ok(routesOf(a).includes('198.18.0.2 -'))
  const connect = { address: '198.18.0.2', port: 9, timeoutMs: 300 }
  await t.rejects(a.openSocket({ connect }), { code: 'ETIMEDOUT' }, 'nobody is told')
  await a.removeRoutes(nowhere)
  await a.removeRoutes(nowhere)
  t.notOk(routesOf(a).includes('198.18.0.2 -'))
  t.ok(await reaches(a, b, '198.18.0.2'))
})

t.test('a root forwards for those behind it', async t => {
  const segment = await segmentOf(t)
  const [a, b] = [await fabricRoot(t), await fabricRoot(t)]
  await a.addUplink(uplinkOf(segment, 1))
  await b.addUplink(uplinkOf(segment, 2))
  ipDo(a, 'address', 'add', '172.16.8.1/22', 'dev', 'lo')
  // A namespace behind b that knows only b.
  const inner = await fabricRoot(t)
  await b.addBridge('behind0', 1500)
  ipDo(b, 'address', 'add', '172.16.12.1/22', 'dev', 'behind0')
  await inner.addUplink({
    ...uplinkOf(b, 2),
    address: '172.16.12.2',
    prefixLength: 22,
    routes: [{ to: '0.0.0.0/0', via: '172.16.12.1' }],
    from: { kind: 'veth', segment: b, bridge: 'behind0', port: 'inner0' },
  })
  t.ok(await reaches(inner, a, '172.16.8.1'))
})

t.test('a port that is cut drops everything unseen, and carries again when it is healed', async t => {
  const segment = await segmentOf(t)
  const [a, b] = [await fabricRoot(t), await fabricRoot(t)]
  await a.addUplink(uplinkOf(segment, 1))
  await b.addUplink(uplinkOf(segment, 2))
  t.ok(await reaches(a, b, '198.18.0.2'))
  await segment.setBridgePort('port2', false)
  t.equal(links(b).find(link => link.ifname === 'uplink0')?.operstate, 'UP', 'its other end sees nothing')
  t.notOk(await reaches(a, b, '198.18.0.2', 300))
  t.notOk(await reaches(b, a, '198.18.0.1', 300))
  await segment.setBridgePort('port2', true)
  t.ok(await reaches(a, b, '198.18.0.2'))
})

t.test('an uplink ends with its root, and no descriptor stays', async t => {
  const before = descriptors()
  const segment = await native.Netns.create()
  await segment.addBridge('seg0', 1500)
  const root = await native.Netns.create()
  await root.addUplink(uplinkOf(segment, 1))
  root.close()
  await native.awaitNetnsCleanup(10_000)
  t.strictSame(linkNames(segment), ['lo', 'seg0'])
  segment.close()
  t.strictSame(leaked(before), [])
})

t.test('an uplink that is removed takes its routes with it, and may come again', async t => {
  const segment = await segmentOf(t)
  const root = await fabricRoot(t)
  await root.addUplink(uplinkOf(segment, 1))
  await root.removeUplink('uplink0')
  t.strictSame([linkNames(root), routesOf(root)], [['lo'], []])
  await root.removeUplink('uplink0')
  await root.addUplink(uplinkOf(segment, 1))
  t.strictSame(linkNames(segment), ['lo', 'port1', 'seg0'])
  t.throws(() => root.removeUplink(''), { code: 'EINVAL' })
})

t.test('routes come, move and go', async t => {
  const segment = await segmentOf(t)
  const root = await fabricRoot(t)
  await root.addUplink(uplinkOf(segment, 1, { routes: [] }))
  const own = ['198.18.0.0/24 -']
  await root.addRoutes([
    { to: '172.16.12.0/22', via: '198.18.0.2' },
    { to: '172.16.8.7/32', via: '198.18.0.3' },
  ])
  t.strictSame(routesOf(root).toSorted(), ['172.16.12.0/22 198.18.0.2', '172.16.8.7 198.18.0.3', ...own])
  await root.addRoutes([{ to: '172.16.12.0/22', via: '198.18.0.4' }])
  t.strictSame(routesOf(root).toSorted(), ['172.16.12.0/22 198.18.0.4', '172.16.8.7 198.18.0.3', ...own])
  await root.removeRoutes([
    { to: '172.16.12.0/22', via: '198.18.0.2' },
    { to: '172.16.8.7/32', via: '198.18.0.3' },
    { to: '10.0.0.0/8', via: '198.18.0.3' },
  ])
  t.strictSame(routesOf(root).toSorted(), ['172.16.12.0/22 198.18.0.4', ...own], 'only those that are as named')
})

/** What test/fixtures/move-link.ts says, in a network namespace of its own. */
async function moveLink(how: 'whole' | 'no-carrier'): Promise<unknown> {
  const program = fileURLToPath(new URL('../../fixtures/move-link.ts', import.meta.url))
  const { out, err } = await launch(['--net', '--', process.execPath, '--import', 'tsx', program, how])
  if (out === '') throw new Error(err)
  return JSON.parse(out)
}

t.test('a link of the own namespace is moved, without what it had there', async t => {
  t.strictSame(await moveLink('whole'), { here: ['card1', 'lo'], root: ['lo', 'uplink0'], moved: ['198.18.0.1'] })
})

t.test('a link without a carrier is refused, and given back under its name', async t => {
  const refused = { code: 'ETIMEDOUT', operation: 'carrier of uplink0' }
  t.strictSame(await moveLink('no-carrier'), { here: ['card0', 'card1', 'lo'], root: ['lo'], moved: null, ...refused })
})

t.test('what the kernel refuses is named, and leaves nothing behind', async t => {
  const segment = await segmentOf(t)
  const [a, b] = [await fabricRoot(t), await fabricRoot(t)]
  await a.addUplink(uplinkOf(segment, 1))
  const before = { segment: linkNames(segment), b: linkNames(b) }
  const badRoute = { routes: [{ to: '172.16.9.0/22', via: '198.18.0.1' }] }
  const veth = { kind: 'veth', segment, bridge: 'seg0', port: 'port2' } as const
  for (const [what, error] of [
    [() => a.addUplink(uplinkOf(segment, 1)), { code: 'EEXIST', operation: 'RTM_NEWLINK port1', where: 'segment' }],
    [() => a.addUplink(uplinkOf(segment, 2)), { code: 'EEXIST' }],
    [() => b.addUplink(uplinkOf(segment, 2, badRoute)), { code: 'EINVAL', operation: 'RTM_NEWROUTE 172.16.9.0' }],
    [() => b.addUplink(uplinkOf(segment, 2, { mac: '03:00:00:00:00:01' })), { code: 'EADDRNOTAVAIL' }],
    [() => b.addUplink(uplinkOf(segment, 2, { from: { ...veth, bridge: 'seg1' } })), { code: 'ENODEV' }],
    [() => b.addUplink(uplinkOf(segment, 2, { from: { kind: 'move', interface: 'none0' } })), { code: 'ENODEV' }],
    [() => a.addRoutes([{ to: '10.0.0.0/8', via: '9.9.9.9' }]), { code: 'ENETUNREACH', where: 'fabric root' }],
    [() => segment.addBridge('seg0', 1500), { code: 'EEXIST' }],
    [() => segment.setBridgePort('none0', false), { code: 'ENODEV', operation: 'RTM_GETLINK none0' }],
    [() => segment.setBridgePort('lo', false), { code: 'EOPNOTSUPP' }],
  ] as const)
    await t.rejects(what(), error)
  t.strictSame(linkNames(segment), before.segment)
  t.strictSame(linkNames(b), before.b)
  t.ok(await reaches(a, a, '198.18.0.1'), 'and what was there still works')
})

t.test('arguments of a wrong kind throw before anything is done', async t => {
  const segment = await segmentOf(t)
  const good = uplinkOf(segment, 1)
  const bad: readonly unknown[] = [
    undefined,
    { ...good, name: '' },
    { ...good, mac: '02' },
    { ...good, address: '1.2.3' },
    { ...good, prefixLength: 0 },
    { ...good, mtu: 67 },
    { ...good, routes: undefined },
    { ...good, routes: [{ to: '1.2.3.4', via: '1.2.3.4' }] },
    { ...good, routes: [{ to: '1.2.3.4/33', via: '1.2.3.4' }] },
    { ...good, routes: [{ to: '1.2.3.4/3', via: 'x' }] },
    { ...good, from: { kind: 'tap' } },
    { ...good, from: { kind: 'move' } },
    { ...good, from: { kind: 'veth', segment: {}, bridge: 'seg0', port: 'port1' } },
  ]
  for (const uplink of bad) t.throws(() => segment.addUplink(uplink as UplinkSpec), { code: 'EINVAL' })
  t.throws(() => segment.addBridge('', 1500), { code: 'EINVAL' })
  t.throws(() => segment.addRoutes([{ to: 'x', via: 'y' }]), { code: 'EINVAL' })
  t.throws(() => segment.setBridgePort('seg0', 1 as unknown as boolean), { code: 'EINVAL' })
  const closed = await native.Netns.create()
  closed.close()
  await t.rejects(closed.addUplink(good), { code: 'EBADF' })
  t.strictSame(linkNames(segment), ['lo', 'seg0'])
})
