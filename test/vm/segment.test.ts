// The switch between VMs, with stations over socket pairs in the place of VMs.

import t from 'tap'
import { assertSums, lab } from '../fixtures/segment.ts'
import { BROADCAST, frameOf, macOf, meet, Station } from '../fixtures/station.ts'

t.test('an unknown address is flooded, a known one reaches its port alone', async t => {
  const { segment, a, b, c } = await lab(t, 3)
  a.send(b.mac, 'who are you')
  await b.hears('who are you')
  await c.hears('who are you')
  b.send(a.mac, 'I am b')
  await a.hears('I am b')
  a.send(b.mac, 'pleased')
  await b.hears('pleased')
  a.send(BROADCAST, 'all of you')
  await c.hears('all of you')
  t.same(c.texts, ['who are you', 'all of you'])
  t.same(b.texts, ['who are you', 'pleased', 'all of you'])
  t.same(a.texts, ['I am b'], 'nothing comes back to its sender')
  const counters = segment.counters()
  t.match(counters, { a: { unicast: { frames: 1 }, flooded: { frames: 2 }, macs: [a.mac] }, c: { macs: [] } })
  assertSums(t, counters)
})

t.test('bytes arrive as they were sent, in order, however the stream was cut into pieces', async t => {
  const { segment, a, b } = await lab(t, 2)
  await meet(a, b)
  const texts = Array.from({ length: 500 }, (_, i) => `${i} ${'x'.repeat((i * 37) % 1500)}`)
  const wire = Buffer.concat(texts.map(text => a.wire(b.mac, text)))
  for (let at = 0, step = 1; at < wire.length; at += step, step = (step * 7 + 3) % 4001 || 1) {
    await new Promise(resolve => a.socket.write(wire.subarray(at, at + step), resolve))
  }
  await b.until(() => b.frames.length === 501, 'not all frames')
  t.ok(b.frames.slice(1).every((frame, i) => frame.equals(frameOf(b.mac, a.mac, texts[i] as string))))
  assertSums(t, segment.counters())
})

t.test('a station that moves to another port is found there', async t => {
  const { a, b, c } = await lab(t, 3)
  await meet(a, b, c)
  c.send(BROADCAST, 'b is here now', b.mac)
  await a.hears('b is here now')
  a.send(b.mac, 'to b')
  await c.hears('to b')
  t.notOk(b.texts.includes('to b'))
})

t.test('a frame for its own port, and one that nobody else could hear, go nowhere', async t => {
  const { segment, a, b } = await lab(t, 2)
  await meet(a, b)
  a.send(a.mac, 'to myself')
  a.send(b.mac, 'to b')
  await b.hears('to b')
  t.notOk(a.texts.includes('to myself'))
  b.socket.destroy()
  await a.until(() => !segment.counters().b?.connected, 'b has not left')
  a.send(BROADCAST, 'alone')
  await a.until(() => segment.counters().a?.unaddressed.frames === 2, 'not counted')
  assertSums(t, segment.counters())
})

t.test('a source that is no station is not learned and not passed on', async t => {
  const { segment, a, b } = await lab(t, 2)
  await meet(a, b)
  a.send(b.mac, 'from a group', BROADCAST)
  a.send(b.mac, 'from nobody', '00:00:00:00:00:00')
  a.send(b.mac, 'from a')
  await b.hears('from a')
  t.same(b.texts, ['hello from a', 'from a'])
  t.match(segment.counters().a, { badSource: { frames: 2 }, macs: [a.mac] })
})

t.test('a port that invents addresses fills no table, and others are still found', async t => {
  const { segment, a, b, c } = await lab(t, 3)
  await meet(a, b, c)
  for (let i = 0; i < 1000; i++) {
    c.send(
      a.mac,
      '',
      `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
    )
  }
  c.send(a.mac, 'last')
  await a.hears('last')
  const counters = segment.counters()
  t.equal(counters.c?.macs.length, 256)
  t.equal(counters.c?.notLearnedCount, 1000 - 255)
  a.send(b.mac, 'to b')
  await b.hears('to b')
  t.notOk(c.texts.includes('to b'))
})

t.test('a 129th port is refused, and the segment works on', async t => {
  const { segment, a, b } = await lab(t, 2)
  for (let i = 2; i < 128; i++) {
    const { socket } = await Station.join(segment, `p${i}`, macOf(i))
    t.teardown(() => socket.destroy())
  }
  t.throws(() => segment.connect('p128', a.socket), { code: 'USAGE' })
  await meet(a, b)
})

t.test('a closed segment takes nobody in, and its streams are gone', async t => {
  const { segment, a } = await lab(t, 1)
  await segment.close()
  await a.until(() => a.closed, 'the stream was not closed')
  t.throws(() => segment.connect('b', a.socket), { code: 'USAGE' })
  await segment.close()
})
