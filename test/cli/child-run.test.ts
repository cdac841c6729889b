// Runs that other commands start: each ends with its starter, and in order.

import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { runChild } from '../../src/cli/run/child-run.ts'
import { until } from '../fixtures/control-client.ts'

const childRunUrl = new URL('../../src/cli/run/child-run.ts', import.meta.url).href
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Says that it is there, then which signal ended it. */
const noting = (notes: string): string => `
const { writeFileSync } = require('node:fs')
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => { writeFileSync(${JSON.stringify(`${notes}.end`)}, signal); process.exit(130) })
setTimeout(() => process.exit(1), 60000)
writeFileSync(${JSON.stringify(notes)}, process.argv.slice(2).join(' '))
`

t.test('a run whose starter is killed ends in order', async t => {
  const folder = t.testdir()
  const notes = join(folder, 'notes')
  writeFileSync(join(folder, 'run.cjs'), noting(notes))
  const request = `{ args: ['x'], signals: [], program: [process.execPath, ${JSON.stringify(join(folder, 'run.cjs'))}] }`
  const text = `import { runChild } from ${JSON.stringify(childRunUrl)}; await runChild(${request})`
  const words = ['--import=tsx', '--input-type=module', '-e', text]
  const starter = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  await until(() => existsSync(notes))
  t.equal(readFileSync(notes, 'utf8'), 'run x')
  starter.kill('SIGKILL')
  await until(() => existsSync(`${notes}.end`))
  t.equal(readFileSync(`${notes}.end`, 'utf8'), 'SIGTERM')
})

t.test('what a run said is kept, and how it ended', async t => {
  const folder = t.testdir()
  const script = join(folder, 'run.cjs')
  writeFileSync(script, 'console.error("x".repeat(5000) + "the end"); process.exitCode = 3')
  const program = [process.execPath, script] as const
  const { lastWords, ...end } = await runChild({ args: [], signals: [], program })
  t.same(end, { code: 3, status: 'exit 3' })
  t.match(lastWords, /x{3000}the end$/)
  t.ok(lastWords.length <= 4000)
  writeFileSync(script, 'setInterval(() => {}, 1000)')
  t.same(await runChild({ args: [], signals: [], limitS: 0.5, program }), {
    code: null,
    status: 'killed by SIGKILL',
    lastWords: '',
  })
})
