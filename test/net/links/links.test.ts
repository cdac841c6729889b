// Links between nodes on the real kernel: made once an edge, proven on both ends, and told of as they change.

import t from 'tap'
import { Random } from '../../../src/base/random.ts'
import { Engine, frame, loopbackNamespace, RawPeer } from '../../fixtures/links.ts'

const seed = Number(process.env.NSLAB_SEED ?? 1)

t.test('a dialled link is up on both ends, once', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  await Promise.all([engine.add(1, [2]), engine.add(2, [1])])
  const before = process.hrtime.bigint()
  engine.dial(1, 2)
  await engine.seen({ kind: 'up' }, 2)
  t.same(engine.history().sort(), ['up 1 2', 'up 2 1'])
  t.equal(engine.links.endsUp, 2)
  for (const event of engine.events)
    t.ok(event.atNs >= before && event.atNs <= process.hrtime.bigint(), 'CLOCK_MONOTONIC')
})

t.test('a dial meets a node that comes later', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  await engine.add(1, [2])
  engine.dial(1, 2)
  await engine.seen({ kind: 'dial_failed', nodeId: 1, peerId: 2, reason: 'ECONNREFUSED' })
  await engine.add(2, [1])
  await engine.seen({ kind: 'up' }, 2)
})

t.test('failures of a dial are told at growing intervals', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  await engine.add(1, [2])
  engine.dial(1, 2)
  // The 1st, 2nd and 4th, after pauses of 50, 100 and 200 ms; the 3rd is not told.
  const [first, second, fourth] = await engine.seen({ kind: 'dial_failed' }, 3)
  t.ok((fourth?.atNs ?? 0n) - (second?.atNs ?? 0n) > (second?.atNs ?? 0n) - (first?.atNs ?? 0n))
  t.equal(engine.events.length, 3)
})

t.test('a cancelled dial does not come back', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  await engine.add(1, [2, 3])
  engine.dial(1, 2)
  await engine.seen({ kind: 'dial_failed', peerId: 2 })
  engine.links.cancelDial(1, 2)
  await engine.add(2, [1])
  await engine.add(3, [1])
  // A later dial passes the time in which the earlier would have been tried again.
  engine.dial(1, 3)
  await engine.seen({ kind: 'up' }, 2)
  t.same(engine.matching({ peerId: 2, kind: 'up' }), [])
})

t.test('when both dial at once there is one link, and nothing flaps', async t => {
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const netns = await loopbackNamespace(t)
  // Two engines are two threads: their dials cross in every way.
  const engines = [new Engine(t, netns), new Engine(t, netns)] as const
  for (let round = 0; round < 150; round++) {
    // Ids of their own, because nothing tells when a removal is done and an address is free.
    const [low, high] = [2 * round + 1, 2 * round + 2]
    const ids = random.below(2) === 0 ? ([low, high] as const) : ([high, low] as const)
    await Promise.all([engines[0].add(ids[0], [ids[1]]), engines[1].add(ids[1], [ids[0]])])
    const dials = [() => engines[0].dial(ids[0], ids[1]), () => engines[1].dial(ids[1], ids[0])]
    if (random.below(2) === 0) dials.reverse()
    dials[0]?.()
    for (let spin = random.below(4) * random.below(20_000); spin > 0; spin--);
    dials[1]?.()
    await Promise.all(engines.map(engine => engine.seen({ kind: 'up' })))
    t.same(
      engines.map(engine => engine.links.endsUp),
      [1, 1],
    )
    t.same(
      engines.map(engine => engine.history()),
      [[`up ${ids[0]} ${ids[1]}`], [`up ${ids[1]} ${ids[0]}`]],
    )
    engines[0].links.removeNode(ids[0])
    await engines[1].seen({ kind: 'down' })
    engines[1].links.removeNode(ids[1])
    for (const engine of engines) engine.events.length = 0
  }
})

