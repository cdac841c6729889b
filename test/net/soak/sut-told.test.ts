// What the user of a soak is told of a program of theirs that is not as it should be.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { NslabProcess } from '../../fixtures/nslab-process.ts'
import { startSoak } from '../../fixtures/soak-process.ts'

const GATES = ['netns_recall_ratio == 1', 'observer_exits_count == 0', 'churn_failed_count == 0']
  .map(gate => gate.split(' '))
  .map(([metric, ...limit]) => `[[gate]]\nmetric = "${metric}"\nrequire = "${limit.join(' ')}"\n`)
  .join('')

const sut = (t: Test, words: readonly string[], more = ''): NslabProcess =>
  startSoak(t, `[sut]\ncommand = ${JSON.stringify(words)}\n${more}\n${GATES}`, ['--set', 'run.hold=3s'])

const verdicts = (run: NslabProcess): Readonly<Record<string, string>> =>
  Object.fromEntries(run.report().gates.map(({ name, verdict }) => [name, verdict]))

/** Polls, and tells of one namespace with a number for a cookie. */
const CARELESS = `
const say = line => console.log(JSON.stringify(line));
const now = () => Number(process.hrtime.bigint()) / 1e9;
say({ is: 'start' });
let poll = 0;
setInterval(() => {
  const counts = { namespaces_count: 1, sockets_count: 0, dropped_count: 0, repeated_count: 0, incomplete_count: 0 };
  say({ is: 'poll', poll: ++poll, mono_s: now(), took_s: 0.01, first_of: null, ...counts });
  if (poll === 3) say({ is: 'netns', mono_s: now(), netns: 4097, inode: 7, name: null, found_by: 'me' });
}, 100);`

t.test('a line of another form: which program, which line, what is wrong, what is asked for', async t => {
  const run = sut(t, [process.execPath, '-e', CARELESS.replaceAll('\n', ' ')], 'output = "nslab.collect/1"')
  const { code, stderr } = await run.ended
  t.equal(code, 5, stderr)
  const wrong = /line 5 of its output is none of nslab\.collect\/1: netns of "netns" must be a cookie: .*in quotes\. /
  const words = new RegExp(`${wrong.source}It is: \\{"is":"netns".*4097.*Asked for: \\{"is": "netns"`)
  const lines = stderr.split('\n').filter(line => words.test(line))
  t.equal(lines.length, 1, stderr)
  const report = run.report()
  t.ok(
    report.notes.some(note => words.test(note)),
    'the report has it, too',
  )
  t.equal(report.metrics.lines_malformed_count, 1)
  t.match(verdicts(run), { netns_recall_ratio: 'unknown', observer_exits_count: 'pass', churn_failed_count: 'pass' })
  t.match(
    report.gates.find(({ name }) => name === 'netns_recall_ratio')?.evidence,
    /none of its format: 1, the first at [\d.]+ s line 5: netns of "netns" must be a cookie/,
  )
  t.notOk(
    report.notes.some(note => note.includes('observed.ndjson')),
    'no file is corrupt',
  )
})

t.test('a command that is not there, or may not be run, is a wrong scenario', async t => {
  const script = join(t.testdir({ exporter: 'echo up' }), 'exporter')
  for (const [command, refusal, remedy] of [
    ['no-such-exporter', /sut\.command: no-such-exporter can't be started: ENOENT \(no such file\)/, /on the PATH/],
    [script, /can't be started: EACCES \(permission denied\)/, /chmod \+x/],
  ] as const) {
    const run = sut(t, [command])
    const { code, stdout } = await run.ended
    t.equal(code, 2, stdout)
    t.match(run.report().error, { message: refusal, hint: remedy })
  }
})

t.test('one that goes into the background has ended, and what it left is unwatched', async t => {
  const run = sut(t, ['sh', '-c', 'sleep 1000 & sleep 1; echo begun'])
  const { code, stderr } = await run.ended
  t.equal(code, 1, stderr)
  t.match(
    stderr,
    /warning: sh -c .* ended by itself: exit 0; it is not started again \(sut\.restart\), and the soak goes on/,
  )
  t.match(stderr, /1 of the processes that it started live on, unwatched: let it stay in the foreground.* last: begun/)
  t.match(verdicts(run), { observer_exits_count: 'fail', residue_count: 'pass' })
})

t.test('one that does not end by SIGTERM is killed, and that is told', async t => {
  const run = sut(t, [process.execPath, '-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"])
  const { code, stderr } = await run.ended
  t.ok([0, 5].includes(code ?? -1), stderr)
  t.match(stderr, /warning: .* had not ended [\d.]+ s after SIGTERM, and was killed/)
  t.equal(run.report().metrics.residue_count, 0)
})
