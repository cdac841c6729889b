// The lock between processes. That a killed holder's is released is shown by the leases' crash tests
// (test/net/run/leases.test.ts).

import t from 'tap'
import { withMachineLock } from '../../src/base/machine-lock.ts'

t.test('holders come one after the other, and waiters get in when one leaves', async t => {
  const name = t.testdir()
  let inside = 0
  let most = 0
  const order: number[] = []
  const hold = (index: number): Promise<void> =>
    withMachineLock(name, 10_000, async () => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise(resolve => setImmediate(resolve))
      order.push(index)
      inside -= 1
    })
  await Promise.all([0, 1, 2, 3, 4].map(hold))
  t.equal(most, 1)
  t.same(order.sort(), [0, 1, 2, 3, 4])
})

t.test('locks of different names do not meet', async t => {
  const name = t.testdir()
  const result = await withMachineLock(`${name}/a`, 1000, () => withMachineLock(`${name}/b`, 1000, () => 'both'))
  t.equal(result, 'both')
})

t.test('a lock that is not had in time is a deadline', async t => {
  const name = t.testdir()
  await withMachineLock(name, 1000, () =>
    t.rejects(
      withMachineLock(name, 20, () => {}),
      { code: 'DEADLINE', facts: { limitS: 0.02 } },
    ),
  )
})

t.test('what fails inside is thrown, and the lock is free again', async t => {
  const name = t.testdir()
  await t.rejects(
    withMachineLock(name, 1000, () => Promise.reject(new Error('inside'))),
    { message: 'inside' },
  )
  t.equal(await withMachineLock(name, 1000, () => 'again'), 'again')
})
