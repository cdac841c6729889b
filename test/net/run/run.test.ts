// nslab run, whole: from the command to the verdict, with real namespaces, a real database and real faults.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { run } from '../../../src/base/exec.ts'
import type { Plan } from '../../../src/plan.ts'
import type { Sample } from '../../../src/protocol/sample.ts'
import { cliPath, commandLine, NslabProcess, processesOf, untilEmpty } from '../../fixtures/nslab-process.ts'

function makeFolder(t: Test): string {
  const base = mkdtempSync(join(tmpdir(), 'nslab-run-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  return base
}

function startRun(t: Test, args: readonly string[], name = 'run'): NslabProcess {
  const folder = join(makeFolder(t), name)
  return new NslabProcess(['run', ...args, '--out', folder], { folder })
}

t.test('rings of one and of two nodes are rings', async t => {
  for (const [nodes, links] of [
    [1, 0],
    [2, 1],
  ]) {
    const nslab = startRun(t, ['ring', '--nodes', String(nodes), '--on', 'host', '--set', 'run.hold=0s'])
    const ended = await nslab.ended
    t.equal(ended.code, 0, ended.stderr + ended.stdout)
    t.match(nslab.report(), {
      verdict: 'pass',
      metrics: { nodes_count: nodes, ring_hops_count: nodes, links_count: links, links_missing_count: 0 },
    })
  }
})

t.test('a ring of 20 is wired, passes its gates and leaves nothing', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '20', '--set', 'run.hold=0s'])
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr)
  const report = nslab.report()
  t.equal(report.verdict, 'pass')
  t.equal(report.level, 'host')
  t.equal(report.metrics.nodes_count, 20)
  t.equal(report.metrics.links_count, 20)
  t.equal(report.metrics.residue_count, 0)
  t.match(
    report.phases.map(phase => phase.name),
    ['preflight', 'census', 'prepare', 'wire', 'measure', 'prove', 'hold', 'teardown', 'verify'],
  )
  for (const name of [
    'all_connected_s',
    'all_wired_s',
    'fabric_to_wired_s',
    'nextmini_wiring_s',
    'fabric_s',
    'total_s',
    'teardown_s',
  ]) {
    t.ok((report.metrics[name] as number) > 0, name)
  }
  t.match(ended.stdout, /Ring +20/)
  t.match(ended.stdout, /ring proven: 20 hops in .* 20 links agree/)
  t.same(
    readdirSync(nslab.folder)
      .filter(name => !name.startsWith('.'))
      .sort(),
    [
      'console',
      'environment.json',
      'events.ndjson',
      'ledger.ndjson',
      'links.ndjson',
      'outcome.json',
      'plan.json',
      'report.html',
      'report.json',
      'report.junit.xml',
      'report.tap',
      'samples.ndjson',
      'scenario.toml',
    ],
  )
  t.same(processesOf(nslab), [])
})

for (const protocol of ['tcp', 'udp'])
  t.test(`a fleet with ${protocol} links opens no more descriptors than its plan counts with`, async t => {
    const set = ['--set', 'run.hold=3s', '--set', `controller.protocol=${protocol}`]
    const nslab = startRun(t, ['ring', '--nodes', '150', '--on', 'host', ...set])
    const ended = await nslab.ended
    t.equal(ended.code, 0, ended.stderr)
    const { needs } = JSON.parse(readFileSync(join(nslab.folder, 'plan.json'), 'utf8')) as Plan
    const opened = readFileSync(join(nslab.folder, 'samples.ndjson'), 'utf8')
      .split('\n')
      .filter(line => line !== '')
      .flatMap(line => (JSON.parse(line) as Sample).processes)
      .filter(({ name }) => name === 'dataplane')
      .map(({ descriptors_count }) => descriptors_count)
    // A namespace, a control connection, a listener and two link ends each.
    t.ok(Math.max(...opened) >= 5 * 150, `${opened}`)
    t.ok(Math.max(...opened) <= needs.descriptors_count, `${opened} of ${needs.descriptors_count}`)
  })

t.test('nslab report gives the same report again from the folder', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '5', '--set', 'run.hold=0s'])
  await nslab.ended
  const before = readFileSync(join(nslab.folder, 'report.json'), 'utf8')
  const again = await new NslabProcess(['report', nslab.folder]).ended
  t.equal(again.code, 0)
  t.equal(readFileSync(join(nslab.folder, 'report.json'), 'utf8'), before)
})

t.test('the rows of the nodes are in the database while the run holds', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '10', '--set', 'run.hold=60s'])
  await nslab.inPhase('hold')
  const count = ['-h', join(nslab.folder, 'db'), '-U', 'pgusr', '-d', 'nextmini', '-tAc', 'SELECT COUNT(*) FROM nodes']
  let asked = await run('psql', count)
  // Rows are written when joining is over, and at the latest 2 s after it.
  for (let left = 200; left > 0 && asked.stdout.trim() !== '10'; left--) {
    await pause(50)
    asked = await run('psql', count)
  }
  const connect = readFileSync(join(nslab.folder, 'events.ndjson'), 'utf8')
  t.match(connect, /"store":"postgres"/)
  t.equal(asked.stdout.trim(), '10', asked.stderr + connect)
  nslab.kill('SIGTERM')
  t.equal((await nslab.ended).code, 130)
})

