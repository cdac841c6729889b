// Ports that break, come back, don't read or lie: the others go on.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { assertSums, lab } from '../fixtures/segment.ts'
import { BROADCAST, meet, Station } from '../fixtures/station.ts'

const lengthOf = (bytes: number): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes)
  return length
}

for (const [title, bytes, reason] of [
  ['a frame of 4 GiB', lengthOf(0xffffffff), 'frame_too_long'],
  ['a frame one byte too long', lengthOf(69_633), 'frame_too_long'],
  ['a frame too short for its addresses', Buffer.concat([lengthOf(13), Buffer.alloc(13)]), 'frame_too_short'],
  ['an empty frame', lengthOf(0), 'frame_too_short'],
] as const) {
  t.test(`${title} ends its port, and no other`, async t => {
    const { segment, news, a, b, c } = await lab(t, 3)
    await meet(a, b, c)
    a.send(b.mac, 'before')
    // In two pieces, so that a length is also put together from parts.
    await new Promise(resolve => a.socket.write(bytes.subarray(0, 2), resolve))
    await b.hears('before')
    a.socket.write(bytes.subarray(2))
    await a.until(() => a.closed, 'the stream was not closed')
    t.ok(news.includes(`a ${reason}`), news.join(', '))
    b.send(c.mac, 'b to c')
    await c.hears('b to c')
    t.match(segment.counters().a, { connected: false, macs: [] })
    assertSums(t, segment.counters())
  })
}

t.test('the longest frame is passed, and one byte less than the shortest is not', async t => {
  const { a, b } = await lab(t, 2)
  await meet(a, b)
  const text = 'x'.repeat(69_632 - 14)
  a.send(b.mac, text)
  await b.hears(text)
  t.equal(b.frames.at(-1)?.length, 69_632)
})

t.test('a stream that ends within a frame is told from one that ends in order', async t => {
  const { news, a, b, c } = await lab(t, 3)
  a.socket.end(Buffer.concat([lengthOf(60), Buffer.alloc(59)]))
  b.socket.end(lengthOf(60).subarray(0, 3))
  c.socket.end()
  await c.until(() => news.length === 6, 'not all have left')
  t.same(news.slice(3).sort(), ['a truncated_frame', 'b truncated_frame', 'c ended'])
})

t.test('a port may leave and come back; what is for it meanwhile is flooded and found again later', async t => {
  const { segment, news, a, b, c } = await lab(t, 3)
  await meet(a, b, c)
  b.socket.destroy()
  await a.until(() => news.includes('b ended'), 'b has not left')
  a.send(b.mac, 'where are you')
  await c.hears('where are you')
  const again = await Station.join(segment, 'b', b.mac)
  t.teardown(() => again.socket.destroy())
  again.send(BROADCAST, 'back')
  await c.hears('back')
  a.send(b.mac, 'welcome')
  await again.hears('welcome')
  t.notOk(c.texts.includes('welcome'))
  assertSums(t, segment.counters())
})

t.test('a stream given for a port that has one takes its place, and the old one can do no more', async t => {
  const { segment, news, a, b } = await lab(t, 2)
  await meet(a, b)
  const again = await Station.join(segment, 'a', a.mac)
  t.teardown(() => again.socket.destroy())
  t.same(news.slice(2), ['a replaced', 'a joined'])
  await again.until(() => a.closed, 'the old stream was not closed')
  again.send(b.mac, 'it is me')
  await b.hears('it is me')
  b.send(a.mac, 'I see')
  await again.hears('I see')
  t.match(segment.counters().a, { connected: true, macs: [a.mac] })
})

t.test('disconnecting a port closes its stream, loses what is on its way to it, and twice is once', async t => {
  const { segment, news, a, b } = await lab(t, 2)
  await meet(a, b)
  segment.setConditions({ to: 'b' }, { delayS: 3000 })
  a.send(b.mac, 'late')
  await a.until(() => segment.counters().b?.to.queued.frames === 1, 'not queued')
  segment.disconnect('b')
  segment.disconnect('b')
  segment.disconnect('nobody')
  await b.until(() => b.closed, 'the stream was not closed')
  t.same(news.slice(2), ['b disconnected'])
  t.match(segment.counters().b?.to, { queued: { frames: 0 }, dropped: { port_gone: { frames: 1 } } })
})

t.test('a port that does not read loses frames beyond its queue, and others none', async t => {
  const queueBytesMax = 256 * 1024
  const { segment, a, b, c } = await lab(t, 3, { queueBytesMax })
  await meet(a, b, c)
  b.socket.pause()
  const big = 'x'.repeat(1400)
  for (let round = 0; round < 40; round++) {
    a.sendAll(b.mac, Array(50).fill(big))
    a.send(c.mac, `round ${round}`)
    await c.hears(`round ${round}`)
  }
  const { to } = segment.counters().b as { to: ReturnType<typeof segment.counters>[string]['to'] }
  t.ok(to.dropped.queue_full.frames > 0, `${to.dropped.queue_full.frames} dropped`)
  t.ok(to.queued.bytes <= queueBytesMax, `${to.queued.bytes} bytes queued`)
  t.equal(segment.counters().c?.to.dropped.queue_full.frames, 0)
  assertSums(t, segment.counters())
  b.socket.resume()
  await b.until(() => segment.counters().b?.to.queued.frames === 0, 'the queue was not emptied')
  await b.until(() => b.frames.length === segment.counters().b?.to.sent.frames, 'not all that was sent came')
  a.send(b.mac, 'and on')
  await b.hears('and on')
  assertSums(t, segment.counters())
})

t.test('small frames that wait keep no large chunks alive', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { segment, a, b } = await lab(t, 2)
  await meet(a, b)
  b.socket.pause()
  // What the kernel takes, first: the socket's buffer.
  a.sendAll(b.mac, Array(2000).fill('x'.repeat(1400)))
  await a.until(() => segment.counters().a?.received.frames === 2001, 'not all received')
  collect()
  const beforeBytes = process.memoryUsage().arrayBuffers
  const rounds = 2000
  for (let round = 0; round < rounds; round++) {
    // 42 KiB that go nowhere, and 60 bytes that wait.
    const frames = [...Array<string>(30).fill(a.mac), b.mac].map(mac =>
      a.wire(mac, mac === b.mac ? '' : 'y'.repeat(1400)),
    )
    await new Promise(resolve => a.socket.write(Buffer.concat(frames), resolve))
  }
  await a.until(() => segment.counters().a?.received.frames === 2001 + 31 * rounds, 'not all received')
  t.ok((segment.counters().b?.to.queued.frames ?? 0) > rounds, 'they wait')
  // Chunks that nothing holds are freed after a collection, not by it.
  const isSmall = (): boolean => {
    collect()
    return process.memoryUsage().arrayBuffers - beforeBytes < rounds * 4096
  }
  await a.until(isSmall, `more than 4096 bytes for each frame of 60`)
})

t.test('frames waiting for a port that is killed are counted as lost with it', async t => {
  const { segment, a, b } = await lab(t, 2)
  await meet(a, b)
  b.socket.pause()
  for (let round = 0; round < 10; round++) a.sendAll(b.mac, Array(50).fill('x'.repeat(1400)))
  await a.until(() => segment.counters().b?.to.offered.frames === 501, 'not all offered')
  t.ok((segment.counters().b?.to.queued.frames ?? 0) > 0)
  b.socket.destroy()
  await a.until(() => segment.counters().b?.to.queued.frames === 0, 'still queued')
  t.ok((segment.counters().b?.to.dropped.port_gone.frames ?? 0) > 0)
  assertSums(t, segment.counters())
})