t.test('a ring is whole when every node dials both neighbours', async t => {
  const nodes = 60
  const engine = new Engine(t, await loopbackNamespace(t))
  const ids = Array.from({ length: nodes }, (_, i) => i + 1)
  const after = (id: number): number => (id % nodes) + 1
  const before = (id: number): number => ((id + nodes - 2) % nodes) + 1
  await Promise.all(ids.map(id => engine.add(id, [before(id), after(id)])))
  for (const id of ids) {
    engine.dial(id, after(id))
    engine.dial(id, before(id))
  }
  await engine.seen({ kind: 'up' }, 2 * nodes)
  t.equal(engine.links.endsUp, 2 * nodes)
  t.equal(engine.events.length, 2 * nodes, 'nothing else happened')
})

t.test('removal of a node is told to its peers, and its address is free at once', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  await Promise.all([engine.add(1, [2, 3]), engine.add(2, [1]), engine.add(3, [1])])
  engine.dial(2, 1)
  engine.dial(3, 1)
  await engine.seen({ kind: 'up' }, 4)
  engine.links.removeNode(1)
  await engine.seen({ kind: 'down', reason: 'peer_removed' }, 2)
  t.equal(engine.links.endsUp, 0)
  await engine.add(1, [2, 3], 2)
  engine.dial(2, 1)
  await engine.seen({ kind: 'up', nodeId: 2 }, 2)
})

t.test('a peer in another engine that goes away is noticed by the reset', async t => {
  const netns = await loopbackNamespace(t)
  const [one, two] = [new Engine(t, netns), new Engine(t, netns)]
  await Promise.all([one.add(1, [2]), two.add(2, [1])])
  one.dial(1, 2)
  await Promise.all([one.seen({ kind: 'up' }), two.seen({ kind: 'up' })])
  await two.links.close()
  await one.seen({ kind: 'down', nodeId: 1, peerId: 2, reason: 'ECONNRESET' })
})

t.test('a peer that closes in order is noticed too', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const peer = await RawPeer.connect(t, netns, 1)
  await peer.handshake({ sender: 2, intended: 1 })
  await engine.seen({ kind: 'up', nodeId: 1, peerId: 2 })
  peer.socket.end()
  await engine.seen({ kind: 'down', nodeId: 1, peerId: 2, reason: 'closed' })
})

t.test('peers that are dropped lose their links, others keep theirs', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  await Promise.all([engine.add(1, [2, 3]), engine.add(2, [1]), engine.add(3, [1])])
  engine.dial(1, 2)
  engine.dial(1, 3)
  await engine.seen({ kind: 'up' }, 4)
  engine.links.setPeers(1, [3])
  await engine.seen({ kind: 'down', nodeId: 1, peerId: 2, reason: 'peer_dropped' })
  await engine.seen({ kind: 'down', nodeId: 2, peerId: 1 })
  t.equal(engine.links.endsUp, 2)
  engine.dial(2, 1)
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 2, reason: 'unknown_peer' })
  await engine.seen({ kind: 'refused', nodeId: 2, peerId: 1, reason: 'unknown_peer' })
  engine.links.setPeers(1, [2, 3])
  await engine.seen({ kind: 'up', nodeId: 2, peerId: 1 }, 2)
  t.equal(engine.matching({ kind: 'up', peerId: 3 }).length, 1, 'the kept link was not touched')
})

t.test('a dial to somebody who is no peer is told and given up', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  await engine.add(1, [2])
  engine.dial(1, 3)
  await engine.seen({ kind: 'dial_failed', nodeId: 1, peerId: 3, reason: 'unknown_peer' })
})

