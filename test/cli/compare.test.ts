import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import { type RunOptions, ringRun, writeRunFolder } from '../fixtures/run-folder.ts'

const program = resolve(import.meta.dirname ?? 'test/cli', '../fixtures/report-cli.ts')

function compare(...args: string[]) {
  const node = ['--import', import.meta.resolve('tsx'), program, 'compare', ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, node, { encoding: 'utf8' })
  return { status, stdout, stderr }
}

function folderOf(test: Test, options: RunOptions = {}): string {
  const folder = writeRunFolder(ringRun(options))
  test.teardown(folder.remove)
  return folder.path
}

t.test('two runs are compared on standard output', async t => {
  const ended = compare(folderOf(t), folderOf(t, { seed: 2 }))
  t.match(ended, { status: 0, stdout: /Metric +A +B +B \/ A/, stderr: '' })
})

t.test('repeated runs are given with commas, and JSON is for programs', async t => {
  const ended = compare(`${folderOf(t)},${folderOf(t, { seed: 2 })}`, folderOf(t, { seed: 3 }), '--format', 'json')
  t.match(JSON.parse(ended.stdout), { a: { runs: 2, verdicts: ['pass'] }, b: { runs: 1 } })
})

t.test('different scenarios are compared, and said to be different on both outputs', async t => {
  const ended = compare(folderOf(t), folderOf(t, { name: 'torus' }))
  t.match(ended, { status: 0, stdout: /^WARNING/, stderr: /^WARNING/ })
})

t.test('a folder that can not be read, or none, is a usage error', async t => {
  t.match(compare(folderOf(t), '/nonexistent/run'), { status: 2, stderr: /FILE_UNREADABLE/ })
  t.match(compare(folderOf(t), ','), { status: 2, stderr: /USAGE/ })
})
