// Cut, loss, delay and rate on a segment: they take what they say, and nothing else.

import t from 'tap'
import { Segment } from '../../src/vm/segment.ts'
import { assertSums, lab } from '../fixtures/segment.ts'
import { BROADCAST, meet, Station } from '../fixtures/station.ts'

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `frame ${i}`)

const gotNumbers = (station: Station): number[] =>
  station.texts.flatMap(text => (text.startsWith('frame ') ? [Number(text.slice(6))] : []))

t.test('a cut of one way cuts that way alone, and healing it lets frames through again', async t => {
  const { segment, a, b, c } = await lab(t, 3)
  await meet(a, b, c)
  segment.setConditions({ from: 'a', to: 'b' }, { cut: true })
  a.send(b.mac, 'lost')
  a.send(c.mac, 'a to c')
  await c.hears('a to c')
  b.send(a.mac, 'b to a')
  await a.hears('b to a')
  t.match(segment.counters().b?.to.dropped.cut, { frames: 1, bytes: 60 })
  segment.setConditions({ from: 'a', to: 'b' }, null)
  a.send(b.mac, 'healed')
  await b.hears('healed')
  t.notOk(b.texts.includes('lost'))
  assertSums(t, segment.counters())
})

t.test('a port is cut both ways by two rules, and they hold for its next stream too', async t => {
  const { segment, a, b, c } = await lab(t, 3)
  await meet(a, b, c)
  for (const way of [{ from: 'a' }, { to: 'a' }]) segment.setConditions(way, { cut: true })
  a.send(BROADCAST, 'out')
  b.send(a.mac, 'in')
  await a.until(() => segment.counters().a?.from.dropped.cut.frames === 2, 'not dropped')
  b.send(c.mac, 'b to c')
  await c.hears('b to c')
  t.notOk(c.texts.includes('out') || b.texts.includes('out'))
  const again = await Station.join(segment, 'a', a.mac)
  t.teardown(() => again.socket.destroy())
  again.send(BROADCAST, 'still cut')
  await again.until(() => segment.counters().a?.from.dropped.cut.frames === 4, 'not dropped')
  for (const way of [{ from: 'a' }, { to: 'a' }]) segment.setConditions(way, null)
  await meet(again, b)
  t.notOk(again.texts.includes('in'))
})

t.test('which frames a loss takes follows from seed, names and sequence, and from nothing else', async t => {
  const kept = async (seed: number, chatter: boolean): Promise<number[]> => {
    const { segment, a, b, c } = await lab(t, 3, { seed })
    await meet(a, b, c)
    segment.setConditions({ from: 'a', to: 'b' }, { lossRatio: 0.25 })
    segment.setConditions({ from: 'c' }, { lossRatio: 0.5 })
    if (chatter) c.sendAll(b.mac, Array(200).fill('chatter'))
    a.sendAll(b.mac, numbered(2000))
    a.send(c.mac, 'done')
    await c.hears('done')
    await b.until(() => segment.counters().a?.from.queued.frames === 0, 'not all settled')
    const { loss } = (segment.counters().a as NonNullable<ReturnType<typeof segment.counters>[string]>).from.dropped
    await b.until(() => gotNumbers(b).length === 2000 - loss.frames, 'not all arrived')
    assertSums(t, segment.counters())
    return gotNumbers(b)
  }
  const first = await kept(7, false)
  t.ok(first.length > 1400 && first.length < 1600, `${first.length} of 2000 at a loss of a quarter`)
  t.same(await kept(7, true), first, 'the same whatever others send')
  t.notSame(await kept(8, false), first, 'another seed, other losses')
})

t.test('what conditions took and made wait is in the totals of the port they are about', async t => {
  const { segment, a, b, c } = await lab(t, 3)
  await meet(a, b, c)
  t.match(await segment.totals(), { a: { lostFrames: 0, delayedFrames: 0 } })
  await segment.setConditions({ port: 'a' }, { lossRatio: 0.5, delayS: 0.001 })
  a.sendAll(b.mac, numbered(100))
  c.sendAll(b.mac, numbered(100))
  b.sendAll(a.mac, numbered(100))
  await a.until(() => segment.counters().a?.to.offered.frames === 102, 'not all offered')
  await a.until(() => segment.counters().a?.from.offered.frames === 102, 'not all offered')
  const { a: mine, c: other } = await segment.totals()
  const [lost, late] = [mine?.lostFrames ?? 0, mine?.delayedFrames ?? 0]
  t.ok(lost > 50 && lost < 150, `${lost} of 200 at a loss of a half`)
  t.equal(lost + late, 200, 'what is not lost is late')
  t.match(other, { lostFrames: 0, delayedFrames: 0 })
  assertSums(t, segment.counters())
})

t.test('losses of several rules are independent, and a loss of 1 takes all', async t => {
  const { segment, a, b } = await lab(t, 2)
  await meet(a, b)
  segment.setConditions({ from: 'a' }, { lossRatio: 0.5 })
  segment.setConditions({ to: 'b' }, { lossRatio: 0.5 })
  a.sendAll(b.mac, numbered(2000))
  await b.until(() => segment.counters().a?.from.offered.frames === 2001, 'not all offered')
  const lost = segment.counters().a?.from.dropped.loss.frames ?? 0
  t.ok(lost > 1400 && lost < 1600, `${lost} of 2000 at a loss of three quarters`)
  segment.setConditions({ from: 'a', to: 'b' }, { lossRatio: 1 })
  a.sendAll(b.mac, numbered(100))
  await b.until(() => segment.counters().a?.from.dropped.loss.frames === lost + 100, 'not all lost')
})

