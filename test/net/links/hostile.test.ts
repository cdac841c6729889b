// What a link end does with peers that are wrong, broken, silent or malicious.

import t from 'tap'
import { Random } from '../../../src/base/random.ts'
import { encodeHandshake, HANDSHAKE_FRAME_BYTES } from '../../../src/protocol/link-handshake.ts'
import { Engine, frame, loopbackNamespace, otherRunId, RawPeer, rawListener } from '../../fixtures/links.ts'

const seed = Number(process.env.NSLAB_SEED ?? 1)

t.test('a hello that proves the wrong thing is rejected with the reason', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const cases = [
    { fields: { runId: otherRunId }, reason: 'wrong_run', peerId: 0 },
    { fields: { intended: 7 }, reason: 'wrong_peer', peerId: 2 },
    { fields: { sender: 3 }, reason: 'unknown_peer', peerId: 3 },
    { fields: { sender: 1 }, reason: 'unknown_peer', peerId: 1 },
    { fields: { kind: 'ready' }, reason: 'malformed', peerId: 0 },
  ] as const
  for (const { fields, reason, peerId } of cases) {
    const peer = await RawPeer.connect(t, netns, 1)
    peer.send(frame(fields))
    t.match(await peer.next(), { kind: 'reject', reason, sender: 1 }, reason)
    await peer.closed
    await engine.seen({ kind: 'refused', nodeId: 1, peerId, reason })
  }
  t.equal(engine.events.length, cases.length)
  t.equal(engine.links.endsUp, 0)
})

t.test(
  'a dialled peer that proves the wrong thing is rejected, and the dial goes on until the right one answers',
  async t => {
    const netns = await loopbackNamespace(t)
    const engine = new Engine(t, netns)
    const answers = [{ runId: otherRunId }, { sender: 3 }, { intended: 4 }, {}] as const
    const reasons = ['wrong_run', 'wrong_peer', 'wrong_peer'] as const
    const said: unknown[] = []
    let count = 0
    await rawListener(t, netns, 2, async peer => {
      t.match(await peer.next(), frame({ sender: 1, intended: 2 }))
      const answer = frame({ sender: 2, intended: 1, ...answers[count++] })
      peer.send(answer, { ...answer, kind: 'ready' })
      said.push(await peer.next())
    })
    await engine.add(1, [2])
    engine.dial(1, 2)
    await engine.seen({ kind: 'up', nodeId: 1, peerId: 2 })
    for (let i = 0; said.length < 4 && i < 1000; i++) await new Promise(resolve => setImmediate(resolve))
    t.match(said, [...reasons.map(reason => ({ kind: 'reject', reason })), { kind: 'ready' }])
    t.same(
      engine.matching({ kind: 'refused' }).map(event => event.reason),
      reasons.slice(0, 2),
      'the 1st and 2nd in a row are told',
    )
  },
)

t.test('a rejection by the peer is told on the dialling side', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await rawListener(t, netns, 2, async peer => {
    await peer.next()
    peer.send(frame({ kind: 'reject', reason: 'wrong_run', sender: 2, intended: 1 }))
    peer.socket.end()
  })
  await engine.add(1, [2])
  engine.dial(1, 2)
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 2, reason: 'wrong_run' })
})

t.test('two real nodes of different runs refuse each other, and both say so', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await Promise.all([engine.add(1, [2]), engine.add(2, [3])])
  engine.dial(1, 2)
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 2, reason: 'unknown_peer' })
  await engine.seen({ kind: 'refused', nodeId: 2, peerId: 1, reason: 'unknown_peer' })
})

t.test('malformed, oversized, truncated and future frames are rejected', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const hello = encodeHandshake(frame({}))
  const changed = (at: number, value: number): Uint8Array => hello.map((byte, i) => (i === at ? value : byte))
  const cases: readonly [string, Uint8Array, boolean, string][] = [
    ['another magic', changed(0, 0), false, 'malformed'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), false, 'malformed'],
    ['a later version', changed(4, 2), false, 'wrong_version'],
    [
      'the version alone',
      hello.slice(0, 4).length === 4 ? Buffer.concat([hello.slice(0, 4), Buffer.from([9])]) : hello,
      false,
      'wrong_version',
    ],
    ['an unknown kind', changed(5, 4), false, 'malformed'],
    ['a hello with a reason', changed(6, 1), false, 'malformed'],
    ['an unknown reason', changed(6, 200), false, 'malformed'],
    ['a reserved byte set', changed(7, 1), false, 'malformed'],
    ['bytes after the hello', Buffer.concat([hello, Buffer.from([1])]), false, 'malformed'],
    ['a megabyte', Buffer.alloc(1 << 20, 'NSLK'), false, 'wrong_version'],
    ['half a hello and the end', hello.slice(0, 20), true, 'truncated'],
  ]
  for (const [at, [name, bytes, end, reason]] of cases.entries()) {
    const peer = await RawPeer.connect(t, netns, 1)
    peer.send(bytes)
    if (end) peer.socket.end()
    const answer = await peer.next()
    // What is still on its way to a closed socket resets the connection, and a reset may overtake the reject.
    if (name !== 'a megabyte' || answer !== undefined) t.match(answer, { kind: 'reject', reason }, name)
    await peer.closed
    // Whatever the peer could still read: the engine has said why, for this case as for those before it.
    const alike = cases.slice(0, at + 1).filter(one => one[3] === reason).length
    await engine.seen({ kind: 'refused', nodeId: 1, peerId: 0, reason }, alike)
  }
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 0 }, cases.length)
  t.equal(engine.links.endsUp, 0)
})

