import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compareFolders, describeDifferences, excerpt } from '../../../src/lab/deterministic/compare.ts'
import { type GuestProgress, parseProgressLine, progressLine } from '../../../src/lab/deterministic/protocol.ts'
import {
  changedSince,
  type DeterministicRecord,
  digestFiles,
  digestOfAll,
  RECORD_NAME,
  readRecord,
  SPEED_NAME,
  sealRecord,
  writeRecord,
} from '../../../src/lab/deterministic/record.ts'
import { ConsoleWatch } from '../../../src/lab/deterministic/watch.ts'
import { nslabErrorOf } from '../../fixtures/issues.ts'
import { standStill } from '../../fixtures/stand-still.ts'

const record = {
  schema: 'nslab.deterministic/1',
  machine: {
    image: { role: 'fleet', digest: 'abc', versions: { linux: '6.1' } },
    qemu_version: '7.2.22',
    seed: 1,
    shift: 3,
    epoch: '2026-01-01T00:00:00',
    memory_mib: 1024,
    command_line: 'quiet',
  },
  input: {
    schema: 'nslab.deterministic-input/1',
    scenario: { name: 'x', seed: 1 },
    scenario_text: 'name = "x"\n',
    accelerator: 'tcg',
    notes: [],
    beat_s: 10,
  },
  image_file: '/image.json',
} as unknown as DeterministicRecord

/** A folder with these files. */
function folderOf(parent: string, name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(parent, name)
  mkdirSync(join(folder, 'console'), { recursive: true })
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text)
  return folder
}

const files = {
  'console/vm1.log': 'booting\nready\n',
  'events.ndjson': '{"t_s":1}\n{"t_s":2}\n',
  'report.json': '{}\n',
  'plan.json': '{}\n',
}

t.test('equal folders are equal; what tells of speed and scratch files are no part of a run', async t => {
  const parent = t.testdir()
  const [one, two] = ['one', 'two'].map(name => folderOf(parent, name, files)) as [string, string]
  writeFileSync(join(two, SPEED_NAME), '{}')
  writeFileSync(join(two, RECORD_NAME), '{}')
  mkdirSync(join(two, '.scratch'))
  writeFileSync(join(two, '.scratch/file'), 'x')
  t.same(compareFolders(one, two), { equal: 4, different: [] })
  t.equal(digestOfAll(digestFiles(one)), digestOfAll(digestFiles(`${two}/`)))
})

t.test('the first difference is told where it began, by file and line', async t => {
  const parent = t.testdir()
  const one = folderOf(parent, 'one', files)
  const two = folderOf(parent, 'two', {
    ...files,
    'events.ndjson': '{"t_s":1}\n{"t_s":3}\n',
    'report.json': '{"x":1}\n',
  })
  const { equal, different } = compareFolders(one, two)
  t.same(different, [
    { path: 'events.ndjson', line: 2, first: '{"t_s":2}', second: '{"t_s":3}' },
    { path: 'report.json', line: 1, first: '{}', second: '{"x":1}' },
  ])
  t.same(
    describeDifferences(different, equal, { folder: 'runs/a', again: 'runs/b', changed: new Set(['report.json']) }),
    [
      'DIFFERENT  events.ndjson, line 2',
      'runs/a/events.ndjson: {"t_s":2}',
      'runs/b/events.ndjson: {"t_s":3}',
      '2 of 4 files differ: events.ndjson, report.json (changed since its run)',
    ],
  )
})

t.test('a file that goes on, and one that is missing', async t => {
  const parent = t.testdir()
  const one = folderOf(parent, 'one', files)
  const two = folderOf(parent, 'two', files)
  appendFileSync(join(two, 'events.ndjson'), '{"t_s":3}\n')
  const sides = { folder: 'a', again: 'b', changed: new Set<string>() }
  const longer = compareFolders(one, two)
  t.same(longer.different, [{ path: 'events.ndjson', line: 3, first: null, second: '{"t_s":3}' }])
  t.same(describeDifferences(longer.different, 3, sides).slice(1, 3), [
    'a/events.ndjson: (it has ended)',
    'b/events.ndjson: {"t_s":3}',
  ])
  rmSync(join(one, 'console/vm1.log'))
  const missing = compareFolders(one, two)
  t.equal(describeDifferences(missing.different, 2, sides)[0], 'DIFFERENT  console/vm1.log is in one of a and b alone')
})

