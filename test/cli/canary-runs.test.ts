// Which keys the runs of a selfcheck have, in what order: later ones win.

import t, { type Test } from 'tap'
import { selfcheck } from '../../src/cli/canary-runs.ts'
import { canaries, EMULATED } from '../../src/lab/canaries.ts'

/** The words of the first run of a canary, by a program that tells them and leaves no run folder. */
async function wordsOf(t: Test, isEmulated: boolean): Promise<string> {
  const canary = canaries.filter(({ name }) => name === 'leak-memory')
  const running = selfcheck({
    canaries: canary,
    scenario: 'selfcheck',
    set: ['run.deadline=9s'],
    isEmulated,
    folder: t.testdir(),
    jobs: 2,
    program: [process.execPath, '-e', 'console.error(process.argv.slice(1).join(" ")); process.exitCode = 7', '--'],
    signal: new AbortController().signal,
    onStart: () => {},
    onEnd: () => {},
  })
  const error = await running.then(
    () => null,
    (error: unknown) => error,
  )
  t.match(error, { code: 'PROCESS_ENDED', message: /nslab run \((control|leak-memory)\).*exit 7/ })
  return (error as Error).message
}

t.test('emulated guests churn for longer; who asks for something has it', async t => {
  t.match(await wordsOf(t, false), /--out \S+ --set run\.deadline=9s/)
  t.match(await wordsOf(t, true), `--set ${EMULATED[0]} --set run.deadline=9s`)
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
