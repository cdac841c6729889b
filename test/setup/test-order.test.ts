// Test files: which begin first, how many at a time, and that they end when they are told to.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import t, { type Test } from 'tap'
import { jobsHere, LONGEST, longestFirst } from '../../src/setup/test-order.mjs'
import { ended } from '../fixtures/launch.ts'

const root = join(import.meta.dirname, '..', '..')

t.test('files that take long are there, once each, and begin before the others', async t => {
  t.same(
    LONGEST.filter(file => !existsSync(join(root, file))),
    [],
  )
  t.equal(new Set(LONGEST).size, LONGEST.length)
  const [first = '', second = ''] = LONGEST
  t.same(longestFirst(['test/b.test.ts', second, 'test/a.test.ts', first]), [
    first,
    second,
    'test/b.test.ts',
    'test/a.test.ts',
  ])
  t.ok(jobsHere() >= 2)
})

/** Starts the runner on files of these texts, in this order. */
function startRunner(t: Test, jobs: number, texts: readonly string[], timeoutS = 60) {
  const folder = t.testdir(Object.fromEntries(texts.map((text, index) => [`${index}.ts`, text])))
  const files = texts.map((_, index) => relative(root, join(folder, `${index}.ts`)))
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^_?TAP|NODE_OPTIONS/.test(name)))
  const program = [join(root, 'src/setup/tap-files.mjs'), String(jobs), String(timeoutS), ...files]
  const child = spawn(process.execPath, program, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  return { child, files, ended: ended(child) }
}

t.test('they begin in the order given, and a test starts programs as a prompt does', async t => {
  const says = "import t from 'tap'\nt.equal(process.env.NODE_OPTIONS, undefined)\n"
  const { files, ended } = startRunner(t, 1, [`${says}t.pass('later')\n`, says])
  const { code, out } = await ended
  t.equal(code, 0, out)
  t.same(
    [...out.matchAll(/^ok \d+ - (\S+)/gm)].map(([, name]) => name),
    files,
  )
})

t.test('told to end, it ends what runs, begins nothing more, and has failed', async t => {
  const waits = "import t from 'tap'\nprocess.stderr.write('waiting')\nsetTimeout(() => t.end(), 600_000)\n"
  const { child, ended } = startRunner(t, 1, [waits, "process.stderr.write('begun')\n"])
  await new Promise<void>(resolve => child.stderr.on('data', (data: string) => data.includes('waiting') && resolve()))
  child.kill('SIGTERM')
  const { code, out, err } = await ended
  t.not(code, 0)
  t.match(out, /^Bail out! ended by SIGTERM$/m)
  t.notMatch(err, 'begun')
})

t.test('a file that does not end when it is told is killed, long before its time is over', async t => {
  const stays =
    "import t from 'tap'\nprocess.on('SIGTERM', () => {})\nprocess.stderr.write('waiting')\n" +
    'setTimeout(() => t.end(), 3_600_000)\n'
  const { child, ended } = startRunner(t, 1, [stays], 3600)
  await new Promise<void>(resolve => child.stderr.on('data', (data: string) => data.includes('waiting') && resolve()))
  child.kill('SIGTERM')
  const { code, out } = await ended
  t.not(code, 0)
  t.match(out, /signal: SIGKILL/)
})

t.test('a process that a file leaves with its output holds nobody, and the file has failed', async t => {
  const leaves = `import { spawn } from 'node:child_process'
import t from 'tap'
const { pid } = spawn('sleep', ['3600'], { detached: true, stdio: ['ignore', 'inherit', 'ignore'] })
process.stderr.write(\`left \${pid}\n\`)
t.pass('whole')
t.end()
process.exit()
`
  const { files, ended } = startRunner(t, 1, [leaves], 3600)
  const { code, out, err } = await ended
  t.teardown(() => process.kill(Number(/left (\d+)/.exec(err)?.[1])))
  t.not(code, 0)
  t.match(out, `not ok 1 - ${files[0]}`)
  t.match(err, `${files[0]} has ended, and a process that it left holds its output`)
})
