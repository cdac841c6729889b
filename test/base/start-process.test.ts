// Programs that can't be started: every way in which Node tells it is one error.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { startProcess } from '../../src/base/start-process.ts'

const started = (): ReturnType<typeof spawn> => startProcess('it', () => spawn('true'))

t.test('one that starts is returned with its streams', async t => {
  const child = started()
  t.ok(child.stdout)
  t.same(await once(child, 'close'), [0, null])
})

t.test('no memory: Node throws', async t => {
  const noMemory = Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' })
  const failing = (error: Error) => () => {
    throw error
  }
  t.throws(() => startProcess('it', failing(noMemory)), {
    code: 'KERNEL_REFUSED',
    facts: { operation: 'spawn', where: 'it', errno: 'ENOMEM' },
    cause: noMemory,
  })
  const bug = Object.assign(new TypeError('bad'), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => startProcess('it', failing(bug)), bug, 'what is no refusal of the kernel stays what it is')
})

t.test('no such program: the child says it', async t => {
  const child = startProcess('it', () => spawn('nslab-no-such-program'))
  const [error] = await once(child, 'error')
  t.match(error, { code: 'ENOENT' })
})

t.test('no descriptor left: Node returns a child without streams', async t => {
  const program = `
    import { openSync } from 'node:fs'
    import { spawn } from 'node:child_process'
    import { startProcess } from ${JSON.stringify(new URL('../../src/base/start-process.ts', import.meta.url).href)}
    process.stdout.write('')
    try { for (;;) openSync('/dev/null') } catch {}
    try { startProcess('it', () => spawn('true')) } catch ({ code, facts }) { console.log(JSON.stringify({ code, facts })) }
  `
  const node = [process.execPath, '--import=tsx', '--input-type=module', '-e', program]
  const child = spawn('prlimit', ['--nofile=100:100', ...node], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    said += text
  })
  t.same(await once(child, 'close'), [0, null])
  t.match(JSON.parse(said), { code: 'KERNEL_REFUSED', facts: { operation: 'spawn', where: 'it', errno: 'EMFILE' } })
})
