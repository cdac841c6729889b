// The run folder: one run each, its names, its files. A refusing disk is in test/net/run/disk-full.test.ts.

import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { adoptRunFolder, createRunFolder } from '../../../src/lab/run-folder/run-folder.ts'
import { fixedClock } from '../../fixtures/lab/clock.ts'

const request = { scenario: 'ring', seed: 7, clock: fixedClock(5_000_000_000n), originNs: 2_000_000_000n }
const linesOf = (path: string): unknown[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))

t.test('a folder is named by time, scenario and seed, and a second one gets a suffix', async t => {
  const base = join(t.testdir(), 'runs')
  const first = createRunFolder({ ...request, base })
  const second = createRunFolder({ ...request, base })
  t.equal(first.path, join(base, '20260520T101112Z-ring-7'))
  t.equal(second.path, join(base, '20260520T101112Z-ring-7-2'))
  first.close()
  second.close()
})

t.test('a scenario name that is no file name is made one', async t => {
  const folder = createRunFolder({ ...request, base: t.testdir(), scenario: '../up and away' })
  t.match(folder.path, /20260520T101112Z-\.\.-up-and-away-7$/)
  folder.close()
})

t.test('latest points to the newest run', async t => {
  const base = t.testdir()
  createRunFolder({ ...request, base }).close()
  t.equal(readlinkSync(join(base, 'latest')), '20260520T101112Z-ring-7')
  createRunFolder({ ...request, base }).close()
  t.equal(readlinkSync(join(base, 'latest')), '20260520T101112Z-ring-7-2')
  t.same(
    readdirSync(base).filter(name => name.startsWith('.latest')),
    [],
  )
})

t.test('a folder from elsewhere has the place that it would have had here, and latest is the run in it', async t => {
  const base = join(t.testdir({ came: { 'report.json': '{}' }, several: { lts: {}, newest: {} } }), 'runs')
  const one = adoptRunFolder(join(base, '../came'), { ...request, base })
  t.equal(one, join(base, '20260520T101112Z-ring-7'))
  t.equal(readFileSync(join(base, 'latest/report.json'), 'utf8'), '{}')
  const several = adoptRunFolder(join(base, '../several'), { ...request, base, scenario: 'ring-kernels' }, 'newest')
  t.same(readdirSync(several), ['lts', 'newest'])
  t.equal(readlinkSync(join(base, 'latest')), '20260520T101112Z-ring-kernels-7/newest')
})

t.test('something else called latest is left alone', async t => {
  const base = t.testdir({ latest: 'a file of the user' })
  createRunFolder({ ...request, base }).close()
  t.equal(readFileSync(join(base, 'latest'), 'utf8'), 'a file of the user')
})

t.test('--out names the folder, made or empty, and latest reaches it where runs are collected', async t => {
  const base = t.testdir({ runs: {}, empty: {} })
  const made = createRunFolder({ ...request, base: join(base, 'runs'), out: join(base, 'deep', 'made') })
  t.equal(made.path, join(base, 'deep', 'made'))
  t.equal(readlinkSync(join(base, 'runs', 'latest')), '../deep/made')
  const empty = createRunFolder({ ...request, base: join(base, 'none'), out: join(base, 'empty') })
  t.equal(empty.path, join(base, 'empty'))
  t.notOk(existsSync(join(base, 'none')), 'no folder is made for a link alone')
  made.close()
  empty.close()
})

t.test('--out refuses a folder with something in it, and a file', async t => {
  const base = t.testdir({ full: { thing: '' }, file: '' })
  for (const name of ['full', 'file']) {
    const out = join(base, name)
    t.throws(() => createRunFolder({ ...request, base, out }), { code: 'USAGE', facts: { path: out } })
  }
  t.same(readdirSync(join(base, 'full')), ['thing'])
})

t.test('a base that can not be made is refused by the disk', async t => {
  const base = join(t.testdir({ file: '' }), 'file', 'runs')
  t.throws(() => createRunFolder({ ...request, base }), { code: 'DISK_REFUSED', facts: { errno: 'ENOTDIR' } })
})

t.test('a place that takes no folder is refused by what the kernel says of it', async t => {
  // Where Node itself tries for ever.
  const out = '/proc/nslab-test/run'
  t.throws(() => createRunFolder({ ...request, base: t.testdir(), out }), {
    code: 'DISK_REFUSED',
    facts: { path: out, errno: /ENOENT|EPERM|EACCES/ },
  })
})

t.test('an intent is in the file before its deed, the rest at the next flush', async t => {
  const folder = createRunFolder({ ...request, base: t.testdir() })
  folder.ledger.done('earlier')
  folder.ledger.intent('lease', { name: 'x', size: 10n })
  const saved = linesOf(folder.file('ledger.ndjson'))
  t.same(saved, [
    { t_s: 3, op: 'earlier', state: 'done' },
    { t_s: 3, op: 'lease', state: 'intent', name: 'x', size: '10' },
  ])
  folder.ledger.failed('lease')
  t.equal(linesOf(folder.file('ledger.ndjson')).length, 2)
  folder.flush()
  t.equal(linesOf(folder.file('ledger.ndjson')).length, 3)
  folder.close()
})

t.test('lines and files are whole after close, and nothing is left of the reserve', async t => {
  const folder = createRunFolder({ ...request, base: t.testdir() })
  for (let i = 0; i < 3000; i++) folder.events.append({ t_s: i, from: 'run', kind: 'stopped' })
  folder.writeJson('plan.json', { b: 1, a: [2] })
  folder.writeText('scenario.toml', 'name = "ring"\n')
  t.ok(existsSync(folder.file('.reserve')))
  folder.close()
  folder.close()
  t.equal(linesOf(folder.file('events.ndjson')).length, 3000)
  t.equal(readFileSync(folder.file('plan.json'), 'utf8'), '{\n  "b": 1,\n  "a": [\n    2\n  ]\n}\n')
  t.same(readdirSync(folder.path).sort(), [
    'console',
    'events.ndjson',
    'ledger.ndjson',
    'links.ndjson',
    'plan.json',
    'samples.ndjson',
    'scenario.toml',
  ])
  t.equal(folder.failure, null)
})

t.test('a line is with the kernel soon, without anybody asking', async t => {
  const folder = createRunFolder({ ...request, base: t.testdir() })
  const watched = watch(folder.file('events.ndjson'))
  t.teardown(() => watched.close())
  folder.events.append({ t_s: 1, from: 'run', kind: 'stopped' })
  await once(watched, 'change')
  t.equal(linesOf(folder.file('events.ndjson')).length, 1)
  folder.close()
})

t.test('a program gets a descriptor to append its output to', async t => {
  const folder = createRunFolder({ ...request, base: t.testdir() })
  const fd = folder.openAppend('console/controller.log')
  writeFileSync(fd, 'said\n')
  t.equal(readFileSync(folder.file('console/controller.log'), 'utf8'), 'said\n')
  t.throws(() => folder.openAppend('none/controller.log'), { code: 'DISK_REFUSED', facts: { errno: 'ENOENT' } })
  folder.close()
})

t.test('a second run is refused the folder of the first', async t => {
  const out = join(t.testdir(), 'shared')
  mkdirSync(out)
  const first = createRunFolder({ ...request, base: out, out })
  t.throws(() => createRunFolder({ ...request, base: out, out }), { code: 'USAGE' })
  first.close()
})
