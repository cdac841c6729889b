// Descriptors over a socket pair: what the receiving side refuses. That they arrive is shown by test/vm/tap-segment.

import { spawnSync } from 'node:child_process'
import { closeSync, writeSync } from 'node:fs'
import t from 'tap'
import { native } from '../../src/native/addon.ts'

t.test('without a message there is no descriptor, with an empty-handed one neither', async t => {
  const [ours, theirs] = native.descriptorSockets()
  t.throws(() => native.receiveDescriptor(ours), { code: 'EAGAIN' })
  writeSync(theirs, 'x')
  t.throws(() => native.receiveDescriptor(ours), { code: 'ENOMSG' })
  closeSync(theirs)
  t.throws(() => native.receiveDescriptor(ours), { code: 'ENOMSG' }, 'the other end is gone')
  closeSync(ours)
  t.throws(() => native.receiveDescriptor(ours), { code: 'EBADF' })
  t.throws(() => native.receiveDescriptor(-1), { code: 'EINVAL' })
})

t.test('children inherit neither socket unless they are given one', async t => {
  const sockets = native.descriptorSockets()
  t.teardown(() => {
    for (const fd of sockets) closeSync(fd)
  })
  const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' })
  for (const fd of sockets) t.notMatch(stdout, ` ${fd} -> socket`)
})