t.test('long lines are cut to where they differ', async t => {
  const [one, two] = excerpt(`${'x'.repeat(500)}A${'y'.repeat(500)}`, `${'x'.repeat(500)}B${'y'.repeat(500)}`)
  t.equal(one, `…${'x'.repeat(60)}A${'y'.repeat(59)}…`)
  t.equal(two, one.replace('A', 'B'))
  t.same(excerpt('ab', 'ac'), ['ab', 'ac'])
})

t.test('a record is sealed over what is in the folder, and says what was changed since', async t => {
  const folder = folderOf(t.testdir(), 'run', files)
  writeRecord(folder, record)
  t.match(
    nslabErrorOf(() => readRecord(folder)),
    { code: 'NOT_REPEATABLE', facts: { kind: 'unfinished' }, exitCode: 5 },
  )
  const { digest } = sealRecord(folder, record)
  const sealed = readRecord(folder)
  t.equal(sealed.digest, digest)
  t.same(Object.keys(sealed.files), ['console/vm1.log', 'events.ndjson', 'plan.json', 'report.json'])
  t.same([...changedSince(sealed, digestFiles(folder))], [])
  appendFileSync(join(folder, 'events.ndjson'), '\n')
  rmSync(join(folder, 'report.json'))
  t.same([...changedSince(sealed, digestFiles(folder))], ['events.ndjson', 'report.json'])
})

t.test('a folder of another run, of none, and a record that is damaged', async t => {
  const folder = folderOf(t.testdir(), 'run', files)
  t.match(
    nslabErrorOf(() => readRecord(folder)),
    { code: 'NOT_REPEATABLE', facts: { kind: 'other_run' }, exitCode: 2 },
  )
  t.match(
    nslabErrorOf(() => readRecord(join(folder, 'console'))),
    { code: 'FILE_UNREADABLE' },
  )
  t.match(
    nslabErrorOf(() => readRecord(join(folder, 'nowhere'))),
    { code: 'FILE_UNREADABLE' },
  )
  writeFileSync(join(folder, RECORD_NAME), '{')
  t.match(
    nslabErrorOf(() => readRecord(folder)),
    { code: 'FILE_UNREADABLE' },
  )
  writeRecord(folder, { ...record, machine: { ...record.machine, seed: -1 } })
  t.match(
    nslabErrorOf(() => readRecord(folder)),
    { code: 'FILE_UNREADABLE', facts: { reason: /machine.seed/ } },
  )
})

t.test('progress as the guest writes it is progress as it is read', async t => {
  const said: readonly (readonly [GuestProgress, string])[] = [
    [{ phase: 'hold', done: 0, total: 0, what: '' }, 'nslab-run [1.500]: hold'],
    [{ phase: 'wire', done: 3, total: 5, what: 'nodes wired' }, 'nslab-run [1.500]: wire, 3 of 5 nodes wired'],
    [{ phase: 'prepare', done: 0, total: 0, what: 'waiting' }, 'nslab-run [1.500]: prepare waiting'],
  ]
  for (const [progress, line] of said) {
    t.equal(progressLine(1.5, progress), line)
    t.same(parseProgressLine(line), { ...progress, guestS: 1.5 })
  }
  t.equal(parseProgressLine('nslab-init [1.500]: agent started: /usr/bin/node, process 81'), null)
  t.equal(parseProgressLine('[    0.805354] PCI: Fatal'), null)
})

t.test('a console is followed line by line, and its silence noticed once', async t => {
  const path = join(t.testdir({ log: '' }), 'log')
  const lines: string[] = []
  let silences = 0
  const silent = new Promise<void>(resolve => {
    const watch = new ConsoleWatch({
      path,
      onLine: line => {
        if (lines.push(line) === 1) appendFileSync(path, 'o\nthr')
      },
      silentAfterS: 0.5,
      onSilent: () => {
        silences += 1
        // Long enough for it to be noticed twice, if it could be.
        setTimeout(resolve, 1000)
      },
    })
    t.teardown(() => watch.close())
    appendFileSync(path, 'one\r\ntw')
  })
  await silent
  t.same(lines, ['one', 'two'])
  t.equal(silences, 1)
})

t.test('a console is not silent for as long as nobody looked', async t => {
  const path = join(t.testdir({ log: '' }), 'log')
  let silences = 0
  const silentAfterS = 2
  const watch = new ConsoleWatch({ path, onLine: () => {}, silentAfterS, onSilent: () => silences++ })
  t.teardown(() => watch.close())
  standStill(silentAfterS + 2)
  await new Promise(resolve => setTimeout(resolve, 1))
  t.equal(silences, 0)
})