const msSince = (startMs: number): number => performance.now() - startMs

t.test('a delay holds frames back for at least that long, in order, and other ways not at all', async t => {
  const { segment, a, b, c } = await lab(t, 3)
  await meet(a, b, c)
  segment.setConditions({ from: 'a', to: 'b' }, { delayS: 3000, jitterS: 0.1 })
  a.sendAll(b.mac, numbered(50))
  a.send(c.mac, 'prompt')
  await c.hears('prompt')
  t.same(gotNumbers(b), [], 'nothing has come while another way was passed')
  t.equal(segment.counters().a?.from.queued.frames, 50)
  assertSums(t, segment.counters())
  // What waits there is lost, so that the next wait for nobody but themselves.
  segment.setConditions({ from: 'a', to: 'b' }, { cut: true })
  segment.setConditions({ from: 'a', to: 'b' }, { delayS: 0.2, jitterS: 0.1 })
  const startMs = performance.now()
  a.sendAll(b.mac, numbered(50))
  await b.until(() => gotNumbers(b).length === 50, 'not all came')
  t.ok(msSince(startMs) >= 100, 'a delay of 200 ms less 100 ms at most')
  t.same(
    gotNumbers(b),
    numbered(50).map((_, i) => i),
  )
  await b.until(() => segment.counters().a?.from.queued.frames === 0, 'still queued')
})

t.test('a cut loses what is on its way; a delay that is taken back lets it through at once', async t => {
  const { segment, a, b } = await lab(t, 2)
  await meet(a, b)
  segment.setConditions({ to: 'b' }, { delayS: 3000 })
  a.sendAll(b.mac, ['frame 1', 'frame 2'])
  await a.until(() => segment.counters().b?.to.queued.frames === 2, 'not queued')
  segment.setConditions({ from: 'a' }, { cut: true })
  t.match(segment.counters().b?.to, { queued: { frames: 0 }, dropped: { cut: { frames: 2 } } })
  segment.setConditions({ from: 'a' }, null)
  a.sendAll(b.mac, ['frame 3', 'frame 4'])
  await a.until(() => segment.counters().b?.to.queued.frames === 2, 'not queued')
  segment.setConditions({ to: 'b' }, null)
  a.send(b.mac, 'frame 5')
  await b.hears('frame 5')
  t.same(gotNumbers(b), [3, 4, 5])
  assertSums(t, segment.counters())
})

t.test('a delay shortened lets later frames not overtake, and a long one does not outlive its rule', async t => {
  const { segment, a, b } = await lab(t, 2)
  await meet(a, b)
  segment.setConditions({ to: 'b' }, { delayS: 1 })
  a.send(b.mac, 'frame 1')
  // Counted as late also where this looks when it has left.
  await a.until(() => segment.counters().b?.to.delayed.frames === 1, 'not queued')
  segment.setConditions({ to: 'b' }, { delayS: 0.001 })
  a.send(b.mac, 'frame 2')
  await b.hears('frame 2')
  t.same(gotNumbers(b), [1, 2])
})

t.test('a rate is kept, and shared by all that its rule is about', async t => {
  const { segment, a, b, c } = await lab(t, 3)
  await meet(a, b, c)
  // 60 bytes a frame: 480 bit, so 200 of them take 0.24 s at 400 kbit/s.
  segment.setConditions({ to: 'c' }, { rateBitsPerS: 400_000 })
  const startMs = performance.now()
  a.sendAll(c.mac, numbered(100))
  b.sendAll(c.mac, numbered(100))
  await c.until(() => gotNumbers(c).length === 200, 'not all came')
  t.ok(msSince(startMs) >= 230, `took ${msSince(startMs)} ms`)
  assertSums(t, segment.counters())
})

t.test('a delay line is bounded: what is beyond is dropped and counted', async t => {
  const { segment, a, b } = await lab(t, 2, { queueBytesMax: 6400 })
  await meet(a, b)
  segment.setConditions({ to: 'b' }, { delayS: 3000 })
  a.sendAll(b.mac, numbered(150))
  await a.until(() => segment.counters().b?.to.offered.frames === 151, 'not all offered')
  t.match(segment.counters().b?.to, { queued: { frames: 100 }, dropped: { queue_full: { frames: 50 } } })
  segment.setConditions({ to: 'b' }, null)
  await b.hears('frame 99')
  t.equal(gotNumbers(b).length, 100)
})

t.test('conditions that make no sense are refused', async t => {
  const segment = new Segment({ name: 'lab', seed: 1 })
  for (const [way, conditions] of [
    [{} as { port: string }, { cut: true }],
    [{ from: 'a', to: 'a' }, { cut: true }],
    [{ from: 'a' }, { lossRatio: 1.5 }],
    [{ from: 'a' }, { lossRatio: Number.NaN }],
    [{ from: 'a' }, { delayS: -1 }],
    [{ from: 'a' }, { delayS: 3601 }],
    [{ from: 'a' }, { jitterS: -1 }],
    [{ from: 'a' }, { rateBitsPerS: 0 }],
  ] as const) {
    await t.rejects(segment.setConditions(way, conditions), { code: 'USAGE' }, JSON.stringify([way, conditions]))
  }
})
