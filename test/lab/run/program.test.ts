// A program of a run as a process of its own: Node with code of the test's in place of nslab's.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Program } from '../../../src/lab/run/program.ts'
import { startLocalProcess } from '../../../src/lab/site/local-process.ts'

const LASTING = 'setInterval(() => {}, 1e6)'

interface Bench {
  readonly program: Program
  readonly failures: unknown[]
  readonly failed: Promise<unknown>
}

function start(t: Test, code: string): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-program-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const log = join(folder, 'log')
  const consoleFd = openSync(log, 'a')
  const failures: unknown[] = []
  let tell = (_error: unknown): void => {}
  const failed = new Promise(resolve => (tell = resolve))
  const program = new Program({
    name: 'controller',
    process: startLocalProcess({
      name: 'controller',
      args: [],
      nodeFlags: ['--eval', code, '--'],
      fabricFd: openSync('/proc/self/ns/net', 'r'),
      console: { fd: consoleFd, lastWords: () => readFileSync(log, 'utf8').trim() },
      env: {},
    }),
    onEvent: () => {},
    onFailure: error => {
      failures.push(error)
      tell(error)
    },
  })
  closeSync(consoleFd)
  t.teardown(async () => {
    program.kill()
    await program.exited
  })
  return { program, failures, failed }
}

t.test('a program that ends before it says why is named with its last words', async t => {
  const { program, failed } = start(t, 'console.error("alas"); process.exit(2)')
  const error = await failed
  t.match(error, {
    code: 'PROCESS_ENDED',
    facts: { process: 'controller', status: 'exit 2', lastWords: 'alas' },
  })
  await t.rejects(program.ready, { code: 'PROCESS_ENDED' })
})

t.test('a program that is killed is named with the signal', async t => {
  const { program, failed } = start(t, LASTING)
  process.kill(program.pid, 'SIGKILL')
  t.match(await failed, { code: 'PROCESS_ENDED', facts: { status: 'killed by SIGKILL' } })
})

t.test('a bug in a program is a bug in nslab', async t => {
  const { failed } = start(t, 'process.exit(70)')
  t.match(await failed, { code: 'PROGRAM_FAILED', exitCode: 70 })
})

t.test('one that was told to end has not failed', async t => {
  const { program, failures } = start(t, LASTING)
  program.kill()
  t.equal(await program.exited, 'killed by SIGKILL')
  t.same(failures, [])
  t.equal(await program.stop(0), null)
})

t.test('a line that is no notice is a fault of the program, not its end', async t => {
  const { failed } = start(t, `require('fs').writeSync(4, 'nonsense\\n'); ${LASTING}`)
  t.type(await failed, SyntaxError)
})
