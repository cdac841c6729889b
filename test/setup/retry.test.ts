// In CI, files that failed are tried once more: what only failed because of others passes, and is told; what is broken
// stays broken.

import { spawn } from 'node:child_process'
import { join, relative } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../../src/base/exec.ts'
import { ended } from '../fixtures/launch.ts'

const root = join(import.meta.dirname, '..', '..')

/** A test file that fails until `flag` exists, and makes it; one that always fails; one that passes. */
function files(t: Test): { readonly once: string; readonly always: string; readonly never: string } {
  const folder = t.testdir({
    'once.test.ts': `import { existsSync, writeFileSync } from 'node:fs'
import t from 'tap'
const flag = new URL('flag', import.meta.url)
t.pass('before')
t.ok(existsSync(flag), 'flag')
writeFileSync(flag, '')
`,
    'always.test.ts': "import t from 'tap'\nt.fail('broken')\n",
    'never.test.ts': "import t from 'tap'\nt.pass('whole')\n",
  })
  const path = (name: string): string => relative(root, join(folder, `${name}.test.ts`))
  return { once: path('once'), always: path('always'), never: path('never') }
}

async function npmTest(ci: boolean, names: readonly string[]): Promise<{ code: number | null; said: string }> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^_?TAP/.test(name) && name !== 'CI'))
  const program = ['src/setup/test.mjs', ...names]
  const ended = await run(process.execPath, program, { cwd: root, env: { ...env, ...(ci ? { CI: '1' } : {}) } })
  return { code: ended.code, said: ended.stdout }
}

t.test('what failed once and passes alone is flaky, and told', async t => {
  const { once, never } = files(t)
  const { code, said } = await npmTest(true, [once, never])
  t.match(said, `failed, and tried once more, alone: ${once}`)
  t.match(said, `flaky  ${once}: failed first, passed alone`)
  t.match(said, /\n3 passed, 0 failed\n$/)
  t.equal(code, 0)
})

t.test('what fails again has failed', async t => {
  const { always, never } = files(t)
  const { code, said } = await npmTest(true, [always, never])
  t.match(said, `failed, and tried once more, alone: ${always}`)
  t.match(said, /\n1 passed, 1 failed\n$/)
  t.equal(code, 1)
})

t.test('at home nothing is tried again', async t => {
  const { once } = files(t)
  const { code, said } = await npmTest(false, [once])
  t.notMatch(said, 'once more')
  t.match(said, /\n1 passed, 1 failed\n$/)
  t.equal(code, 1)
})

t.test('told to end, nothing is tried again', async t => {
  const folder = t.testdir({
    'waits.test.ts': "import t from 'tap'\nprocess.stderr.write('waiting')\nsetTimeout(() => t.end(), 600_000)\n",
  })
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^_?TAP/.test(name)))
  const child = spawn(process.execPath, ['src/setup/test.mjs', relative(root, join(folder, 'waits.test.ts'))], {
    cwd: root,
    env: { ...env, CI: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const end = ended(child)
  await new Promise<void>(resolve => child.stderr.on('data', (data: string) => data.includes('waiting') && resolve()))
  child.kill('SIGTERM')
  const { code, out } = await end
  t.equal(code, 1)
  t.notMatch(out, 'once more')
  t.match(out, /bailed out: ended by SIGTERM\n0 passed, \d failed$/)
})