t.test('a newer incarnation replaces a link, an older one is refused', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const [first, second, stale, same] = await Promise.all([1, 2, 3, 4].map(() => RawPeer.connect(t, netns, 1)))
  if (!first || !second || !stale || !same) throw new Error('unreachable')
  await first.handshake({ incarnation: 5 })
  await engine.seen({ kind: 'up' })
  await second.handshake({ incarnation: 6 })
  await engine.seen({ kind: 'up' }, 2)
  await first.closed
  t.same(engine.history(), ['up 1 2', 'down 1 2 replaced', 'up 1 2'])
  stale.send(frame({ incarnation: 5 }))
  t.match(await stale.next(), { kind: 'reject', reason: 'stale_incarnation', sender: 1, intended: 2 })
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 2, reason: 'stale_incarnation' })
  same.send(frame({ incarnation: 6 }))
  t.match(await same.next(), { kind: 'reject', reason: 'duplicate' })
  t.equal(engine.links.endsUp, 1, 'the link that is up is not touched')
  second.socket.end()
  await engine.seen({ kind: 'down', reason: 'closed' })
  const late = await RawPeer.connect(t, netns, 1)
  late.send(frame({ incarnation: 5 }))
  t.match(await late.next(), { kind: 'reject', reason: 'stale_incarnation' }, 'remembered beyond the link')
})

t.test('a newer incarnation that does not finish its handshake replaces nothing', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const first = await RawPeer.connect(t, netns, 1)
  await first.handshake({ incarnation: 1 })
  await engine.seen({ kind: 'up' })
  const second = await RawPeer.connect(t, netns, 1)
  second.send(frame({ incarnation: 2 }))
  t.match(await second.next(), { kind: 'hello' })
  second.socket.destroy()
  const third = await RawPeer.connect(t, netns, 1)
  third.send(frame({ incarnation: 1 }))
  t.match(await third.next(), { kind: 'reject', reason: 'duplicate' })
  t.same(engine.history(), ['up 1 2'])
})

t.test('a dial on a link that is up ends by itself', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  await Promise.all([engine.add(1, [2, 3]), engine.add(2, [1]), engine.add(3, [1])])
  engine.dial(1, 2)
  await engine.seen({ kind: 'up' }, 2)
  engine.dial(2, 1)
  engine.dial(1, 2)
  engine.dial(1, 3)
  await engine.seen({ kind: 'up' }, 4)
  t.same(engine.matching({ kind: 'down' }), [])
})

t.test('an address in use, a taken id and an address that is not there are clear errors', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [])
  const node = { netns, port: 4000, incarnation: 1, peers: [] }
  await t.rejects(engine.links.addNode({ ...node, nodeId: 7, address: '127.1.0.1' }), {
    code: 'EADDRINUSE',
    where: 'node 7',
  })
  await t.rejects(engine.links.addNode({ ...node, nodeId: 1, address: '127.1.0.9' }), {
    code: 'EEXIST',
    where: 'node 1',
  })
  await t.rejects(engine.links.addNode({ ...node, nodeId: 8, address: '172.16.8.2' }), {
    code: 'EADDRNOTAVAIL',
    where: 'node 8',
  })
  await engine.add(7, [])
})

t.test('arguments that make no sense are refused', async t => {
  const netns = await loopbackNamespace(t)
  const { links } = new Engine(t, netns)
  const good = { nodeId: 1, netns, address: '127.0.0.1', port: 4000, incarnation: 1, peers: [2] }
  const wrong = [
    { nodeId: 0 },
    { nodeId: 1.5 },
    { nodeId: '1' },
    { nodeId: 2 ** 32 },
    { port: 0 },
    { port: 65536 },
    { address: 'localhost' },
    { address: 1 },
    { incarnation: -1 },
    { incarnation: 2 ** 53 },
    { peers: [0] },
    { peers: 2 },
    { peers: ['2'] },
    { netns: {} },
    { netns: undefined },
  ]
  for (const change of wrong)
    t.throws(() => links.addNode({ ...good, ...change } as never), TypeError, JSON.stringify(change))
  t.throws(() => links.dial(1, 1, '127.0.0.1', 4000), { code: 'EINVAL' })
  t.throws(() => links.dial(1, 2, 'here', 4000), { code: 'EINVAL' })
  t.throws(() => (links as unknown as { dial(): void }).dial(), { code: 'EINVAL' })
  t.throws(() => links.setPeers(1, [0]), { code: 'EINVAL' })
  t.throws(() => links.removeNode(-1), { code: 'EINVAL' })
  // Ids that are not there are no error: the node may have gone a moment ago.
  links.setPeers(9, [1])
  links.cancelDial(9, 1)
  links.removeNode(9)
})
