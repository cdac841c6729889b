// Tokens over links that are up, honest and hostile ones, and the list of link ends.

import t, { type Test } from 'tap'
import { formatIpv4 } from '../../../src/base/ipv4.ts'
import { decodeToken, encodeHandshake, encodeToken, type TokenFrame } from '../../../src/protocol/link-handshake.ts'
import {
  addressOf,
  Engine,
  frame,
  linkPort,
  loopbackNamespace,
  otherRunId,
  RawPeer,
  runId,
} from '../../fixtures/links.ts'

const UINT32_MAX = 2 ** 32 - 1

const token = (fields: Partial<TokenFrame> = {}): Uint8Array =>
  encodeToken({ runId, sender: 2, intended: 1, walk: 3, hops: 4, ...fields })

/** Node 1 and its peer 2, which is the test's own; their link is up. */
async function linked(t: Test): Promise<{ engine: Engine; peer: RawPeer }> {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const peer = await RawPeer.connect(t, netns, 1)
  await peer.handshake({})
  await engine.seen({ kind: 'up' })
  return { engine, peer }
}

/** Rows of the list: node, peer, "address:port" of both sides. */
async function listed(engine: Engine): Promise<[number, number, string, string][]> {
  const numbers = await engine.links.list()
  return Array.from({ length: numbers.length / 6 }, (_, i) => {
    const [node, peer, local, localPort, remote, remotePort] = numbers.subarray(6 * i, 6 * i + 6) as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    return [node, peer, `${formatIpv4(local)}:${localPort}`, `${formatIpv4(remote)}:${remotePort}`]
  })
}

t.test('a token is handed over with what it says, in both directions', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  await Promise.all([engine.add(1, [2]), engine.add(2, [1])])
  engine.dial(1, 2)
  await engine.seen({ kind: 'up' }, 2)
  engine.links.sendToken(1, 2, UINT32_MAX, 0)
  engine.links.sendToken(2, 1, 0, UINT32_MAX)
  const [there] = await engine.seen({ kind: 'token', nodeId: 2, peerId: 1, walk: UINT32_MAX, hops: 0 })
  await engine.seen({ kind: 'token', nodeId: 1, peerId: 2, walk: 0, hops: UINT32_MAX })
  t.ok((there?.atNs ?? 0n) <= process.hrtime.bigint(), 'CLOCK_MONOTONIC')
  t.equal(engine.events.length, 4)
})

t.test('a token walks a ring and comes home, and the list has each link twice, mirrored', async t => {
  const nodes = 60
  const engine = new Engine(t, await loopbackNamespace(t))
  const ids = Array.from({ length: nodes }, (_, i) => i + 1)
  const after = (id: number): number => (id % nodes) + 1
  const before = (id: number): number => ((id + nodes - 2) % nodes) + 1
  await Promise.all(ids.map(id => engine.add(id, [before(id), after(id)])))
  for (const id of ids) engine.dial(id, after(id))
  await engine.seen({ kind: 'up' }, 2 * nodes)
  engine.links.sendToken(1, 2, 9, 1)
  for (let hops = 1; hops <= nodes; hops++) {
    const id = (hops % nodes) + 1
    await engine.seen({ kind: 'token', nodeId: id, peerId: before(id), walk: 9, hops })
    if (id !== 1) engine.links.sendToken(id, after(id), 9, hops + 1)
  }
  t.equal(engine.matching({ kind: 'token' }).length, nodes)

  const rows = await listed(engine)
  t.equal(rows.length, 2 * nodes)
  const ends = new Map(rows.map(([node, peer, local, remote]) => [`${node}-${peer}`, `${local} ${remote}`]))
  for (const [node, peer, local, remote] of rows) {
    t.equal(ends.get(`${peer}-${node}`), `${remote} ${local}`)
    // The higher id of a dial made here is its listener's, but for the one that closes the ring.
    if (peer === after(node)) t.equal(remote, `${addressOf(peer)}:${linkPort}`)
  }
  t.same(
    rows.map(([node]) => node),
    rows.map(([node]) => node).sort((a, b) => a - b),
  )
})

t.test('a token for which there is no link is told of', async t => {
  const { engine, peer } = await linked(t)
  engine.links.sendToken(7, 2, 1, 5)
  engine.links.sendToken(1, 7, 1, 6)
  peer.socket.end()
  await engine.seen({ kind: 'down', nodeId: 1 })
  engine.links.sendToken(1, 2, 1, 7)
  await engine.seen({ kind: 'token_unsent', reason: 'no_link' }, 3)
  t.match(engine.matching({ kind: 'token_unsent' }), [
    { nodeId: 7, peerId: 2, walk: 1, hops: 5 },
    { nodeId: 1, peerId: 7, walk: 1, hops: 6 },
    { nodeId: 1, peerId: 2, walk: 1, hops: 7 },
  ])
})

t.test('a token right behind the ready that makes the link is a token', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const peer = await RawPeer.connect(t, netns, 1)
  peer.send(frame({}))
  await peer.next()
  await peer.next()
  peer.send(frame({ kind: 'ready' }), token({ hops: 1 }), token({ hops: 2 }).slice(0, 30))
  await engine.seen({ kind: 'token', nodeId: 1, peerId: 2, walk: 3, hops: 1 })
  peer.send(token({ hops: 2 }).slice(30))
  await engine.seen({ kind: 'token', hops: 2 })
  t.equal(engine.links.endsUp, 1)
})

