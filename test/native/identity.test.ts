// What makes a restored guest its own, as far as it can be asked outside of one: what it refuses. That it works is
// tested in guests (test/vm/agent-guest.test.ts), whose clock and random numbers may be changed.

import t from 'tap'
import { native } from '../../src/native/addon.ts'

t.test('a seed is bytes, some of them and not too many', async t => {
  const loose = native as unknown as { reseedRandom(...args: unknown[]): void }
  for (const args of [[], ['text'], [Buffer.alloc(0)], [Buffer.alloc(4097)], [Buffer.alloc(8), 1]])
    t.throws(() => loose.reseedRandom(...args), { code: 'EINVAL' })
})

t.test('a time of day is a number of this era', async t => {
  const loose = native as unknown as { setWallClock(...args: unknown[]): void }
  for (const args of [[], ['now'], [-1], [Number.NaN], [1e14], [1, 2]])
    t.throws(() => loose.setWallClock(...args), { code: 'EINVAL' })
})
