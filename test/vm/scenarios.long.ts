// The scenarios that ship, in real guests: what is proven there is what is proven on this machine.

import t from 'tap'
import { passes, startVmRun } from '../fixtures/vm-run.ts'

t.test('ring', async t => {
  await passes(t, startVmRun(t, 'ring', ['--nodes', '12', '--set', 'run.hold=1s']), ['vm1'])
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