t.test('a token in single bytes is a token', async t => {
  const { engine, peer } = await linked(t)
  peer.socket.setNoDelay(true)
  for (const byte of token()) await new Promise<void>(done => peer.socket.write(Buffer.from([byte]), () => done()))
  await engine.seen({ kind: 'token', nodeId: 1, peerId: 2, walk: 3, hops: 4 })
})

t.test('what is no token of this link ends it', async t => {
  const changed = (at: number, value: number): Uint8Array => token().map((byte, i) => (i === at ? value : byte))
  const cases: Readonly<Record<string, Uint8Array>> = {
    'a token of another run': token({ runId: otherRunId }),
    'a token of another node than the proven peer': token({ sender: 3 }),
    'a token of the node itself': token({ sender: 1 }),
    'a token to another node': token({ intended: 3 }),
    'a hello': encodeHandshake(frame({})),
    'a second ready': encodeHandshake(frame({ kind: 'ready' })),
    'a reject': encodeHandshake(frame({ kind: 'reject', reason: 'wrong_run' })),
    'an unknown kind': changed(5, 5),
    'a reason': changed(6, 1),
    'a reserved byte': changed(7, 1),
    'another magic': changed(0, 0),
    'a later version': changed(4, 2),
  }
  for (const [name, bytes] of Object.entries(cases)) {
    const { engine, peer } = await linked(t)
    peer.send(bytes)
    await engine.seen({ kind: 'down', nodeId: 1, peerId: 2, reason: 'protocol_error' })
    await peer.closed
    t.same(engine.matching({ kind: 'token' }), [], name)
    t.equal(engine.links.endsUp, 0)
  }
})

t.test('a token before the link is up is malformed', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const first = await RawPeer.connect(t, netns, 1)
  first.send(token())
  t.match(await first.next(), { kind: 'reject', reason: 'malformed' })
  const second = await RawPeer.connect(t, netns, 1)
  second.send(frame({}))
  await second.next()
  await second.next()
  second.send(token())
  t.match(await second.next(), { kind: 'reject', reason: 'malformed' })
  await engine.seen({ kind: 'refused', reason: 'malformed' }, 2)
  t.equal(engine.events.length, 2)
})

t.test('half a token and the end is the end of the link', async t => {
  const { engine, peer } = await linked(t)
  peer.send(token().slice(0, 39))
  peer.socket.end()
  await engine.seen({ kind: 'down', nodeId: 1, peerId: 2, reason: 'closed' })
  t.same(engine.matching({ kind: 'token' }), [])
})

t.test('a flood of tokens ends the link, and other links are not disturbed', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await Promise.all([engine.add(1, [2, 3]), engine.add(3, [1])])
  const peer = await RawPeer.connect(t, netns, 1)
  await peer.handshake({})
  engine.dial(3, 1)
  await engine.seen({ kind: 'up' }, 3)
  peer.send(Buffer.concat(Array.from({ length: 30_000 }, () => token())))
  await engine.seen({ kind: 'down', nodeId: 1, peerId: 2, reason: 'protocol_error' })
  engine.links.sendToken(3, 1, 1, 1)
  await engine.seen({ kind: 'token', nodeId: 1, peerId: 3 })
})

t.test('tokens for a peer that does not read wait, up to a bound, and arrive whole and in order', async t => {
  const { engine, peer } = await linked(t)
  peer.socket.pause()
  let sent = 0
  while (engine.matching({ kind: 'token_unsent' }).length === 0) {
    for (let i = 0; i < 10_000; i++) engine.links.sendToken(1, 2, 1, ++sent)
    // The list comes when the tokens before it are dealt with.
    await engine.links.list()
  }
  const unsent = engine.matching({ kind: 'token_unsent' })
  t.ok(unsent.every(event => event.reason === 'queue_full'))
  t.equal(engine.links.endsUp, 1, 'the link stays')
  peer.socket.resume()
  let last = 0
  for (let i = 0; i < sent - unsent.length; i++) {
    const frame = decodeToken((await peer.nextBytes()) ?? new Uint8Array())
    if (typeof frame === 'string' || frame.hops <= last) throw new Error(`token ${i}: ${JSON.stringify(frame)}`)
    last = frame.hops
  }
  engine.links.sendToken(1, 2, 2, 1)
  t.match(decodeToken((await peer.nextBytes()) ?? new Uint8Array()), { walk: 2, hops: 1 })
})

t.test('the list is empty without links, and ends with the engine', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  t.same(await listed(engine), [])
  const listing = engine.links.list().then(
    () => 'listed',
    error => error.code,
  )
  const closing = engine.links.close()
  t.match(await listing, /^(listed|ECANCELED)$/)
  await closing
  t.throws(() => engine.links.list(), { code: 'EBADF' })
  t.throws(() => engine.links.sendToken(1, 2, 1, 1), { code: 'EBADF' })
})

t.test('arguments that make no sense are refused', async t => {
  const { links } = new Engine(t, await loopbackNamespace(t))
  for (const wrong of [
    [0, 2, 1, 1],
    [1, 0, 1, 1],
    [1, 2, -1, 1],
    [1, 2, 1, 2 ** 32],
    [1, 2, 1.5, 1],
    [1, 2],
  ])
    t.throws(() => links.sendToken(...(wrong as [number, number, number, number])), { code: 'EINVAL' })
})
