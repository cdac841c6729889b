// A run on one kernel after the other: real guests of a package's kernel, and of one that is only a path.

import { join } from 'node:path'
import t from 'tap'
import { imageBase } from '../fixtures/image-cache.ts'
import { NslabProcess } from '../fixtures/nslab-process.ts'

t.test('the same ring on two kernels, and one that is none', async t => {
  const { kernel } = await imageBase()
  const out = join(t.testdir({}), 'matrix')
  const run = new NslabProcess([
    'run',
    'ring',
    ...['--on', 'vm', '--accel', 'tcg', '--nodes', '3', '--duration', '1s', '--cold'],
    ...['--kernel', `linux-image-cloud-amd64,${kernel.image},latest`, '--out', out],
  ])
  const { code, stdout, stderr } = await run.ended
  t.equal(code, 2, stderr)
  const release = kernel.release.replaceAll('.', '\\.')
  t.match(stdout, /^linux-image-cloud-amd64 +\S+-cloud-amd64 +pass +0 /m)
  t.match(stdout, new RegExp(`^\\S+vmlinuz-${release} +${release} +pass +0 `, 'm'))
  t.match(stdout, /^latest +– +error +2 /m)
})
