import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeFolders } from '../../src/base/make-folders.ts'

t.test('folders are made with those above them, once', async t => {
  const path = join(t.testdir({}), 'a/b/c')
  makeFolders(path)
  makeFolders(path)
  t.ok(existsSync(path))
})

t.test('what appears meanwhile is no error', async t => {
  const root = t.testdir({})
  symlinkSync('nowhere', join(root, 'there'))
  t.doesNotThrow(() => makeFolders(join(root, 'there')))
})

t.test('what the kernel refuses is told, and not tried for ever', async t => {
  t.throws(() => makeFolders('/proc/nslab/a'), { code: 'ENOENT', path: '/proc/nslab' })
  t.throws(() => makeFolders(join(t.testdir({ file: '' }), 'file/a')), { code: 'ENOTDIR' })
})
