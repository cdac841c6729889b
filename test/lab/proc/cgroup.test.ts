// Control groups: where a process' limits are, for both versions.

import t from 'tap'
import { cgroupFolders, cgroupHeadroom } from '../../../src/lab/proc/cgroup.ts'

const mounts = [
  '30 23 0:26 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids',
  '31 23 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
  '40 23 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
].join('\n')

t.test('version 1 has a hierarchy a controller, walked up to its root', async t => {
  const cgroup = '8:pids:/\n4:memory:/a/b\n'
  t.same(cgroupFolders('pids', cgroup, mounts), ['/sys/fs/cgroup/pids/'])
  t.same(cgroupFolders('memory', cgroup, mounts), [
    '/sys/fs/cgroup/memory/a/b',
    '/sys/fs/cgroup/memory/a',
    '/sys/fs/cgroup/memory/',
  ])
})

t.test('version 2 has one for all', async t => {
  t.same(cgroupFolders('pids', '0::/user.slice\n', mounts), [
    '/sys/fs/cgroup/unified/user.slice',
    '/sys/fs/cgroup/unified/',
  ])
  t.same(cgroupFolders('pids', '0::/x\n', ''), [])
})

t.test('headroom is a number or no limit', async t => {
  for (const controller of ['pids', 'memory'] as const) {
    const headroom = cgroupHeadroom(controller)
    t.ok(headroom === null || headroom > 0, `${controller}: ${headroom}`)
  }
})
