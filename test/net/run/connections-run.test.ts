// nslab run with [connections]: a run like any other, with its phases, its figures and its verdict, and what is wrong
// with such a scenario.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readProcesses } from '../../../src/lab/proc/process-table.ts'
import { NslabProcess, untilEmpty } from '../../fixtures/nslab-process.ts'

/** Generous: what is killed is gone in milliseconds. */
const GONE_MS = 20_000

function start(t: Test, ...words: readonly string[]): NslabProcess {
  const folder = join(t.testdir({}), 'run')
  const args = ['run', 'connections', '--on', 'host', '--out', folder, '--set', 'connections.namespaces=5', ...words]
  return new NslabProcess(args, { folder })
}

const loaders = (): number[] =>
  [...readProcesses().values()].filter(entry => entry.comm.startsWith('nslab-conn')).map(entry => entry.pid)

t.test('connections are opened, held, proven and closed, and judged', async t => {
  const run = start(t, '--set', 'connections.count=1500', '--duration', '300ms')
  const { code, stderr, stdout } = await run.ended
  const report = run.report()
  // A busy machine may miss the gate on speed, never one on what was there.
  const failed = report.gates.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name)
  t.same(
    failed.filter(name => !['connections_per_s', 'kernel_connection_bytes'].includes(name)),
    [],
    stderr,
  )
  if (failed.length === 0) t.equal(code, 0)
  t.match(report.metrics, {
    connections_count: 1500,
    connections_asked_count: 1500,
    connections_proven_count: 1500,
    connections_disagreeing_count: 0,
    connections_lost_count: 0,
    residue_count: 0,
  })
  t.notOk('nodes_count' in report.metrics, 'it has no nodes')
  t.same(
    report.phases.map(({ name }) => name),
    ['preflight', 'census', 'prepare', 'fill', 'hold', 'prove', 'drain', 'teardown', 'verify'],
  )
  t.match(report.notes, [/^limits: /])
  t.match(stdout, /Connections +Asked +Opened/)
  t.match(stdout, /1,500 connections over 5 namespaces/)
  t.match(readFileSync(join(run.folder, 'report.html'), 'utf8'), /Connections held/)
  const record = JSON.parse(readFileSync(join(run.folder, 'connections.json'), 'utf8')) as { counts: object }
  t.match(record.counts, { open: { established_sockets: 3000, established_counter: 3000 } })
})

t.test('more than the machine has room for is refused before anything is made', async t => {
  const run = start(t, '--set', 'connections.count=9000000000')
  const { code, stderr } = await run.ended
  t.equal(code, 3)
  t.match(stderr, /memory: .* needed/)
  t.notOk(existsSync(join(run.folder, 'connections.json')))
})

t.test('interrupted and killed, it leaves nothing', async t => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGKILL', null],
  ] as const) {
    const before = new Set(loaders())
    const run = start(t, '--set', 'connections.count=600', '--duration', '10m')
    await run.inPhase('hold')
    const own = loaders().filter(pid => !before.has(pid))
    t.ok(own.length > 1)
    run.kill(signal)
    t.equal((await run.ended).code, code)
    t.same(await untilEmpty(() => loaders().filter(pid => own.includes(pid)), GONE_MS), [], signal)
    if (code !== null) t.equal(run.report().verdict, 'error')
  }
})

t.test('what does not go together is told, all of it', async t => {
  const path = join(t.testdir({}), 'wrong.toml')
  writeFileSync(
    path,
    `name = "wrong"
[connections]
namespaces = 3
layout = "pairs"
[churn]
[hosts]
count = 2
[[gate]]
metric = "connections_conut"
require = "== 1"
`,
  )
  const { code, stderr } = await new NslabProcess(['plan', path]).ended
  t.equal(code, 2)
  t.match(stderr, /namespaces = 3: must be even for layout = "pairs"/)
  t.match(stderr, /churn: does not go with \[connections\]/)
  t.match(stderr, /hosts\.count = 2: must be 1/)
  t.match(stderr, /did you mean "connections_count"/)
})
