// What images are made of and made here (the unpacked kernel, a stripped Node.js, modules, programs): made once, and
// again where it is no longer what was made.

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Derived } from '../../src/vm/image/derived.ts'

/** Makes a file and a folder of two; `steps`: what was said, and made. */
function maker(root: string) {
  const steps: string[] = []
  const derived = new Derived(join(root, 'derived'), { onStep: line => steps.push(line) })
  const file = () =>
    derived.file('kernel', ['a'], async to => {
      steps.push('file')
      await writeFile(to, 'a kernel')
    })
  const folder = () =>
    derived.folder('modules', ['a'], async to => {
      steps.push('folder')
      mkdirSync(join(to, 'net'))
      await writeFile(join(to, 'net/veth'), 'veth')
      await writeFile(join(to, 'tun'), 'tun')
    })
  return { file, folder, steps }
}

t.test('what is whole is made once, a file or a folder', async t => {
  const { file, folder, steps } = maker(t.testdir({}))
  t.equal(await file(), await file())
  t.equal(await folder(), await folder())
  t.same(steps, ['file', 'folder'])
})

t.test('what is damaged, or has lost or won something, is told of and made again', async t => {
  const { file, folder, steps } = maker(t.testdir({}))
  truncateSync(await file(), 3)
  t.equal(readFileSync(await file(), 'utf8'), 'a kernel')
  const harms = [
    (path: string) => writeFileSync(join(path, 'net/veth'), 'other'),
    (path: string) => rmSync(join(path, 'tun')),
    (path: string) => writeFileSync(join(path, 'more'), ''),
  ]
  for (const harm of harms) {
    harm(await folder())
    steps.length = 0
    const path = await folder()
    t.match(steps, [/derived\/\w+-modules is not what was made there/, 'folder'])
    t.same(readdirSync(path).sort(), ['net', 'tun'])
    t.equal(readFileSync(join(path, 'net/veth'), 'utf8'), 'veth')
  }
})

t.test('what nothing vouches for is made again', async t => {
  const { file, steps } = maker(t.testdir({}))
  rmSync(`${await file()}.digests`)
  await file()
  writeFileSync(`${await file()}.digests`, '{')
  await file()
  t.same(steps.filter(step => step === 'file').length, 3)
})

t.test('what is a day old goes, with its digests, and so does what a maker that was killed has left', async t => {
  const root = t.testdir({})
  const { folder } = maker(root)
  const dead = spawnSync('true').pid
  const at = (name: string): string => join(root, 'derived', name)
  mkdirSync(at('x-modules'), { recursive: true })
  const left = [at('x-modules.digests'), at(`y-node.part-${dead}`)]
  const stays = [at('x-kernel'), at(`y-node.part-${process.ppid}`)]
  for (const path of [...left, ...stays]) writeFileSync(path, '')
  for (const path of [at('x-modules'), ...left, ...stays]) utimesSync(path, 1000, 1000)
  await folder()
  t.same([at('x-modules'), ...left].filter(existsSync), [])
  t.same(
    stays.filter(path => !existsSync(path)),
    [],
  )
})
