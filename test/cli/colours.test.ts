// Colours of the report at the end of a run, in a terminal of its own.

import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ringRun, writeRunFolder } from '../fixtures/run-folder.ts'
import { Terminal } from '../fixtures/terminal.ts'

const module = fileURLToPath(new URL('../../src/cli/run/run-and-tell.ts', import.meta.url))

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour sequences begin with ESC
const isColoured = (text: string): boolean => /\x1b\[\d+m/.test(text)

t.test('a run is told in colours on a terminal, and without where NO_COLOR asks for it', async t => {
  const { path, remove } = writeRunFolder(ringRun())
  t.teardown(remove)
  const text = `const { judgeAndTell } = await import(${JSON.stringify(module)})
    await judgeAndTell({ folder: ${JSON.stringify(path)}, diskError: null, bug: null })`
  const told = async (...prefix: string[]): Promise<string> => {
    const words = ['env', ...prefix, process.execPath, '--import', 'tsx', '--input-type=module', '-e', text]
    const terminal = new Terminal(t, words)
    t.equal(await terminal.ended, 0)
    return terminal.text
  }
  t.ok(isColoured(await told('--unset=NO_COLOR')))
  const plain = await told('NO_COLOR=1')
  t.match(plain, /Gates/)
  t.notOk(isColoured(plain))
})
