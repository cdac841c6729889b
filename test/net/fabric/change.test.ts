// One node of a fabric removed, made again, lost; and a build that is cancelled before, while and after it runs.

import { execFileSync } from 'node:child_process'
import { closeSync } from 'node:fs'
import t from 'tap'
import { native } from '../../../src/native/addon.ts'
import type { Netns } from '../../../src/native/netns.ts'
import {
  addresses,
  builtFabric,
  fabricRoot,
  ipDo,
  linkNames,
  permanentNeighbours,
  ringSpec,
} from '../../fixtures/fabric.ts'

const LOSS_MS = 60_000

/** Collects what a callback says, and lets a test wait for the first. */
function losses() {
  const seen: (readonly [number, string])[] = []
  let wake = (): void => {}
  const said = new Promise<void>(resolve => {
    wake = resolve
  })
  /** A fabric does not keep a process from its end, so this does. */
  const first = async (): Promise<void> => {
    const awake = setTimeout(() => {}, LOSS_MS)
    await said
    clearTimeout(awake)
  }
  const onLost = (index: number, reason: string): void => {
    seen.push([index, reason])
    wake()
  }
  return { seen, first, onLost }
}

t.test('a removed node is gone from the kernel, and no loss is reported', async t => {
  const root = await fabricRoot(t)
  const { seen, onLost } = losses()
  const fabric = await builtFabric(t, root, ringSpec(3), { onLost })
  const handle = fabric.netns(1)
  await fabric.removeNode(1, 20_000)
  t.strictSame(linkNames(root), ['isobr0', 'lo', 'veth0a', 'veth2a'])
  t.throws(() => fabric.netns(1), { code: 'ENONET' })
  t.equal(handle.fd, -1, 'a handle to it is as good as closed')
  await t.rejects(handle.openSocket({ connect: { address: '127.0.0.1', port: 1, timeoutMs: 100 } }), { code: 'EBADF' })
  await fabric.removeNode(1, 20_000)
  t.strictSame(seen, [])
})

t.test('removing reports a namespace that something still holds, and it can be removed once let go', async t => {
  const root = await fabricRoot(t)
  const fabric = await builtFabric(t, root, ringSpec(2))
  const fd = await fabric.netns(0).openSocket({ listen: { address: '127.0.0.1', port: 7010, backlog: 1 } })
  const removal = t.rejects(fabric.removeNode(0, 200), { code: 'ETIMEDOUT', where: 'node 1' })
  await t.rejects(fabric.rebuildNode(0), { code: 'EBUSY' }, 'one operation on a node at a time')
  await removal
  closeSync(fd)
  await fabric.removeNode(0, 20_000)
  t.strictSame(linkNames(root), ['isobr0', 'lo', 'veth1a'])
})

t.test('a node is made again on the same names and addresses, in another namespace', async t => {
  const root = await fabricRoot(t)
  const spec = ringSpec(3)
  const fabric = await builtFabric(t, root, spec)
  const before = fabric.netns(1).identity
  const neighbours = permanentNeighbours(fabric.netns(1))
  await fabric.rebuildNode(1)
  const after = fabric.netns(1)
  t.not(after.identity.cookie, before.cookie)
  t.strictSame(permanentNeighbours(after), neighbours)
  t.match(addresses(after)[1]?.addr_info, [{ local: spec.nodes[1]?.address }])
  t.strictSame(linkNames(root), ['isobr0', 'lo', 'veth0a', 'veth1a', 'veth2a'])
  await fabric.removeNode(2, 20_000)
  await fabric.rebuildNode(2)
  t.ok(fabric.netns(2).fd >= 0, 'also one that was removed')
})

t.test('many nodes are removed and made again at the same time', async t => {
  const root = await fabricRoot(t)
  const fabric = await builtFabric(t, root, ringSpec(12))
  const all = [...Array(12).keys()]
  await Promise.all(all.map(index => (index % 2 === 0 ? fabric.rebuildNode(index) : fabric.removeNode(index, 20_000))))
  const even = all.filter(index => index % 2 === 0)
  t.strictSame(linkNames(root), ['isobr0', 'lo', ...even.map(index => `veth${index}a`)].sort())
})

/** Gives each an id in `root`, from 0 on. `ip` takes nothing but names: those are in a mount namespace of its own. */
function giveIds(root: Netns, netns: readonly Netns[]): void {
  const script = 'mount -t tmpfs none /run && mkdir /run/netns && ln -s "$@" /run/netns && ip -batch -'
  const paths = netns.map(({ fd }) => `/proc/${process.pid}/fd/${fd}`)
  const input = netns.map(({ fd }, id) => `netns set ${fd} ${id}\n`).join('')
  const inside = [`--net=/proc/${process.pid}/fd/${root.fd}`, 'unshare', '--mount', 'sh', '-c', script, 'sh']
  execFileSync('nsenter', [...inside, ...paths], { input, stdio: 'pipe' })
}

