import { readFileSync } from 'node:fs'
import t from 'tap'
import { type ErrorCode, errorTable, exitCodeOf, NslabError } from '../../src/base/errors.ts'
import { ExitCode } from '../../src/base/exit-codes.ts'

const codes = Object.keys(errorTable) as ErrorCode[]

t.test('the table and its document name the same codes, in one order, with the same exits', async t => {
  const text = readFileSync(new URL('../../src/base/errors.md', import.meta.url), 'utf8')
  const documented = [...text.matchAll(/^\| `(\w+)` \| ([\w ]+) \|/gm)].map(([, code, exit]) => [code, exit])
  t.same(
    documented,
    codes.map(code => {
      const { exit } = errorTable[code]
      return [code, typeof exit === 'function' ? 'its own' : String(exit)]
    }),
  )
})

t.test('every fact that the document names is what the error is made from', async t => {
  const text = readFileSync(new URL('../../src/base/errors.md', import.meta.url), 'utf8')
  for (const [, code, list = ''] of text.matchAll(/^\| `(\w+)` \|.*\| ([\w, ]*) \|$/gm)) {
    const used = new Set<string>()
    const spy = new Proxy<Record<string, unknown>>(
      {},
      {
        get: (_target, key) => {
          used.add(String(key))
          return key === 'problems' || key === 'consoleLines'
            ? []
            : key === 'failure'
              ? { exit_code: 1, message: '' }
              : ''
        },
      },
    )
    const error = new NslabError(code as ErrorCode, spy)
    t.type(error.hint ?? '', 'string')
    t.type(error.exitCode, 'number')
    t.same([...used].sort(), list.split(', ').sort(), `the facts of ${code}`)
  }
})

t.test('an error carries its code, facts, cause and rendering', async t => {
  const cause = new Error('ENOSPC')
  const error = new NslabError('DISK_REFUSED', { path: '/x', reason: 'full' }, { cause })
  t.match(error, { name: 'NslabError', code: 'DISK_REFUSED', facts: { path: '/x', reason: 'full' }, cause })
  t.equal(error.exitCode, ExitCode.refused)
  t.ok(error.hint)
  t.equal(new NslabError('DATABASE_REFUSED', { target: 'x', reason: 'y' }).hint, undefined)
})

t.test('what to do about a path that can not be written is said by its errno, wherever that stands', async t => {
  const hintOf = (facts: object) => new NslabError('DISK_REFUSED', { path: '/x', ...facts }).hint
  t.match(hintOf({ reason: 'ENOSPC' }), /Free some space/)
  t.match(hintOf({ reason: 'ENOENT: no such file or directory' }), /Make its folder/)
  t.match(hintOf({ reason: 'refused', errno: 'EROFS' }), /read-only/)
  t.match(hintOf({ reason: 'EISDIR' }), /Name a file/)
})

t.test('a program that failed passes its own exit code and hint on', async t => {
  const failure = { exit_code: ExitCode.deadline, message: 'late', hint: 'wait' }
  const error = new NslabError('PROGRAM_FAILED', { process: 'controller', failure })
  t.equal(exitCodeOf(error), ExitCode.deadline)
  t.equal(error.hint, 'wait')
})

t.test('messages render lists and what is not text', async t => {
  const error = new NslabError('DEADLINE', { waitingFor: 'joining', limitS: 3, missing: ['4', '17'] })
  t.match(error.message, '4, 17')
})

t.test('facts that may be absent change the words', async t => {
  const message = (code: ErrorCode, facts: object): string => new NslabError(code, { ...facts }).message
  t.match(message('PROCESS_ENDED', { process: 'p', status: 's', lastWords: 'alas' }), 'alas')
  t.notMatch(message('PROCESS_ENDED', { process: 'p', status: 's' }), 'alas')
  t.not(message('RUN_UNFINISHED', { damaged: true }), message('RUN_UNFINISHED', {}))
  t.equal(new NslabError('USAGE', { problem: 'x', hint: 'so' }).hint, 'so')
  t.match(new NslabError('USAGE', { problem: 'x' }).hint, '--help')
})

t.test('whatever is not an expected error is a bug', async t => {
  t.equal(exitCodeOf(new TypeError('x')), ExitCode.bug)
  t.equal(exitCodeOf('text'), ExitCode.bug)
})

t.test('a refusal of the kernel says what to do about it, where that is known', async t => {
  const refusal = (errno: string): NslabError =>
    new NslabError('KERNEL_REFUSED', { operation: 'listen', where: '127.0.0.1:1', errno, reason: 'why' })
  t.ok(refusal('EADDRINUSE').hint)
  t.equal(refusal('EXDEV').hint, undefined)
})