t.test('a ready that says something else than the hello is malformed', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  for (const fields of [
    { sender: 3 },
    { intended: 2 },
    { incarnation: 9 },
    { runId: otherRunId },
    { kind: 'hello' },
  ] as const) {
    const peer = await RawPeer.connect(t, netns, 1)
    peer.send(frame({}))
    await peer.next()
    await peer.next()
    peer.send(frame({ kind: 'ready', ...fields }))
    t.match(await peer.next(), { kind: 'reject', reason: 'malformed' })
    await peer.closed
  }
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 2, reason: 'malformed' }, 5)
})

t.test('bytes on a link that is up are a protocol error', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const peer = await RawPeer.connect(t, netns, 1)
  await peer.handshake({})
  await engine.seen({ kind: 'up' })
  peer.socket.write('x')
  await engine.seen({ kind: 'down', nodeId: 1, peerId: 2, reason: 'protocol_error' })
  await peer.closed
})

t.test('a frame in single bytes is a frame', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const peer = await RawPeer.connect(t, netns, 1)
  peer.socket.setNoDelay(true)
  for (const byte of encodeHandshake(frame({})))
    await new Promise<void>(resolve => peer.socket.write(Buffer.from([byte]), () => resolve()))
  t.match(await peer.next(), { kind: 'hello', sender: 1, intended: 2 })
  t.match(await peer.next(), { kind: 'ready', sender: 1, intended: 2 })
  peer.send(frame({ kind: 'ready' }))
  await engine.seen({ kind: 'up' })
})

t.test('random bytes never make a link, and honest nodes are not disturbed', async t => {
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await Promise.all([engine.add(1, [2, 3]), engine.add(3, [1])])
  const hello = encodeHandshake(frame({}))
  const attack = async (): Promise<void> => {
    const peer = await RawPeer.connect(t, netns, 1)
    const kind = random.below(4)
    const bytes = Buffer.concat([hello, hello])
    if (kind === 0) for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256)
    if (kind === 1) bytes[random.below(HANDSHAKE_FRAME_BYTES)] = random.below(256)
    const length =
      kind === 2 ? random.below(HANDSHAKE_FRAME_BYTES) : kind === 3 ? 2 * HANDSHAKE_FRAME_BYTES : HANDSHAKE_FRAME_BYTES
    peer.send(bytes.subarray(0, length))
    if (random.below(4) === 0) peer.socket.resetAndDestroy()
    else peer.socket.end()
    await peer.closed
  }
  for (let i = 0; i < 25; i++) await Promise.all(Array.from({ length: 12 }, attack))
  t.same(engine.matching({ kind: 'up' }), [])
  engine.dial(3, 1)
  await engine.seen({ kind: 'up' }, 2)
  t.equal(engine.links.endsUp, 2)
  t.same(engine.matching({ kind: 'down' }), [])
})

t.test('peers that never speak are given up at the deadline, on both sides', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await rawListener(t, netns, 3, () => {})
  await engine.add(1, [2, 3])
  const silent = await RawPeer.connect(t, netns, 1)
  const half = await RawPeer.connect(t, netns, 1)
  const noReady = await RawPeer.connect(t, netns, 1)
  half.send(encodeHandshake(frame({})).slice(0, 39))
  noReady.send(frame({}))
  t.match(await noReady.next(), { kind: 'hello' })
  t.match(await noReady.next(), { kind: 'ready' })
  engine.dial(1, 3)
  for (const peer of [silent, half, noReady]) t.match(await peer.next(), { kind: 'reject', reason: 'timeout' })
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 0, reason: 'timeout' }, 2)
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 2, reason: 'timeout' })
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 3, reason: 'timeout' })
  t.equal(engine.events.length, 4)
})
