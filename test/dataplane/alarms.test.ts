// Many alarms on one timer.

import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { Alarms } from '../../src/dataplane/alarms.ts'

/** Alarms whose rings are awaited, by name. */
function setUp(t: { teardown(fn: () => void): unknown }) {
  const rung: string[] = []
  let wake = (): void => {}
  const alarms = new Alarms<string>(systemClock, item => {
    rung.push(item)
    wake()
  })
  t.teardown(() => alarms.clearAll())
  const until = async (count: number): Promise<string[]> => {
    while (rung.length < count) await new Promise<void>(resolve => (wake = resolve))
    return rung
  }
  return { alarms, rung, until }
}

t.test('rings in order of time, whatever the order of setting', async t => {
  const { alarms, until } = setUp(t)
  alarms.set('late', 150)
  alarms.set('early', 1)
  alarms.set('middle', 70)
  t.strictSame(await until(3), ['early', 'middle', 'late'])
  t.equal(alarms.size, 0)
})

t.test('an item rings once, when it was last set to', async t => {
  const { alarms, until } = setUp(t)
  alarms.set('a', 1)
  alarms.set('a', 80)
  alarms.set('b', 40)
  t.strictSame(await until(2), ['b', 'a'])
})

t.test('a cleared item does not ring', async t => {
  const { alarms, until } = setUp(t)
  alarms.set('a', 1)
  alarms.set('b', 60)
  alarms.clear('a')
  t.strictSame(await until(1), ['b'])
})

t.test('an alarm may be set again from its ring', async t => {
  let rings = 0
  await new Promise<void>(resolve => {
    const alarms = new Alarms<string>(systemClock, item => {
      if (++rings < 3) alarms.set(item, 1)
      else resolve()
    })
    alarms.set('a', 1)
  })
  t.equal(rings, 3)
})

t.test('without alarms nothing keeps the process', async t => {
  const { alarms } = setUp(t)
  alarms.set('a', 60_000)
  alarms.clearAll()
  t.equal(alarms.size, 0)
})
