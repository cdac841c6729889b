// Scenarios that do something to their hosts, in real guests: undone, everything is proven again.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { linesOf, passes, startVmRun } from '../fixtures/vm-run.ts'

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

t.test('frames that are lost and late are felt, and survived', async t => {
  const text = `
name = "lossy"
[controller]
topology = { type = "ring", ring_config = { n_nodes = 4 } }
[hosts]
count = 2
[run]
hold = "12s"
[[fault]]
at = "1s"
for = "10s"
do = "impair"
hosts = ["host1"]
loss = 0.2
delay = "20ms"
jitter = "5ms"
[[gate]]
metric = "proofs_count"
require = "== 2"
[[gate]]
metric = "faults_felt_count"
require = "== 1"
`
  const run = startVmRun(t, { text })
  await passes(t, run, ['vm1', 'vm2', 'controller'])
  const [ended] = linesOf(run, 'events.ndjson').filter(({ kind }) => kind === 'fault_ended')
  const [hit] = (ended?.frames ?? []) as { host: string; lost_count: number; delayed_count: number }[]
  t.equal(hit?.host, 'host1')
  t.ok((hit?.lost_count ?? 0) > 0 && (hit?.delayed_count ?? 0) > 0, JSON.stringify(hit))
})
