import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { judgeFolder, renderFiles, writeReports } from '../../src/report/render.ts'
import { ringRun, writeRunFolder } from '../fixtures/run-folder.ts'

t.test('judging and rendering a folder again gives every file byte by byte, also beside the old ones', async t => {
  const { path, remove } = writeRunFolder(ringRun())
  t.teardown(remove)
  const names = Object.keys(renderFiles(...both(path)))
  const contents = () => names.map(name => readFileSync(join(path, name), 'utf8'))
  writeReports(path, judgeFolder(path))
  const first = contents()
  writeReports(path, judgeFolder(path))
  t.same(contents(), first)
  t.same(
    readdirSync(path)
      .filter(name => name.startsWith('report'))
      .sort(),
    [...names].sort(),
  )
})

t.test('judging alone writes nothing', async t => {
  const { path, remove } = writeRunFolder(ringRun())
  t.teardown(remove)
  const before = readdirSync(path)
  judgeFolder(path)
  t.same(readdirSync(path), before)
})

t.test('a folder that went away is refused by the disk', async t => {
  const { path, remove } = writeRunFolder(ringRun())
  t.teardown(remove)
  const judged = judgeFolder(path)
  rmSync(path, { recursive: true })
  t.throws(() => writeReports(path, judged), { code: 'DISK_REFUSED', facts: { errno: 'ENOENT' } })
})

function both(path: string): Parameters<typeof renderFiles> {
  const { report, history } = judgeFolder(path)
  return [report, history]
}
