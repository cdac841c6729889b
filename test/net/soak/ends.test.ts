// Soaks that do not come to their end, or whose observer does not: what is told, and what is left of them.

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { namesIn } from '../../../src/base/netns-holders.ts'
import { readStat } from '../../../src/lab/proc/proc.ts'
import { until } from '../../fixtures/control-client.ts'
import { NslabProcess, processesOf, untilEmpty } from '../../fixtures/nslab-process.ts'
import { churned, machine, observed, processOf, startSoak } from '../../fixtures/soak-process.ts'

/** Default of run.teardown_deadline. */
const TEARDOWN_S = 30

/** Paths of a process' control groups, within their hierarchies. */
const groupsOf = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .trim()
    .split('\n')
    .map(line => line.slice(line.indexOf(':', line.indexOf(':') + 1) + 1))

/** Folders of all control groups of this machine that were made for an observer. */
const memoryGroups = (): string[] => {
  // Of others' groups, which come and go, it is enough not to stumble over them.
  const look = (folder: string): string[] =>
    namesIn(folder)
      .map(name => join(folder, name))
      .filter(path => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      .flatMap(path => [path, ...look(path)])
  return look('/sys/fs/cgroup').filter(path => path.includes('/nslab-'))
}

t.test('SIGKILL of nslab run leaves no process, no mount and no name, and reap its control group neither', async t => {
  const before = machine()
  const run = startSoak(t, '[sut]\nmemory_max = "2 GB"\n')
  await run.inPhase('churn')
  const runId = run.runId
  const group = memoryGroups().filter(path => path.endsWith(`/nslab-${runId}`))
  t.equal(group.length, 1)
  run.kill('SIGKILL')
  await run.ended
  t.not(runId, null)
  t.same(await untilEmpty(() => processesOf(run), 30_000), [])
  t.same(machine(), before)
  const reaped = await new NslabProcess(['reap']).ended
  t.equal(reaped.code, 0, reaped.stderr)
  t.same(
    memoryGroups().filter(path => group.includes(path)),
    [],
  )
})

t.test('SIGKILL of the soak program ends the run, with a report that says so', async t => {
  const run = startSoak(t, '[sut]\nmemory_max = "2 GB"\n')
  await run.inPhase('churn')
  const groups = groupsOf(await processOf(run, 'collect'))
  const own = groups.filter(path => path.includes('/nslab-'))
  t.equal(own.length, 1, groups.join(', '))
  process.kill(await processOf(run, 'soak'), 'SIGKILL')
  const ended = await run.ended
  t.equal(ended.code, 6, ended.stderr)
  t.match(run.report().error, { code: 'PROCESS_ENDED', message: /^soak ended early/, phase: 'churn' })
  t.equal(run.outcome().residue.length, 0, run.outcome().residue.join(', '))
  const left = memoryGroups().filter(path => own.some(group => path.endsWith(group)))
  t.same(left, [], "the observer's control group is gone with it")
  t.same(processesOf(run), [])
})

t.test('SIGKILL of churn ends the run, too: there is no truth any more', async t => {
  const run = startSoak(t)
  await run.inPhase('churn')
  process.kill(await processOf(run, 'churn'), 'SIGKILL')
  const ended = await run.ended
  t.equal(ended.code, 6, ended.stderr)
  t.match(run.report().error, { code: 'PROGRAM_FAILED', message: /^soak: churn ended early \(killed by SIGKILL\)/ })
  t.same(processesOf(run), [])
})

t.test('an observer that dies is told, and the run goes on without', async t => {
  const run = startSoak(t, '[[gate]]\nmetric = "observer_exits_count"\nrequire = "== 0"\n')
  await run.inPhase('churn')
  process.kill(await processOf(run, 'collect'), 'SIGKILL')
  const ended = await run.ended
  t.equal(ended.code, 1, ended.stderr)
  const exits = observed(run).filter(line => line.is === 'observer_exited')
  t.match(exits, [{ status: 'killed by SIGKILL', wanted: false, oom: false }])
  t.match(
    run.report().gates.find(gate => gate.name === 'observer_exits_count'),
    { verdict: 'fail', observed: 1 },
  )
  t.equal(churned(run).at(-1)?.is, 'end', 'churn came to its end')
})

t.test('an observer that dies before it is warm is not waited for', async t => {
  const sut = '[sut]\ncommand = ["sh", "-c", "echo here >&2; sleep 3"]\nready = "here"\noutput = "nslab.collect/1"\n'
  const run = startSoak(t, `${sut}[[gate]]\nmetric = "observer_exits_count"\nrequire = "== 0"\n`)
  const ended = await run.ended
  t.equal(ended.code, 1, ended.stderr)
  t.notOk(run.report().error, 'no deadline has passed')
  t.equal(churned(run).at(-1)?.is, 'end', 'churn came to its end')
})

t.test('a program that can not be started fails the run before anything is made', async t => {
  const run = startSoak(t, '[sut]\ncommand = ["/nowhere/sut"]\n')
  const ended = await run.ended
  t.equal(ended.code, 2, ended.stderr)
  t.match(run.report().error, { phase: 'prepare', message: /\/nowhere\/sut can't be started: ENOENT/ })
  t.same(churned(run), [])
  t.same(processesOf(run), [])
})

t.test('an interrupted soak drops what it made, and reports what it has', async t => {
  const run = startSoak(t, '', ['--duration', '10m'])
  await run.inPhase('churn')
  await new Promise(resolve => setTimeout(resolve, 2000))
  run.kill('SIGINT')
  const ended = await run.ended
  t.equal(ended.code, 130, ended.stderr)
  t.match(run.report(), { error: { code: 'INTERRUPTED', phase: 'churn' }, metrics: { residue_count: 0 } })
  const truth = churned(run)
  const made = truth.filter(line => line.is === 'made').length
  t.ok(made >= 8)
  t.equal(truth.filter(line => line.is === 'dropped').length, made)
  t.match(observed(run).at(-1), { is: 'observer_exited', wanted: true })
  t.same(processesOf(run), [])
})

for (const fault of ['pause_churn', 'pause_observer', 'kill_observer', 'restart_database'])
  t.test(`a soak that is interrupted in a long ${fault} drops what it made, and does not wait`, async t => {
    const sets = ['--duration', '10m', '--set', 'collector.sink=postgres']
    const run = startSoak(t, `[[fault]]\ndo = "${fault}"\nat = "0s"\nfor = "10m"\n`, sets)
    await run.inPhase('churn')
    // What the fault does to its process has begun.
    if (fault === 'pause_churn') {
      const churn = await processOf(run, 'churn')
      await until(() => readStat(churn)?.state === 'T')
    }
    run.kill('SIGINT')
    const ended = await run.ended
    t.equal(ended.code, 130, ended.stderr)
    const { metrics, phases } = run.report()
    t.match(metrics, { residue_count: 0 })
    t.equal(churned(run).at(-1)?.is, 'end', 'churn came to its end')
    const teardown = phases.find(({ name }) => name === 'teardown')
    t.ok((teardown?.duration_s ?? TEARDOWN_S) < TEARDOWN_S, `before its deadline: ${teardown?.duration_s} s`)
    t.same(processesOf(run), [])
  })

const NEVER = '[sut]\ncommand = ["sleep", "1000"]\nready = "never"\n'

t.test('an observer that does not get ready in time fails the run at its deadline', async t => {
  const run = startSoak(t, NEVER, ['--set', 'run.deadline=1s'])
  const ended = await run.ended
  t.equal(ended.code, 4, ended.stderr)
  t.match(run.report().error, {
    code: 'DEADLINE',
    phase: 'prepare',
    message: /^the observer ready .* sut\.ready matches, \/never\//,
  })
  t.same(processesOf(run), [])
})

t.test('a soak that is interrupted before its observer is ready ends at once', async t => {
  const run = startSoak(t, NEVER)
  await run.inPhase('prepare')
  await processOf(run, 'churn')
  run.kill('SIGTERM')
  const ended = await run.ended
  t.equal(ended.code, 130, ended.stderr)
  t.match(run.report(), { error: { code: 'INTERRUPTED', phase: 'prepare' }, metrics: { residue_count: 0 } })
  t.same(processesOf(run), [])
})

t.test('the second signal ends a soak that still drops what it made', async t => {
  const run = startSoak(t)
  await run.inPhase('churn')
  run.kill('SIGINT')
  await run.inPhase('teardown')
  run.kill('SIGINT')
  const ended = await run.ended
  t.equal(ended.code, 130, ended.stderr)
  t.same(await untilEmpty(() => processesOf(run), 30_000), [])
})
