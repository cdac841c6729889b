// The file system on the disk that a guest's root is on; guests mount it in image-root.test.ts.

import { chmodSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { erofs } from '../../src/vm/image/erofs.ts'
import { type Entry, Tree } from '../../src/vm/image/tree.ts'
import { readErofs } from '../fixtures/erofs-reader.ts'

async function imageOf(entries: readonly Entry[]): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of erofs(entries)) pieces.push(piece)
  return Buffer.concat(pieces)
}

t.test('every kind of entry is there with its bytes, by root', async t => {
  const folder = t.testdir({ tool: 'a program'.repeat(10_000), notes: 'five!' })
  const tree = new Tree()
  tree.file('opt/tool', join(folder, 'tool'), true)
  tree.file('opt/notes', join(folder, 'notes'))
  tree.text('etc/motd', 'grüß\n')
  tree.text('etc/empty', '')
  tree.link('opt/alias', '../etc/motd')
  tree.device('dev/console', 5, 1)
  const found = readErofs(await imageOf(tree.entries()))
  const of = (path: string) => found.find(entry => entry.path === path)
  t.match(of('opt/tool'), { mode: 0o100755, body: Buffer.from('a program'.repeat(10_000)), links: 1 })
  t.match(of('opt/notes'), { mode: 0o100644, body: Buffer.from('five!') })
  t.match(of('etc/motd'), { mode: 0o100644, body: Buffer.from('grüß\n') })
  t.match(of('etc/empty'), { mode: 0o100644, body: Buffer.alloc(0) })
  t.match(of('opt/alias'), { mode: 0o120777, body: Buffer.from('../etc/motd') })
  t.match(of('dev/console'), { mode: 0o020600, device: 0x501 })
  t.match(of('usr'), { mode: 0o040755, links: 6 })
  t.same(
    found.map(({ path }) => path),
    tree.entries().map(({ path }) => path),
  )
  t.ok(found.every(({ uid, gid }) => uid === 0 && gid === 0))
  t.equal(new Set(found.map(({ inode }) => inode)).size, found.length)
})

t.test('sizes around those at which a content moves, and folders of many blocks', async t => {
  const tree = new Tree()
  const texts = [1, 2047, 2048, 2049, 4064, 4095, 4096, 4097, 8192].map(size => 'x'.repeat(size))
  for (const text of texts) for (let i = 0; i < 5; i++) tree.text(`of/${text.length}/${i}`, text)
  const names = Array.from({ length: 1500 }, (_, i) => `entry-${i}`)
  for (const name of names) tree.link(`many/${name}`, name)
  const longest = 'n'.repeat(255)
  for (const letter of 'abcdefghijklmnopqr') tree.text(`long/${letter}${longest.slice(1)}`, letter)
  const found = new Map(readErofs(await imageOf(tree.entries())).map(entry => [entry.path, entry]))
  for (const text of texts) {
    for (let i = 0; i < 5; i++) t.equal(found.get(`of/${text.length}/${i}`)?.body.toString(), text)
  }
  for (const name of names) t.equal(found.get(`many/${name}`)?.body.toString(), name)
  t.equal(found.get(`long/r${longest.slice(1)}`)?.body.toString(), 'r')
})

t.test("what the files' own times, modes and owners are means nothing", async t => {
  const images: Buffer[] = []
  for (const [mode, time] of [
    [0o600, 1],
    [0o777, 1e9],
  ] as const) {
    const path = join(t.testdir({ file: 'the same bytes' }), 'file')
    chmodSync(path, mode)
    utimesSync(path, time, time)
    images.push(await imageOf([{ path: 'file', content: { kind: 'file', source: path, executable: false } }]))
  }
  t.ok(images[0]?.equals(images[1] as Buffer))
})

t.test('a file that is not there, or changes its size on the way, is refused by name', async t => {
  const folder = t.testdir({})
  const entry = (source: string): Entry => ({ path: 'x', content: { kind: 'file', source, executable: false } })
  const absent = join(folder, 'absent')
  await t.rejects(imageOf([entry(absent)]), { code: 'FILE_UNREADABLE', facts: { path: absent, reason: 'ENOENT' } })
  const growing = join(folder, 'growing')
  writeFileSync(growing, 'x'.repeat(5000))
  const image = erofs([entry(growing)])
  await image.next()
  writeFileSync(growing, 'short')
  await t.rejects(
    async () => {
      for await (const _ of image);
    },
    { code: 'FILE_UNREADABLE', facts: { path: growing, reason: 'it had 5000 bytes, and then 5' } },
  )
})
