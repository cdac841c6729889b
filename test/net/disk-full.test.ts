// A run folder on a disk that fills up: a real file system of 3 MiB, in a mount namespace of its own.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startChild } from '../fixtures/lab/child.ts'

t.test('a full disk is said once, leaves whole lines, and the report still fits', async t => {
  const disk = join(t.testdir(), 'disk')
  mkdirSync(disk)
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const mount = 'mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"'
  const prefix = ['unshare', ...user, '--mount', 'sh', '-c', mount, disk]
  const child = startChild(t, 'full-disk', [disk], { prefix })
  t.same(await child.next(), {
    intents: [['DISK_REFUSED', 'ENOSPC']],
    heard: ['ENOSPC'],
    failureAfterIntent: 'ENOSPC',
    failure: 'DISK_REFUSED',
    reserveWasFreed: true,
    outcome: true,
    tooLate: false,
    whole: [true, true],
    events: 201,
    noSpaceAtStart: ['DISK_REFUSED', 'ENOSPC'],
  })
  t.equal(await child.ended, 0)
})
