// Which keys the runs of a selfcheck have, in what order: later ones win.

import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { canaries, EMULATED } from '../../src/cli/selfcheck/canaries.ts'
import { selfcheck } from '../../src/cli/selfcheck/canary-runs.ts'
import { until } from '../fixtures/control-client.ts'

/** How a selfcheck fails whose runs are of a program that tells its words and leaves no run folder. */
async function failureOf(t: Test, isEmulated: boolean, code: number): Promise<Error | null> {
  const canary = canaries.filter(({ name }) => name === 'leak-memory')
  const running = selfcheck({
    canaries: canary,
    scenario: 'selfcheck',
    set: ['run.deadline=9s'],
    isEmulated,
    folder: t.testdir(),
    jobs: 2,
    program: [
      process.execPath,
      '-e',
      `console.error("nslab: error: " + process.argv.slice(1).join(" ")); process.exitCode = ${code}`,
      '--',
    ],
    signal: new AbortController().signal,
    hurried: new AbortController().signal,
    onStart: () => {},
    onEnd: () => {},
  })
  return running.then(
    () => null,
    (error: unknown) => error as Error,
  )
}

/** The words of the first run of a canary. */
async function wordsOf(t: Test, isEmulated: boolean): Promise<string> {
  const error = await failureOf(t, isEmulated, 7)
  t.match(error, { code: 'PROCESS_ENDED', message: /nslab run \((control|leak-memory)\).*exit 7/ })
  return (error as Error).message
}

t.test('emulated guests churn for longer; who asks for something has it', async t => {
  t.match(await wordsOf(t, false), /--out \S+ --set run\.deadline=9s/)
  t.match(await wordsOf(t, true), `--set ${EMULATED[0]} --set run.deadline=9s`)
})

t.test('a machine that is not fit for the runs is not fit for the selfcheck', async t => {
  for (const code of [2, 3]) {
    const error = await failureOf(t, false, code)
    t.match(error, {
      code: 'PROGRAM_FAILED',
      exitCode: code,
      message: /nslab run \((control|leak-memory)\): run selfcheck/,
    })
  }
})

t.test('what is too fast for emulated guests is slower there, and is the same fault', t => {
  for (const { name, set, emulated = [] } of canaries)
    for (const key of emulated) {
      const fault = key.replace(/=[^=]*$/, '')
      t.ok(
        set.some(other => other.startsWith(fault)),
        `${name}: ${key}`,
      )
    }
  t.end()
})

/** Leaves a file when it begins, and one when it was asked to end and has. */
const slowToEnd = (folder: string): string => `
const { writeFileSync } = require('node:fs')
const note = word => writeFileSync(${JSON.stringify(folder)} + '/' + process.pid + '.' + word, '')
process.on('SIGINT', () => setTimeout(() => { note('ended'); process.exit(130) }, 300))
setTimeout(() => process.exit(1), 60000)
note('began')
`

t.test('a signal ends the runs in order, and is told when they have', async t => {
  const folder = t.testdir({ notes: {} })
  const notes = join(folder, 'notes')
  const count = (word: string): number => readdirSync(notes).filter(name => name.endsWith(word)).length
  writeFileSync(join(folder, 'run.cjs'), slowToEnd(notes))
  const interrupt = new AbortController()
  const running = selfcheck({
    canaries: canaries.slice(0, 5),
    scenario: 'selfcheck',
    set: [],
    isEmulated: false,
    folder,
    jobs: 2,
    program: [process.execPath, join(folder, 'run.cjs')],
    signal: interrupt.signal,
    hurried: new AbortController().signal,
    onStart: () => {},
    onEnd: () => {},
  })
  await until(() => count('began') === 2)
  interrupt.abort('SIGINT')
  await t.rejects(running, { code: 'INTERRUPTED' })
  t.equal(count('ended'), 2)
  t.equal(count('began'), 2, 'none begins any more')
})
