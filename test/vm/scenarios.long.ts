// The scenarios that ship, in real guests: what is proven there is what is proven on this machine.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { NslabProcess } from '../fixtures/nslab-process.ts'
import { hopsOf, linesOf, startVmRun, vmsLeft } from '../fixtures/vm-run.ts'

/** Ends well, at level tcg, with its VMs gone and its times on one axis. */
async function passes(t: Test, run: NslabProcess, vms: readonly string[]) {
  const ended = await run.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  const report = run.report()
  const { metrics } = report
  t.match(report, { verdict: 'pass', level: 'tcg' })
  t.match(metrics, { vms_count: vms.length, residue_count: 0, links_disagreeing_count: 0 })
  t.same(vmsLeft(run), [], 'no VM is left')
  const sampled = new Set(linesOf(run, 'samples.ndjson').map(({ site }) => site))
  t.same([...sampled].sort(), ['local', ...vms].sort(), 'this machine and every guest were sampled')
  const error = metrics.clock_error_s as number
  t.ok(error > 0 && error < 0.5, `clocks agree within ${error} s`)
  const hops = hopsOf(run, 1)
  t.equal(hops.length, metrics.nodes_count)
  const back = hops.filter(({ t_s }, index) => t_s < ((hops[index - 1]?.t_s ?? 0) as number) - 2 * error)
  t.same(back, [], 'no token arrives before it was sent')
  return { report, metrics, ended }
}

t.test('ring', async t => {
  const { ended } = await passes(t, startVmRun(t, 'ring', ['--nodes', '12', '--set', 'run.hold=1s']), ['vm1'])
  t.match(ended.stderr, /EMULATED|emulat/i)
})

t.test('multihost', async t => {
  const run = startVmRun(t, 'multihost', ['--set', 'run.hold=1s'])
  const { metrics, report } = await passes(t, run, ['vm1', 'vm2', 'controller'])
  t.match(metrics, { nodes_count: 10, links_crossing_count: 2, ring_hops_count: 10 })
  t.match(report.hosts, [{ nodes_count: 5 }, { nodes_count: 5, node_id_offset: 5 }])
})

t.test('the published files of two machines', async t => {
  const run = startVmRun(t, 'nextmini-multihost', ['--set', 'run.hold=1s'])
  const { metrics, ended } = await passes(t, run, ['vm1', 'vm2', 'controller'])
  t.match(metrics, { nodes_count: 10, links_crossing_count: 2, addresses_overlapping_count: 0 })
  t.match(ended.stderr, /206\.12\.95\.232.* is not dialled/, 'addresses of the files are never dialled')
})

t.test('host-loss', async t => {
  const run = startVmRun(t, 'host-loss')
  const { metrics } = await passes(t, run, ['vm1', 'vm2', 'vm3', 'controller'])
  t.match(metrics, { faults_count: 1, faults_felt_count: 1, proofs_count: 2 })
  const lives = linesOf(run, 'events.ndjson').filter(({ kind, vm }) => kind === 'vm_ready' && vm === 'vm2')
  t.equal(lives.length, 2, 'vm2 was there twice')
})

t.test('partition', async t => {
  const { metrics } = await passes(t, startVmRun(t, 'partition'), ['vm1', 'vm2', 'vm3', 'controller'])
  t.match(metrics, { faults_count: 1, faults_felt_count: 1, proofs_count: 2 })
})

t.test('controller-reboot', async t => {
  const run = startVmRun(t, 'controller-reboot')
  const { metrics } = await passes(t, run, ['vm1', 'vm2', 'controller'])
  t.match(metrics, { faults_count: 1, proofs_count: 2, rows_kept_count: 10 })
  const events = linesOf(run, 'events.ndjson')
  t.match(
    events.filter(({ kind }) => kind === 'database_ready').map(({ nodes_count }) => nodes_count ?? null),
    [null, 10],
    'every row was there before a node came back',
  )
  t.match(
    events.filter(({ kind, vm }) => kind === 'vm_ready' && vm === 'controller').map(({ how }) => how),
    [/restored|booted/, 'rebooted'],
  )
  t.notOk(existsSync(join(run.folder, 'controller.disk')))
})

t.test('frames that are lost and late are survived', async t => {
  const text = `
name = "lossy"
[controller]
topology = { type = "ring", ring_config = { n_nodes = 4 } }
[hosts]
count = 2
[run]
hold = "6s"
[[fault]]
at = "1s"
for = "4s"
do = "impair"
hosts = ["host1"]
loss = 0.05
delay = "20ms"
jitter = "5ms"
[[gate]]
metric = "proofs_count"
require = "== 2"
`
  await passes(t, startVmRun(t, { text }), ['vm1', 'vm2', 'controller'])
})
