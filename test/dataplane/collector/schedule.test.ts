// When polls begin: on a grid, never twice at a time, and with what was late or skipped counted.

import t, { type Test } from 'tap'
import type { Clock } from '../../../src/base/clock.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { type Beat, Schedule } from '../../../src/dataplane/collector/schedule.ts'

/** A clock that stands still until it is told to go on, and timers that end at once. */
class StillClock implements Clock {
  ns = 5_000_000_000n
  nowNs = (): bigint => this.ns
  wallDate = (): Date => new Date(0)
}

/** Beats as they come; each poll lasts until it is let go. */
function beats(t: Test, clock: Clock, intervalS: number) {
  const seen: Beat[] = []
  const going: (() => void)[] = []
  const heard: (() => void)[] = []
  const schedule = new Schedule(clock, intervalS, beat => {
    seen.push(beat)
    heard.shift()?.()
    return new Promise(resolve => going.push(resolve))
  })
  t.teardown(() => {
    const stopped = schedule.stop()
    for (const end of going) end()
    return stopped
  })
  return { schedule, seen, end: () => going.shift()?.(), next: () => new Promise<void>(resolve => heard.push(resolve)) }
}

t.test('beats are multiples of the interval from the first, however late each was', async t => {
  const clock = new StillClock()
  const { schedule, seen, end, next } = beats(t, clock, 2)
  let came = next()
  schedule.start()
  await came
  clock.ns += 1_300_000_000n
  came = next()
  end()
  await new Promise(resolve => setImmediate(resolve))
  clock.ns += 900_000_000n
  await came
  t.same(seen, [
    { dueNs: 5_000_000_000n, lateS: 0 },
    { dueNs: 7_000_000_000n, lateS: 0.2 },
  ])
  t.equal(schedule.skippedCount, 0)
})

t.test('a poll that overruns is not begun twice: its beats are skipped and counted, and the grid stays', async t => {
  const clock = new StillClock()
  const { schedule, seen, end, next } = beats(t, clock, 1)
  let came = next()
  schedule.start()
  await came
  clock.ns += 3_500_000_000n
  came = next()
  end()
  await new Promise(resolve => setImmediate(resolve))
  t.equal(seen.length, 1)
  t.equal(schedule.skippedCount, 3, 'those due after 1, 2 and 3 s')
  clock.ns += 500_000_000n
  await came
  t.same(seen[1], { dueNs: 9_000_000_000n, lateS: 0 })
  t.equal(schedule.beatsCount, 2)
})

t.test('a shorter interval counts from the last beat, and a longer one too', async t => {
  const clock = new StillClock()
  const { schedule, seen, end, next } = beats(t, clock, 60)
  let came = next()
  schedule.start()
  await came
  end()
  await new Promise(resolve => setImmediate(resolve))
  clock.ns += 2_000_000_000n
  came = next()
  schedule.setInterval(1)
  await came
  t.same(seen[1], { dueNs: 7_000_000_000n, lateS: 0 }, 'overdue by the new interval: now')
  t.equal(schedule.intervalS, 1)
  schedule.setInterval(10)
  came = next()
  end()
  clock.ns += 10_000_000_000n
  await came
  t.equal(seen[2]?.dueNs, 17_000_000_000n)
})

t.test('stopping awaits the poll that goes on, and no other begins', async t => {
  const { schedule, seen, end, next } = beats(t, systemClock, 0.001)
  const came = next()
  schedule.start()
  await came
  const stopped = schedule.stop()
  end()
  await stopped
  await new Promise(resolve => setTimeout(resolve, 10))
  t.equal(seen.length, 1)
})

t.test('real time: ten beats of 5 ms lie on one grid', async t => {
  const { schedule, seen, end, next } = beats(t, systemClock, 0.005)
  const origin = systemClock.nowNs()
  for (let beat = 0; beat < 10; beat++) {
    const came = next()
    if (beat === 0) schedule.start()
    else end()
    await came
  }
  const first = seen[0]?.dueNs as bigint
  t.ok(first <= origin)
  t.same(
    seen.map(({ dueNs }) => (dueNs - first) % 5_000_000n),
    Array(10).fill(0n),
  )
  t.ok(seen.every(({ lateS }) => lateS >= 0))
})
