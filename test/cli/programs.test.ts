// controller and dataplane as a user calls them wrongly: an answer with its exit code, and nothing made.

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Ended, ended } from '../fixtures/launch.ts'
import { cliPath } from '../fixtures/nslab-process.ts'

function nslab(args: readonly string[], temporary: string): Promise<Ended> {
  const env = { ...process.env, TMPDIR: temporary }
  return ended(spawn(process.execPath, [cliPath, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }))
}

async function refuses(t: Test, args: readonly string[], code: number): Promise<void> {
  const folder = t.testdir({ 'plan.json': 'not a plan' })
  const answer = await nslab(args, folder)
  t.equal(answer.code, code, answer.err)
  t.same(
    readdirSync(folder).filter(name => name.startsWith('nslab')),
    [],
    'no folder is left',
  )
}

t.test('what is no plan, no file or no time is a wrong use', async t => {
  const plan = join(t.testdirName, 'plan.json')
  await refuses(t, ['controller', '--plan', plan], 2)
  await refuses(t, ['dataplane', '--plan', plan], 2)
  await refuses(t, ['controller', '--config', '/dev/zero'], 2)
  await refuses(t, ['controller', '--deadline', '99999999'], 2)
})

t.test('a controller that has no place for its database says which it tried', async t => {
  const { code, err } = await nslab(['controller'], join(t.testdir(), 'absent'))
  t.equal(code, 6)
  t.match(err, 'absent/nslab-controller-')
})
