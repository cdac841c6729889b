import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { NslabError } from '../../src/base/errors.ts'
import { readHistory, unknownEnvironment } from '../../src/judge/history.ts'
import { type RunData, ringRun, writeRunFolder } from '../fixtures/run-folder.ts'

function folderOf(test: Test, data: RunData = ringRun()): string {
  const folder = writeRunFolder(data)
  test.teardown(folder.remove)
  return folder.path
}

function errorFrom(work: () => unknown): NslabError {
  try {
    work()
  } catch (error) {
    if (error instanceof NslabError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

t.test('a whole folder is read back as it was written', async t => {
  const data = ringRun()
  const history = readHistory(folderOf(t, data))
  t.same(history, { traffic: [], ...data, damage: [] })
})

t.test('a folder that is not there can not be read', async t => {
  const error = errorFrom(() => readHistory('/nonexistent/run'))
  t.match(error, { code: 'FILE_UNREADABLE', facts: { path: '/nonexistent/run' } })
})

t.test('a file is no run folder', async t => {
  const path = join(folderOf(t), 'plan.json')
  t.match(
    errorFrom(() => readHistory(path)),
    { code: 'FILE_UNREADABLE', facts: { path } },
  )
})

t.test('without a readable plan there is no run', async t => {
  const plans: Record<string, string | null> = {
    missing: null,
    'no JSON': '{',
    'another schema': '{"schema":"nslab.plan/9"}',
    'no object': '7',
  }
  for (const [name, text] of Object.entries(plans)) {
    const folder = folderOf(t)
    const path = join(folder, 'plan.json')
    if (text === null) rmSync(path)
    else writeFileSync(path, text)
    t.match(
      errorFrom(() => readHistory(folder)),
      { code: 'FILE_UNREADABLE', facts: { path } },
      name,
    )
  }
})

t.test('a last line that was cut is left out and told as cut', async t => {
  const data = ringRun()
  const folder = folderOf(t, data)
  appendFileSync(join(folder, 'events.ndjson'), '{"t_s":9.5,"from":"contr')
  const history = readHistory(folder)
  t.equal(history.events.length, data.events.length)
  t.match(history.damage, [{ file: 'events.ndjson', kind: 'cut', line: data.events.length + 1 }])
})

t.test('a last line that lacks only its newline is taken', async t => {
  const data = ringRun()
  const folder = folderOf(t, data)
  const path = join(folder, 'samples.ndjson')
  writeFileSync(path, readFileSync(path, 'utf8').trimEnd())
  const history = readHistory(folder)
  t.equal(history.samples.length, data.samples.length)
  t.same(history.damage, [])
})

t.test('damage before the end is corruption, with its line', async t => {
  const lines: Record<string, string> = {
    'no JSON': '\0\0\0\0',
    'no object': '7',
    'an empty line': '',
    'a time that is no number': '{"t_s":"1","from":"run","kind":"stopped"}',
    'a node event without a node': '{"t_s":1,"from":"controller","kind":"node_ready"}',
    'a phase event without a phase': '{"t_s":1,"from":"run","kind":"phase_started"}',
    'a proof without a number': '{"t_s":1,"from":"run","kind":"proof_started"}',
    'a walk without a number': '{"t_s":1,"from":"dataplane","kind":"walk_started","node_id":1}',
    'a token without a node': '{"t_s":1,"from":"dataplane","kind":"token_passed","walk":1,"from_id":1,"hops":1}',
    'a token without hops': '{"t_s":1,"from":"dataplane","kind":"token_passed","walk":1,"node_id":2,"from_id":1}',
  }
  for (const [name, line] of Object.entries(lines)) {
    const data = ringRun()
    const folder = folderOf(t, data)
    appendFileSync(join(folder, 'events.ndjson'), `${line}\n{"t_s":99,"from":"run","kind":"stopped"}\n`)
    const history = readHistory(folder)
    t.match(history.damage, [{ file: 'events.ndjson', kind: 'corrupt', line: data.events.length + 1 }], name)
    t.equal(history.events.length, data.events.length + 1, name)
  }
})

t.test('an event of a kind from a later version is kept', async t => {
  const folder = folderOf(t)
  appendFileSync(join(folder, 'events.ndjson'), '{"t_s":1,"from":"x","kind":"comet_seen"}\n')
  const history = readHistory(folder)
  t.same(history.damage, [])
  t.equal(history.events.at(-1)?.kind as string, 'comet_seen')
})

t.test('a run killed early leaves files missing, which is told', async t => {
  const folder = folderOf(t)
  for (const file of ['environment.json', 'events.ndjson', 'samples.ndjson', 'ledger.ndjson', 'outcome.json']) {
    rmSync(join(folder, file))
  }
  const history = readHistory(folder)
  t.same(history.environment, unknownEnvironment)
  t.equal(history.outcome, null)
  t.same(
    history.damage?.map(({ file, kind }) => [file, kind]),
    [
      ['environment.json', 'missing'],
      ['events.ndjson', 'missing'],
      ['samples.ndjson', 'missing'],
      ['ledger.ndjson', 'missing'],
    ],
  )
})

t.test('a folder without a list of links is one of before there was such a list', async t => {
  const folder = folderOf(t)
  rmSync(join(folder, 'links.ndjson'))
  const history = readHistory(folder)
  t.same(history.links, [])
  t.same(history.damage, [])
})

t.test('a list of links that is damaged is told as corrupt', async t => {
  const listing = (ends: string): string => `{"t_s":1,"proof":1,"host":"host0","more":false,"ends":[${ends}]}\n`
  const wrong = ['[1,2,"172.16.8.2:8080"]', '[0,2,"1.2.3.4:1","1.2.3.4:2"]', '[1,2,"1.2.3.4","1.2.3.4:2"]', '7']
  for (const ends of wrong) {
    const folder = folderOf(t)
    appendFileSync(join(folder, 'links.ndjson'), listing(ends))
    t.match(readHistory(folder).damage, [{ file: 'links.ndjson', kind: 'corrupt', line: 2 }], ends)
  }
  const folder = folderOf(t)
  appendFileSync(join(folder, 'links.ndjson'), listing('[1,2,"1.2.3.4:1","1.2.3.4:2"]'))
  t.same(readHistory(folder).damage, [])
})

t.test('documents that are damaged are told as corrupt', async t => {
  const folder = folderOf(t)
  writeFileSync(join(folder, 'environment.json'), '{}')
  writeFileSync(join(folder, 'outcome.json'), '{"metrics":')
  const history = readHistory(folder)
  t.equal(history.outcome, null)
  t.match(history.damage, [
    { file: 'environment.json', kind: 'corrupt' },
    { file: 'outcome.json', kind: 'corrupt' },
  ])
})

t.test('a file that can not be opened is corrupt, not missing', async t => {
  const folder = writeRunFolder(ringRun())
  t.teardown(folder.remove)
  rmSync(join(folder.path, 'ledger.ndjson'))
  mkdirSync(join(folder.path, 'ledger.ndjson'))
  t.match(readHistory(folder.path).damage, [{ file: 'ledger.ndjson', kind: 'corrupt' }])
})
