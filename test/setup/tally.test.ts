import { Readable } from 'node:stream'
import t from 'tap'
import { tally } from '../../src/setup/tally.mjs'

/** What the tally of this TAP prints and returns. */
const tallyOf = async (lines: readonly string[], mayBeSkipped?: (reason: string) => boolean) => {
  const printed: string[] = []
  const stream = Readable.from(lines.map(line => `${line}\n`))
  const counts = await tally(stream, line => printed.push(line), mayBeSkipped)
  return { ...counts, printed }
}

t.test('assertions are counted where they are made, files are told with their time', async t => {
  const { passed, failed, problems, printed } = await tallyOf([
    'TAP version 14',
    '# Subtest: test/a.test.ts',
    '    # Subtest: one',
    '        ok 1 - first',
    '        ok 2 - second',
    '        1..2',
    '    ok 1 - one # time=5ms',
    '    ok 2 - third',
    '    1..2',
    'ok 1 - test/a.test.ts # time=1250ms',
    '1..1',
  ])
  t.same([passed, failed, problems], [3, 0, []])
  t.same(printed, ['ok     test/a.test.ts: 3 passed (1.3 s)'])
})

t.test('a failure is told with its place and its diagnostics, a file with its count', async t => {
  const { passed, failed, printed, failedFiles } = await tallyOf([
    '# Subtest: test/a.test.ts',
    '    # Subtest: one',
    '        not ok 1 - first',
    '          ---',
    '          diff: |',
    '            -1',
    '            +2',
    '          isToplevel: true',
    '          ...',
    '        1..1',
    '    not ok 1 - one',
    '    1..1',
    'not ok 1 - test/a.test.ts # time=10ms',
    '1..1',
  ])
  t.same([passed, failed], [0, 1])
  t.match(printed[0], /^not ok test\/a.test.ts > one > first\n {4}diff:\n {6}-1\n {6}\+2$/)
  t.equal(printed[1], 'not ok test/a.test.ts: 0 passed, 1 failed (0.0 s)')
  t.same(failedFiles, [{ name: 'test/a.test.ts', passed: 0, failed: 1 }])
})

t.test('a file that took too long has all of its failures, told at once or later', async t => {
  const { failed, failedFiles } = await tallyOf([
    '# Subtest: test/a.test.ts',
    '    not ok 1 - timeout!',
    '    1..1',
    'not ok 1 - test/a.test.ts # time=10ms',
    '# Subtest: test/b.test.ts',
    '    not ok 1 - first',
    '    1..1',
    'not ok 2 - test/b.test.ts # time=10ms',
    'not ok 3 - timeout!',
    '  ---',
    '  expired: test/a.test.ts',
    '  ...',
    '1..3',
  ])
  t.equal(failed, 3)
  t.same(failedFiles, [
    { name: 'test/a.test.ts', passed: 0, failed: 2 },
    { name: 'test/b.test.ts', passed: 0, failed: 1 },
  ])
})

t.test('what is skipped or left for later has failed', async t => {
  const { passed, failed, printed } = await tallyOf([
    '# Subtest: test/a.test.ts',
    '    ok 1 - first # SKIP no root',
    `    not ok 2 - second # ${'todo'.toUpperCase()} some day`,
    '    1..2',
    'ok 1 - test/a.test.ts # time=10ms',
    '1..1',
  ])
  t.same([passed, failed], [0, 2])
  t.match(printed[0], 'skip: no root')
  t.match(printed[1], 'todo: some day')
  t.match(printed[2], /^not ok test\/a.test.ts/)
})

t.test('a skip for a reason that is let through is told, and has neither passed nor failed', async t => {
  const lines = [
    '# Subtest: a',
    '    ok 1 - x # SKIP needs root',
    '    ok 2 - y',
    '    1..2',
    'ok 1 - a # time=1ms',
    '1..1',
  ]
  const { passed, failed, printed } = await tallyOf(lines, reason => reason === 'needs root')
  t.same([passed, failed], [1, 0])
  t.match(printed, [/^skip {3}a > x: needs root$/, 'ok     a: 1 passed (0.0 s)'])
})

t.test('a file that dies without a word has failed', async t => {
  const { passed, failed } = await tallyOf([
    '# Subtest: test/a.test.ts',
    '    1..0 # no tests found',
    'not ok 1 - test/a.test.ts # time=10ms',
    '  ---',
    '  exitCode: 7',
    '  ...',
    '1..1',
  ])
  t.same([passed, failed], [0, 1])
})

t.test('output that breaks off has failed', async t => {
  const cut = await tallyOf(['TAP version 14', '1..2', '# Subtest: test/a.test.ts', '    ok 1 - first'])
  t.match(cut, { passed: 1, failed: 0, problems: [/not whole/] })
  t.match(await tallyOf(['ok 1', 'Bail out! no more']), { problems: [/no more/] })
})
