// A live fabric whose process, worker or last reference ends: nothing crashes, and the kernel objects go with it.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { native } from '../../../src/native/addon.ts'

const program = fileURLToPath(new URL('../../fixtures/fabric-program.ts', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly said: readonly Record<string, unknown>[]
  readonly errors: string
}

/** Runs the program to its end. */
function run(how: string): Promise<Ended> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', program, how], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  return new Promise(resolve =>
    child.on('close', (code, signal) => {
      const said = output
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line))
      resolve({ code, signal, said, errors })
    }),
  )
}

for (const [how, links] of [
  ['exit', 5],
  ['drain', 5],
] as const) {
  t.test(`a process that ends by "${how}" with a live fabric ends cleanly`, async t => {
    const ended = await run(how)
    t.match(ended, { code: 0, signal: null, errors: '' })
    t.match(ended.said, [{ links }])
    t.ok((await native.awaitNetnsCleanup(20_000)) >= 0, 'the kernel finished removing what it held')
  })
}

t.test('a process that exits in the middle of a build ends cleanly', async t => {
  t.match(await run('exit-while-building'), { code: 0, signal: null, errors: '' })
})

t.test('what onReady throws is an uncaught exception like any other', async t => {
  t.match(await run('throw'), { code: 0, said: [{ uncaught: 'thrown by onReady' }], errors: '' })
})

t.test('a worker that ends with a live fabric takes it along, and the main thread works on', async t => {
  t.match(await run('worker'), { code: 0, signal: null, errors: '', said: [{ built: true }, { links: 4 }] })
})

t.test('a fabric that nobody refers to is collected, and its kernel objects go', async t => {
  t.match(await run('collect'), { code: 0, signal: null, errors: '', said: [{ links: 1 }] })
})
