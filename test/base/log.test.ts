import t from 'tap'
import { Log, type LogLevel, logLevels } from '../../src/base/log.ts'

/** What a log of this level writes when every method is called once. */
const written = (level: LogLevel | undefined, isTTY: boolean, env: NodeJS.ProcessEnv = {}): string[] => {
  const lines: string[] = []
  const log = new Log(level, { isTTY, write: text => lines.push(text) }, env)
  for (const name of logLevels) log[name]('text')
  return lines
}

t.test('a level lets itself and what is graver through', async t => {
  t.same(written('debug', false), [
    'nslab: error: text\n',
    'nslab: warning: text\n',
    'nslab: text\n',
    'nslab: debug: text\n',
  ])
  t.same(written(undefined, false), ['nslab: error: text\n', 'nslab: warning: text\n', 'nslab: text\n'])
  t.same(written('error', false), ['nslab: error: text\n'])
})

t.test('colours are for terminals, and not where NO_COLOR asks for none', async t => {
  t.same(written('info', true), [
    '\u001b[31mnslab: error: text\u001b[0m\n',
    '\u001b[33mnslab: warning: text\u001b[0m\n',
    'nslab: text\n',
  ])
  t.same(written('info', true, { NO_COLOR: '1' }), written('info', false))
})

t.test('it writes to standard error unless told otherwise', async t => {
  const lines: unknown[] = []
  t.intercept(process.stderr, 'write', { value: (text: unknown) => lines.push(text) })
  new Log().info('here')
  t.same(lines, ['nslab: here\n'])
})