t.test('an interrupt in the middle ends in order, with a partial report', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '100', '--set', 'run.hold=60s'])
  await nslab.inPhase('wire')
  nslab.kill('SIGINT')
  const ended = await nslab.ended
  t.equal(ended.code, 130)
  const report = nslab.report()
  t.equal(report.verdict, 'error')
  t.equal(report.error?.code, 'INTERRUPTED')
  t.equal(report.metrics.residue_count, 0)
})

t.test('a second interrupt ends at once and still counts the machine', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '50', '--set', 'run.hold=60s'])
  await nslab.inPhase('hold')
  nslab.kill('SIGINT')
  nslab.kill('SIGINT')
  t.equal((await nslab.ended).code, 130)
  t.equal(nslab.report().metrics.residue_count, 0)
})

t.test('a run that nobody reads any more ends in order, with its verdict', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '3', '--set', 'run.hold=0s'])
  await nslab.inPhase('prepare')
  nslab.stopReading()
  t.match(await nslab.ended, { code: 0, signal: null })
  t.equal(nslab.report().verdict, 'pass')
  t.same(processesOf(nslab), [])
})

t.test('a command in a node ends with the run, which need not wait for it', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '3', '--set', 'run.hold=60s', '--set', 'run.teardown_deadline=5s'])
  await nslab.inPhase('hold')
  const command = new NslabProcess([
    'exec',
    '--run',
    nslab.folder,
    '2',
    '--',
    'sh',
    '-c',
    'echo up >&2; exec sleep 1000',
  ])
  await command.says(/^up$/m)
  nslab.kill('SIGINT')
  t.match(await command.ended, { code: 143 })
  t.match(await nslab.ended, { code: 130 })
  t.equal(nslab.report().metrics.residue_count, 0)
  t.same(processesOf(nslab), [])
})

t.test('an interrupt after the end does not take the report away', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '3', '--set', 'run.hold=0s'])
  await nslab.inPhase('verify')
  const outcome = join(nslab.folder, 'outcome.json')
  await untilEmpty(() => (existsSync(outcome) ? [] : [outcome]), 30_000)
  nslab.kill('SIGINT')
  t.match(await nslab.ended, { code: 0, signal: null })
  t.equal(nslab.report().verdict, 'pass')
})

t.test('a deadline that passes names the missing ids', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '200', '--set', 'run.deadline=50ms'])
  const ended = await nslab.ended
  t.equal(ended.code, 4, ended.stderr)
  const report = nslab.report()
  t.equal(report.error?.code, 'DEADLINE')
  t.match(report.error?.message, /200/)
  t.equal(report.metrics.residue_count, 0)
})

t.test('two runs at once do not disturb each other', async t => {
  const runs = ['a', 'b'].map(name => startRun(t, ['ring', '--nodes', '30', '--set', 'run.hold=1s'], name))
  const ended = await Promise.all(runs.map(nslab => nslab.ended))
  t.same(
    ended.map(end => end.code),
    [0, 0],
    ended.map(end => end.stderr).join('\n'),
  )
  for (const nslab of runs) t.equal(nslab.report().metrics.residue_count, 0)
})

t.test('a failed gate turns the run red', async t => {
  const folder = makeFolder(t)
  const scenario = join(folder, 'impossible.toml')
  writeFileSync(
    scenario,
    [
      'name = "impossible"',
      '[controller]',
      'topology = { type = "ring", ring_config = { n_nodes = 4 } }',
      '[run]',
      'hold = "0s"',
      '[[gate]]',
      'metric = "fabric_to_wired_s"',
      'require = "<= 0.000001"',
      '',
    ].join('\n'),
  )
  const nslab = new NslabProcess(['run', scenario, '--out', join(folder, 'run')], { folder: join(folder, 'run') })
  t.equal((await nslab.ended).code, 1)
  t.equal(nslab.report().verdict, 'fail')
})

t.test('a program that dies is named, with exit 6 and nothing left', async t => {
  const nslab = startRun(t, ['ring', '--nodes', '20', '--set', 'run.hold=60s'])
  await nslab.inPhase('hold')
  process.kill(nslab.program('controller')?.pid as number, 'SIGKILL')
  t.equal((await nslab.ended).code, 6)
  const report = nslab.report()
  t.equal(report.error?.code, 'PROCESS_ENDED')
  t.match(report.error?.message, /controller/)
  t.equal(report.metrics.residue_count, 0)
})

t.test('more nodes than open files allow is refused before anything is made', async t => {
  const folder = join(makeFolder(t), 'run')
  const command = [process.execPath, cliPath, 'run', 'ring', '--nodes', '100', '--out', folder]
  const limited = await run('prlimit', ['--nofile=256:256', ...command])
  t.equal(limited.code, 3, limited.stderr)
  t.match(limited.stderr, /open files/)
  t.notOk(existsSync(join(folder, 'plan.json')))
})

t.test('the published configuration runs unchanged but for its size', async t => {
  const nslab = startRun(t, ['nextmini-example', '--nodes', '24', '--set', 'run.hold=0s'])
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr)
  t.equal(nslab.report().metrics.nodes_count, 24)
})

t.test('every program of a run has ended when it has', async t => {
  const nslab = startRun(t, ['torus-1000', '--nodes', '27', '--set', 'run.hold=0s'])
  await nslab.inPhase('prepare')
  await nslab.ended
  t.same(
    (await untilEmpty(() => processesOf(nslab), 1000)).map(entry => commandLine(entry.pid)),
    [],
  )
})
