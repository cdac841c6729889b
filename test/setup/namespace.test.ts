// Without root a run is a child of the command that was called: neither outlives the other.

import { spawn } from 'node:child_process'
import t from 'tap'
import { asNobody, firstLine, isRoot, markGone } from '../fixtures/launch.ts'

const setup = new URL('../../src/setup/', import.meta.url).href

t.test('what runs in the user namespace ends when its caller is killed', async t => {
  const mark = `NSLAB_TEST=namespace-${process.pid}`
  const script = `
    const { inUserNamespace } = await import('${setup}namespace.mjs')
    const { runInstead } = await import('${setup}child.mjs')
    const [command, args] = await inUserNamespace(['sh', '-c', 'id -u; exec sleep 1000'])
    await runInstead(command, args)`
  const [program, ...args] = [...(isRoot ? asNobody : []), process.execPath, '--input-type=module', '-e', script]
  const [name, value] = mark.split('=') as [string, string]
  const child = spawn(program as string, args, {
    env: { ...process.env, [name]: value },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.equal(await firstLine(child.stdout), '0')
  child.kill('SIGKILL')
  t.same(await markGone(mark), [])
})
