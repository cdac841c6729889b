import t from 'tap'
import { NslabError } from '../../../src/base/errors.ts'
import { Attempts } from '../../../src/lab/run/attempts.ts'

const fail = (error: unknown) => (): never => {
  throw error
}

t.test('each step is taken, whatever became of those before', async t => {
  const attempts = new Attempts()
  t.equal(await attempts.take(fail(new Error('x')), 7), 7)
  t.equal(await attempts.take(() => 8, 7), 8)
  t.equal(await attempts.take(async () => 9, 7), 9)
})

t.test('the first expected error is told, but a bug before any', async t => {
  const attempts = new Attempts()
  t.equal(attempts.failure, null)
  const first = new NslabError('INTERRUPTED', { signal: 'SIGINT' })
  const bug = new TypeError('oops')
  await attempts.take(fail(first), null)
  await attempts.take(fail(new NslabError('DISK_REFUSED', { path: 'p', reason: 'r' })), null)
  t.equal(attempts.failure, first)
  await attempts.take(fail(bug), null)
  t.equal(attempts.failure, bug)
})

t.test('an error of the addon is an expected one', async t => {
  const attempts = new Attempts()
  const facts = { code: 'EPERM', errno: 1, operation: 'unshare', where: 'thread', reason: 'no' }
  await attempts.take(fail(Object.assign(new Error('x'), facts)), null)
  t.match(attempts.failure, { code: 'KERNEL_REFUSED', facts: { errno: 'EPERM', operation: 'unshare' } })
})
