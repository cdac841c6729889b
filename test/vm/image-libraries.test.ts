// The libraries of programs, by the machine's own loader.

import { chmodSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { FileFacts } from '../../src/vm/image/file-facts.ts'
import { addLibrary, addProgram, findLibrary, librariesOf } from '../../src/vm/image/libraries.ts'
import { Tree } from '../../src/vm/image/tree.ts'

const init = fileURLToPath(new URL('../../native/build/Release/nslab-init', import.meta.url))

function lddSays(t: Test, script: string | null): void {
  const folder = t.testdir({})
  if (script !== null) {
    writeFileSync(join(folder, 'ldd'), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, 'ldd'), 0o755)
  }
  const before = process.env.PATH
  process.env.PATH = script === null ? folder : [folder, before].join(delimiter)
  t.teardown(() => {
    process.env.PATH = before
  })
}

t.test('a program comes with its loader and all its libraries, a static one alone', async t => {
  const { loader, files } = await librariesOf(process.execPath)
  t.match(loader, /^\/lib.*\/ld-/)
  t.ok(files.some(file => /\/libc\.so\.6$/.test(file)))
  t.notOk(files.includes(loader ?? ''))

  const tree = new Tree()
  const facts = await FileFacts.open(join(t.testdir({}), 'facts'))
  await addProgram(tree, facts, 'usr/bin/node', process.execPath)
  const paths = tree.entries().map(({ path }) => path)
  t.ok(paths.includes('usr/bin/node'))
  t.ok(paths.some(path => /^usr\/lib\/.*\/libc\.so\.6$/.test(path)))
  t.same(await librariesOf(init), { loader: null, files: [] })
})

t.test('a library that nothing is linked with stands where the guest looks for it, as its own file', async t => {
  const source = findLibrary('libisal.so.2')
  t.type(source, 'string', 'the needs of the tests have put it there')
  const tree = new Tree()
  await addLibrary(tree, await FileFacts.open(join(t.testdir({}), 'facts')), 'libisal.so.2', source ?? '')
  const [entry] = tree.entries().filter(({ path }) => path === 'usr/lib/x86_64-linux-gnu/libisal.so.2')
  t.match(entry?.content, { kind: 'file', source: /libisal\.so\.2\.\d/ })
})

t.test('a library of the name is found where the loader is told to look, and nowhere else', t => {
  const folder = t.testdir({ 'libown.so.1': '' })
  t.equal(findLibrary('libown.so.1'), undefined)
  const before = process.env.LD_LIBRARY_PATH
  t.teardown(() => {
    if (before === undefined) delete process.env.LD_LIBRARY_PATH
    else process.env.LD_LIBRARY_PATH = before
  })
  process.env.LD_LIBRARY_PATH = folder
  t.equal(findLibrary('libown.so.1'), join(folder, 'libown.so.1'))
  t.end()
})

t.test('a library that is nowhere is named, and so is the program', async t => {
  lddSays(t, 'echo "	libgone.so.1 => not found"')
  await t.rejects(librariesOf('/bin/prog'), {
    code: 'NOT_FIT',
    facts: { problems: [/\/bin\/prog needs libgone\.so\.1/] },
  })
})

t.test('without ldd nothing can be said', async t => {
  lddSays(t, null)
  await t.rejects(librariesOf('/bin/prog'), { code: 'NOT_FIT', facts: { problems: [/no ldd/] } })
})

t.test('what was found out about a file stands until the file is another', async t => {
  const folder = t.testdir({ file: 'first' })
  const [path, kept] = [join(folder, 'file'), join(folder, 'facts')]
  let asked = 0
  const ask = async (): Promise<number> => ++asked
  const later = Date.now() + 10_000
  const open = async () => FileFacts.open(kept, () => later)
  const facts = await open()
  t.equal(await facts.about('it', path, ask), 1)
  t.equal(await facts.about('it', path, ask), 1)
  t.equal(await facts.about('something else', path, ask), 2)
  await facts.save()
  t.equal(await (await open()).about('it', path, ask), 1, 'it is kept')
  writeFileSync(path, 'other')
  t.equal(await (await open()).about('it', path, ask), 3)

  const young = await FileFacts.open(kept, () => Date.now())
  writeFileSync(path, 'just now')
  t.equal(await young.about('it', path, ask), 4)
  t.equal(await young.about('it', path, ask), 5, 'a file that may yet change unseen is looked at again')

  writeFileSync(kept, 'spoilt {')
  t.equal(await (await open()).about('it', path, ask), 6)
  await t.rejects(facts.digest(join(folder, 'none')), { code: 'FILE_UNREADABLE' })
})
