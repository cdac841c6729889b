// Single namespaces: made, taken over, identified, entered for a socket, and awaited in their end.

import { closeSync, openSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import t from 'tap'
import { native } from '../../../src/native/addon.ts'
import { descriptors, fabricRoot, leaked, links } from '../../fixtures/fabric.ts'
import { untilEmpty } from '../../fixtures/nslab-process.ts'

t.test('a new namespace has its loopback up and nothing else', async t => {
  const netns = await fabricRoot(t)
  t.match(links(netns), [{ ifname: 'lo', flags: ['LOOPBACK', 'UP', 'LOWER_UP'] }])
})

t.test('each namespace has an identity of its own, the same through every descriptor', async t => {
  const [one, two] = [await fabricRoot(t), await fabricRoot(t)]
  t.not(one.identity.cookie, two.identity.cookie)
  const again = native.Netns.fromFd(openSync(`/proc/self/fd/${one.fd}`, 'r'))
  t.teardown(() => again.close())
  t.strictSame(again.identity, one.identity)
  t.not(again.fd, one.fd)
})

t.test('the current namespace is the machine’s, whatever native threads do', async t => {
  const before = native.Netns.current()
  await fabricRoot(t)
  const after = native.Netns.current()
  t.strictSame(after.identity, before.identity)
  before.close()
  after.close()
})

t.test('a closed namespace says so, and closing twice is nothing', async t => {
  const netns = await native.Netns.create()
  const before = descriptors()
  netns.close()
  netns.close()
  t.equal(netns.fd, -1)
  t.equal(descriptors().length, before.length - 1)
  await t.rejects(netns.openSocket({ listen: { address: '127.0.0.1', port: 1, backlog: 1 } }), { code: 'EBADF' })
  t.throws(() => new native.Fabric(netns, { bridges: [], nodes: [], neighbours: [], mtu: 1500 }), { code: 'EINVAL' })
})

t.test('what is no network namespace is refused and stays the caller’s', async t => {
  for (const path of ['/dev/null', '/proc/self/ns/uts']) {
    const fd = openSync(path, 'r')
    t.throws(() => native.Netns.fromFd(fd), { code: 'EINVAL', operation: 'adopt' })
    closeSync(fd)
  }
  t.throws(() => native.Netns.fromFd(9999), { code: 'EBADF' })
  for (const bad of [-1, 1.5, '3', undefined]) t.throws(() => native.Netns.fromFd(bad as number), { code: 'EINVAL' })
})

t.test('objects that only look like a namespace are refused', async t => {
  const netns = await fabricRoot(t)
  const NetnsClass = native.Netns as unknown as new (secret?: unknown) => typeof netns
  const FabricClass = native.Fabric as unknown as new (root: unknown, spec: object) => object
  t.throws(() => new NetnsClass(), { code: 'EINVAL' })
  for (const fake of [{}, null, 3, Object.create(netns)])
    t.throws(() => new FabricClass(fake, { bridges: [], nodes: [], neighbours: [], mtu: 1500 }), { code: 'EINVAL' })
})

t.test('sockets are opened inside, many connects at a time', async t => {
  const netns = await fabricRoot(t)
  const fd = await netns.openSocket({ listen: { address: '127.0.0.1', port: 7100, backlog: 64 } })
  const server = createServer(socket => socket.end('hello'))
  await new Promise<void>(resolve => server.listen({ fd }, resolve))
  t.teardown(() => server.close())
  const connect = { address: '127.0.0.1', port: 7100, timeoutMs: 5000 }
  const fds = await Promise.all(Array.from({ length: 50 }, () => netns.openSocket({ connect })))
  const read = async (client: number): Promise<string> => {
    let said = ''
    for await (const chunk of new Socket({ fd: client })) said += chunk
    return said
  }
  t.strictSame(new Set(await Promise.all(fds.map(read))), new Set(['hello']))
})

t.test('a refused, an unreachable and a silent address are told apart', async t => {
  const netns = await fabricRoot(t)
  const connect = { address: '127.0.0.1', port: 7101, timeoutMs: 5000 }
  await t.rejects(netns.openSocket({ connect }), { code: 'ECONNREFUSED', operation: 'connect 127.0.0.1:7101' })
  await t.rejects(netns.openSocket({ connect: { ...connect, address: '10.0.0.1' } }), { code: 'ENETUNREACH' })
  const full = await netns.openSocket({ listen: { address: '127.0.0.1', port: 7102, backlog: 1 } })
  t.teardown(() => closeSync(full))
  // A listener that nobody accepts from goes silent once its queue is full.
  const fill = Array.from({ length: 8 }, () =>
    netns.openSocket({ connect: { ...connect, port: 7102, timeoutMs: 300 } }),
  )
  const outcomes = await Promise.allSettled(fill)
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') closeSync(outcome.value)
  const codes = outcomes.map(outcome => (outcome.status === 'rejected' ? outcome.reason.code : 'open'))
  t.ok(codes.includes('ETIMEDOUT'), codes.join())
})

t.test('requests that make no sense are refused at once', async t => {
  const netns = await fabricRoot(t)
  const bad = [
    {},
    { listen: {} },
    { connect: { address: 'here', port: 1, timeoutMs: 1 } },
    null,
    { connect: { address: '1.2.3.4', port: 0, timeoutMs: 1 } },
  ]
  for (const request of bad) t.throws(() => netns.openSocket(request as never), { code: 'EINVAL' })
})

t.test('the wait for earlier namespaces ends when the kernel has removed them', async t => {
  const dropped = await Promise.all(Array.from({ length: 5 }, () => native.Netns.create()))
  for (const netns of dropped) netns.close()
  const before = descriptors()
  t.ok((await native.awaitNetnsCleanup(20_000)) >= 0)
  t.strictSame(await untilEmpty(() => leaked(before), 30_000), [])
  await t.rejects(native.awaitNetnsCleanup(0), { code: 'ETIMEDOUT' })
  t.throws(() => native.awaitNetnsCleanup(-1), { code: 'EINVAL' })
})

t.test('the switch trace counts every visit and numbers namespaces by first use', async t => {
  const netns = await fabricRoot(t)
  const before = native.switchTrace()
  const listen = { address: '127.0.0.1', port: 0, backlog: 1 }
  for (const fd of await Promise.all(Array.from({ length: 4 }, () => netns.openSocket({ listen })))) closeSync(fd)
  const after = native.switchTrace()
  t.equal(after.netns.length - before.netns.length, 4)
  t.equal(after.switches + after.skipped - before.switches - before.skipped, 4)
  t.equal(new Set(after.netns).size, new Set(before.netns).size + 1)
})