t.test('where the kernel’s news are lost, what lives is not taken for gone, and what is gone is', async t => {
  const root = await fabricRoot(t)
  // More ids than a listing of the kernel's has: the nodes' come after them.
  const others = await Promise.all(Array.from({ length: 2000 }, () => native.Netns.create()))
  giveIds(root, others)
  // Room for a few words of the kernel's.
  const fabric = await builtFabric(t, root, ringSpec(20), { watchBytes: 1 })
  const held = Array.from({ length: 10 }, (_, index) => 2 * index + 1)
  const listen = { address: '127.0.0.1', port: 7011, backlog: 1 }
  const fds = await Promise.all(held.map(index => fabric.netns(index).openSocket({ listen })))
  // From here on nothing but its id tells of each that is held.
  for (const index of held) ipDo(root, 'link', 'delete', `veth${index}a`)
  for (const other of others) other.close()
  await native.awaitNetnsCleanup(60_000)
  const { remaining } = await fabric.teardown(1000)
  const expected = held.map(index => ({ name: `veth${index}a`, node: index, link: false, netns: true }))
  t.strictSame(remaining, expected)
  for (const fd of fds) closeSync(fd)
  t.strictSame((await fabric.teardown(20_000)).remaining, [])
})

for (const [end, name] of [
  ['node', 'veth1b'],
  ['host', 'veth1a'],
] as const) {
  t.test(`a complete node whose ${end} end fails is reported lost, and can be made again`, async t => {
    const root = await fabricRoot(t)
    const { seen, first, onLost } = losses()
    const fabric = await builtFabric(t, root, ringSpec(2), { onLost })
    if (end === 'node') ipDo(fabric.netns(1), 'link', 'set', name, 'down')
    else ipDo(root, 'link', 'delete', name)
    await first()
    // One that is deleted goes down first.
    t.strictSame(seen, [[1, 'link down']])
    t.throws(() => fabric.netns(1), { code: 'ENONET' })
    await fabric.rebuildNode(1)
    t.ok(fabric.netns(1).fd >= 0)
  })
}

t.test('a build cancelled before it begins or while it runs undoes itself; cancelled after, it stands', async t => {
  const root = await fabricRoot(t)
  let fabric = new native.Fabric(root, ringSpec(3))
  const before = fabric.build()
  fabric.cancel()
  await t.rejects(before, { code: 'ECANCELED' })
  t.strictSame(linkNames(root), ['lo'])

  fabric = new native.Fabric(root, ringSpec(60), { onReady: () => fabric.cancel() })
  await t.rejects(fabric.build(), { code: 'ECANCELED' })
  t.strictSame(linkNames(root), ['lo'])

  fabric = new native.Fabric(root, ringSpec(3))
  await fabric.build()
  fabric.cancel()
  await fabric.rebuildNode(0)
  t.equal(linkNames(root).length, 5)
  await t.rejects(fabric.build(), { code: 'EALREADY' })
  await fabric.teardown(20_000)
})

t.test('a teardown during a build cancels it first', async t => {
  const root = await fabricRoot(t)
  const fabric = new native.Fabric(root, ringSpec(60))
  const building = t.rejects(fabric.build(), { code: 'ECANCELED' })
  t.strictSame((await fabric.teardown(20_000)).remaining, [])
  await building
  t.strictSame(linkNames(root), ['lo'])
})

t.test('a carrier that does not come is waited for as long as is asked', async t => {
  const root = await fabricRoot(t)
  const carrierWaitMs = 300
  // The ports of a bridge that is down forward nothing: nodes made from then on are never ready.
  const stop = (): void => ipDo(root, 'link', 'set', 'isobr0', 'down')
  const fabric = new native.Fabric(root, ringSpec(400), { carrierWaitMs, onReady: stop })
  const late = { code: 'ETIMEDOUT', operation: 'carrier', reason: /nodes did not become ready, and none in 300 ms$/ }
  await t.rejects(fabric.build(), late)
  t.strictSame(linkNames(root), ['lo'], 'undone')

  const { seen, first, onLost } = losses()
  const built = await builtFabric(t, root, ringSpec(2), { carrierWaitMs, onLost })
  stop()
  await first()
  t.ok(seen.length > 0)
  const lateNode = { code: 'ETIMEDOUT', operation: 'carrier', where: 'node 1', reason: 'none in 300 ms' }
  await t.rejects(built.rebuildNode(0), lateNode)
  ipDo(root, 'link', 'set', 'isobr0', 'up')
  await built.rebuildNode(0)
  t.throws(() => new native.Fabric(root, ringSpec(1), { carrierWaitMs: 0 }), { code: 'EINVAL' })
})

t.test('operations on what was never built say so', async t => {
  const root = await fabricRoot(t)
  const fabric = new native.Fabric(root, ringSpec(2))
  await t.rejects(fabric.rebuildNode(0), { code: 'ECANCELED' })
  await t.rejects(fabric.removeNode(0, 100), { code: 'ECANCELED' })
  await t.rejects(fabric.addNeighbours(0, ['172.16.8.9']), { code: 'ENONET', where: 'node 1' })
  t.throws(() => fabric.netns(2), { code: 'EINVAL' })
  t.throws(() => fabric.addNeighbours(0, ['nowhere']), { code: 'EINVAL' })
  t.strictSame((await fabric.teardown(100)).remaining, [])
})
