import t from 'tap'

import { WritePace } from '../../src/controller/write-pace.ts'

t.test('waits for a quiet moment, counted from the last state', async t => {
  const pace = new WritePace()
  pace.noted(1000, true)
  t.equal(pace.waitMs(1000), 250)
  pace.noted(1200, false)
  t.equal(pace.waitMs(1250), 200)
  t.equal(pace.waitMs(1450), 0)
})

t.test('waits for two seconds at most, counted from the first state', async t => {
  const pace = new WritePace()
  pace.noted(0, true)
  for (let ms = 100; ms <= 1900; ms += 100) pace.noted(ms, false)
  t.equal(pace.waitMs(1900), 100)
  t.ok(pace.waitMs(2100) < 0)
  pace.noted(2200, true)
  t.equal(pace.waitMs(2200), 250, 'what is noted after a write begins anew')
})
