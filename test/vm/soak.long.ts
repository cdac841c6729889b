// Soaks in real guests: observer, churn and database are the guest's processes, what they say crosses its one channel.

import t, { type Test } from 'tap'
import type { NslabProcess } from '../fixtures/nslab-process.ts'
import { linesOf, startVmRun, vmsLeft } from '../fixtures/vm-run.ts'

const SMALL = ['--duration', '15s', '--set', 'churn.namespaces=20', '--set', 'churn.rate_per_s=4']

/** Ends well, with all found and its VM gone. */
async function passes(t: Test, run: NslabProcess) {
  const ended = await run.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  const report = run.report()
  t.match(report, { verdict: 'pass', level: 'tcg' })
  t.match(report.metrics, {
    vms_count: 1,
    residue_count: 0,
    netns_recall_ratio: 1,
    netns_precision_ratio: 1,
    socket_recall_ratio: 1,
    sockets_misattributed_count: 0,
    rows_lost_count: 0,
    rows_doubled_count: 0,
  })
  t.ok((report.metrics.vm_waited_ratio ?? -1) >= 0, 'what its emulator waited for a processor is known')
  t.same(vmsLeft(run), [], 'no VM is left')
  const sampled = linesOf(run, 'samples.ndjson').filter(({ site }) => site === 'vm1')
  const names = new Set(sampled.flatMap(({ processes }) => (processes as { name: string }[]).map(({ name }) => name)))
  t.ok(
    ['agent', 'soak', 'observer', 'churn'].every(name => names.has(name)),
    [...names].join(', '),
  )
  return { report, names }
}

t.test('churn', async t => {
  await passes(t, startVmRun(t, 'churn', SMALL))
})

t.test('pipeline', async t => {
  const fault = ['--set', 'fault[0].at=4s', '--set', 'fault[1].at=10s', '--set', 'fault[1].for=2s']
  const run = startVmRun(t, 'pipeline', [...SMALL, ...fault])
  const { report, names } = await passes(t, run)
  t.match(report.metrics, { faults_count: 2, faults_felt_count: 2 })
  t.ok(names.has('database'))
})
