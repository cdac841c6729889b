import t from 'tap'
import type { Clock } from '../../src/base/clock.ts'
import { Random } from '../../src/base/random.ts'
import { ClockModel, type ClockReading, GuestClock } from '../../src/vm/guest-clock.ts'

const MS = 1e6
const S = 1e9

/** A guest whose clock began `offsetNs` after the host's and runs `rate` times as fast. */
const guestTime =
  (offsetNs: number, rate: number) =>
  (hostNs: number): number =>
    (hostNs - offsetNs) * rate

/** A reading asked at `hostNs`, whose ways took so long. */
const reading = (hostNs: number, wayNs: number, backNs: number, guest: (ns: number) => number): ClockReading => ({
  askedNs: BigInt(Math.round(hostNs)),
  guestNs: BigInt(Math.round(guest(hostNs + wayNs))),
  answeredNs: BigInt(Math.round(hostNs + wayNs + backNs)),
})

t.test('the line through many readings is within the error that it states, also ahead of the last', async t => {
  const seed = Date.now() % 1e6
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const trip = (): number => 0.1 * MS + random.float() ** 4 * 3 * MS
  for (const rate of [1, 0.9985, 1.0025]) {
    const guest = guestTime(7 * S, rate)
    const model = new ClockModel()
    for (let at = 10; at < 60; at += 1) {
      const questions = [0, 1, 2].map(index => reading(at * S + index * 10 * MS, trip(), trip(), guest))
      model.add(questions)
      for (const beforeS of [0.5, 0, -1]) {
        const trueNs = (at - beforeS) * S
        const guestNs = BigInt(Math.round(guest(trueNs)))
        const off = Math.abs(Number(model.hostNs(guestNs)) - trueNs) / 1e9
        t.ok(off <= model.errorS(guestNs) + 1e-9, `${off} s within ${model.errorS(guestNs)} s at ${at} s`)
        if (at > 15) t.ok(model.errorS(guestNs) < 0.003, `${model.errorS(guestNs)} s is a useful bound`)
      }
    }
    const ahead = BigInt(65 * S)
    t.ok(Math.abs(Number(model.hostNs(model.guestNs(ahead)) - ahead)) < 1000, 'there and back')
  }
})

t.test('of readings made at one moment the fastest counts', async t => {
  const guest = guestTime(0, 1)
  const model = new ClockModel()
  model.add([reading(S, 50 * MS, 1 * MS, guest), reading(S, 0.2 * MS, 0.2 * MS, guest)])
  t.ok(Math.abs(Number(model.hostNs(BigInt(S))) - S) < 1000)
  t.ok(model.errorS(BigInt(S)) < 0.0005)
})

t.test('with a single reading the rate is unknown, and the error grows with the distance', async t => {
  const model = new ClockModel()
  t.equal(model.isKnown, false)
  model.add([])
  t.equal(model.isKnown, false)
  model.add([reading(S, 0.2 * MS, 0.2 * MS, guestTime(0, 1))])
  t.ok(model.errorS(BigInt(11 * S)) >= 0.05)
})

t.test('a guest that stood still begins a new line; what it said before stays where it was', async t => {
  const model = new ClockModel()
  const before = guestTime(0, 1)
  const after = guestTime(5 * S, 1)
  for (let at = 1; at <= 10; at++) model.add([reading(at * S, 0.2 * MS, 0.2 * MS, before)])
  // One stray reading is not believed: it may be this process that stood still.
  model.add([reading(16 * S, 0.2 * MS, 0.2 * MS, after)])
  t.ok(Math.abs(Number(model.hostNs(BigInt(11 * S))) - 11 * S) < MS)
  model.add([reading(17 * S, 0.2 * MS, 0.2 * MS, after)])
  t.ok(Math.abs(Number(model.hostNs(BigInt(12 * S))) - 17 * S) < MS)
  t.ok(Math.abs(Number(model.hostNs(BigInt(5 * S))) - 5 * S) < MS)
  for (let at = 18; at <= 60; at++) model.add([reading(at * S, 0.2 * MS, 0.2 * MS, after)])
  t.ok(Math.abs(Number(model.hostNs(BigInt(13 * S))) - 18 * S) < MS, 'early in the new stretch, long ago')
  // A stray one between good ones changes nothing.
  model.add([reading(61 * S, 300 * MS, 0.1 * MS, guestTime(9 * S, 1))])
  model.add([reading(62 * S, 0.2 * MS, 0.2 * MS, after)])
  t.ok(Math.abs(Number(model.hostNs(BigInt(57 * S))) - 62 * S) < MS)
})

t.test('a clock asks until it is stopped, and goes on when the guest does not answer', async t => {
  let hostNs = 0n
  const clock: Clock = { nowNs: () => (hostNs += 1000n), wallDate: () => new Date(0) }
  let asked = 0
  let reached = (): void => {}
  const enough = new Promise<void>(resolve => {
    reached = resolve
  })
  const guestClock = new GuestClock(async () => {
    asked += 1
    if (asked === 4) throw new Error('no answer')
    if (asked === 12) reached()
    return hostNs
  }, clock)
  await guestClock.measure()
  t.equal(guestClock.model.isKnown, true)
  t.equal(asked, 3)
  guestClock.start(0.004)
  const alive = setInterval(() => {}, 1000)
  await enough
  clearInterval(alive)
  guestClock.stop()
  guestClock.stop()
  await t.rejects(new GuestClock(() => Promise.reject(new Error('gone')), clock).measure())
})
