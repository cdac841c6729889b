import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../src/base/exec.ts'

/** A program that says its arguments, environment and input, and ends with 3. */
const speaker = `
  let input = ''
  process.stdin.on('data', text => { input += text }).on('end', () => {
    process.stdout.write(JSON.stringify({ args: process.argv.slice(1), input, env: process.env.SPOKEN, cwd: process.cwd() }))
    process.stderr.write('aside')
    process.exitCode = 3
  })`

t.test('arguments reach the program as they are, whatever a shell would make of them', async t => {
  const args = ['a b', '$HOME', '`id`', "it's", '"', '', '*', '\n', '; exit 9']
  const result = await run(process.execPath, ['-e', speaker, '--', ...args])
  t.same(JSON.parse(result.stdout).args, args)
  t.same({ ...result, stdout: '' }, { stdout: '', stderr: 'aside', code: 3, signal: null, timedOut: false })
})

t.test('input, environment and folder are passed on', async t => {
  const cwd = await realpath(t.testdir())
  const result = await run(process.execPath, ['-e', speaker], { input: 'line\nlast', env: { SPOKEN: 'yes' }, cwd })
  t.same(JSON.parse(result.stdout), { args: [], input: 'line\nlast', env: 'yes', cwd })
})

t.test('a program that ends without reading its input has ended, and that is all', async t => {
  t.match(await run(process.execPath, ['-e', 'process.exit(3)'], { input: 'x'.repeat(1 << 20) }), { code: 3 })
})

t.test('without input a program reads the end of it at once', async t => {
  t.match(await run('cat', []), { stdout: '', code: 0 })
})

t.test('output is kept byte for byte, with and without a last line break', async t => {
  t.equal((await run('printf', ['a\\nb'])).stdout, 'a\nb')
  t.equal((await run('printf', ['a\\n\\n'])).stdout, 'a\n\n')
})

t.test('a program that is not there gives 127, one that may not run 126', async t => {
  t.match(await run('/nowhere/at-all', []), { code: 127, signal: null, timedOut: false })
  const folder = t.testdir({ text: 'no program' })
  t.match(await run(join(folder, 'text'), []), { code: 126, signal: null, timedOut: false })
})

t.test('a signal that ends it is told', async t => {
  t.match(await run('sh', ['-c', 'kill -TERM $$']), { code: null, signal: 'SIGTERM', timedOut: false })
})

t.test('a program that outlasts its time is killed', async t => {
  t.match(await run('sleep', ['1000'], { timeoutMs: 20 }), { code: null, signal: 'SIGKILL', timedOut: true })
})

t.test('abort before, during and after', async t => {
  const before = await run('sleep', ['1000'], { abort: AbortSignal.abort() })
  t.match(before, { code: null, signal: 'SIGKILL', timedOut: false })
  const during = new AbortController()
  const child = run('sleep', ['1000'], { abort: during.signal })
  setTimeout(() => during.abort(), 20)
  t.match(await child, { code: null, signal: 'SIGKILL', timedOut: false })
  const after = new AbortController()
  t.match(await run('true', [], { abort: after.signal }), { code: 0, signal: null })
  after.abort()
})
