// The archive that a guest's root is unpacked from.

import { chmodSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { NslabError } from '../../src/base/errors.ts'
import { cpio } from '../../src/vm/image/cpio.ts'
import { type Entry, Tree } from '../../src/vm/image/tree.ts'
import { readCpio } from '../fixtures/cpio-reader.ts'

async function archiveOf(entries: readonly Entry[]): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of cpio(entries)) pieces.push(piece)
  return Buffer.concat(pieces)
}

t.test('every kind of entry is there with its bytes, by root, without a time', async t => {
  const folder = t.testdir({ tool: 'a program', notes: 'five!' })
  const tree = new Tree()
  tree.file('opt/tool', join(folder, 'tool'), true)
  tree.file('opt/notes', join(folder, 'notes'))
  tree.text('etc/motd', 'grüß\n')
  tree.link('opt/alias', '../etc/motd')
  tree.device('dev/console', 5, 1)
  const members = readCpio(await archiveOf(tree.entries()))
  const of = (path: string) => members.find(member => member.path === path)
  t.match(of('opt/tool'), { mode: 0o100755, body: Buffer.from('a program'), links: 1 })
  t.match(of('opt/notes'), { mode: 0o100644, body: Buffer.from('five!') })
  t.match(of('etc/motd'), { mode: 0o100644, body: Buffer.from('grüß\n') })
  t.match(of('opt/alias'), { mode: 0o120777, body: Buffer.from('../etc/motd') })
  t.match(of('dev/console'), { mode: 0o020600, rdevMajor: 5, rdevMinor: 1, bytes: 0 })
  t.match(of('opt'), { mode: 0o040755, links: 2, bytes: 0 })
  for (const { path, inode, uid, gid, mtime } of members) {
    t.same([uid, gid, mtime], [0, 0, 0], path)
    t.equal(members[inode - 1]?.path, path, 'inodes count the entries')
  }
})

t.test('entries come in the order of their bytes, a folder before what is in it', async t => {
  const tree = new Tree()
  for (const path of ['b/z', 'b', 'a/é', 'a/z', 'a/Z', 'a.b', 'a/b/c']) {
    if (path === 'b') tree.folder(path)
    else tree.text(path, '')
  }
  const paths = readCpio(await archiveOf(tree.entries())).map(({ path }) => path)
  const merged = ['bin', 'lib', 'lib64', 'sbin', 'usr', 'usr/bin', 'usr/lib', 'usr/lib64', 'usr/sbin']
  t.same(
    paths.filter(path => !merged.includes(path)),
    ['a', 'a.b', 'a/Z', 'a/b', 'a/b/c', 'a/z', 'a/é', 'b', 'b/z'],
  )
})

t.test('one place for a file, whichever name it is given by', async t => {
  const tree = new Tree()
  tree.text('/bin/ls', 'first')
  tree.text('usr/bin/ls', 'second')
  tree.text('/lib64/loader.so', '')
  const paths = tree.entries().map(({ path }) => path)
  t.same(
    paths.filter(path => /ls|loader/.test(path)),
    ['usr/bin/ls', 'usr/lib64/loader.so'],
  )
  t.ok(tree.has('/bin/ls'))
  t.throws(() => tree.text('usr/bin', 'a file'), /folder/)
})

t.test("what the files' own times, modes and owners are means nothing", async t => {
  const archives: Buffer[] = []
  for (const [mode, time] of [
    [0o600, 1],
    [0o777, 1e9],
  ] as const) {
    const folder = t.testdir({ file: 'the same bytes' })
    const path = join(folder, 'file')
    chmodSync(path, mode)
    utimesSync(path, time, time)
    archives.push(await archiveOf([{ path: 'file', content: { kind: 'file', source: path, executable: false } }]))
  }
  t.ok(archives[0]?.equals(archives[1] as Buffer))
})

t.test('a file that is not there, or changes its size on the way, is refused by name', async t => {
  const folder = t.testdir({})
  const entry = (source: string): Entry => ({ path: 'x', content: { kind: 'file', source, executable: false } })
  const absent = join(folder, 'absent')
  await t.rejects(archiveOf([entry(absent)]), { code: 'FILE_UNREADABLE', facts: { path: absent, reason: 'ENOENT' } })

  const growing = join(folder, 'growing')
  writeFileSync(growing, 'short')
  const archive = cpio([entry(growing)])
  await archive.next()
  writeFileSync(growing, 'longer than it was')
  await t.rejects(
    async () => {
      for await (const _ of archive);
    },
    new NslabError('FILE_UNREADABLE', { path: growing, reason: 'it had 5 bytes, and then 18' }),
  )
})

t.test('a link to a file is read as the file when it is given as one', async t => {
  const folder = t.testdir({ file: 'bytes' })
  symlinkSync('file', join(folder, 'link'))
  const entry: Entry = { path: 'x', content: { kind: 'file', source: join(folder, 'link'), executable: false } }
  t.match(readCpio(await archiveOf([entry])), [{ mode: 0o100644, body: Buffer.from('bytes') }])
})
