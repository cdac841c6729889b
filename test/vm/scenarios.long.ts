// The scenarios that ship, in real guests: what is proven there is what is proven on this machine.

import t from 'tap'
import { needsTun } from '../fixtures/tun.ts'
import { passes, startVmRun } from '../fixtures/vm-run.ts'

t.test('ring', async t => {
  await passes(t, startVmRun(t, 'ring', ['--nodes', '12', '--set', 'run.hold=1s']), ['vm1'])
})

t.test('a payload to a group, with parity', async t => {
  const run = startVmRun(t, 'lossless-tree', ['--set', 'flow[0].payload=512 kB', '--set', 'flow[0].rate=1mbit'])
  const ended = await run.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  const { metrics } = run.report()
  t.match(metrics, { lossless_undelivered_count: 0, lossless_delivered_count: 8, residue_count: 0 })
  t.ok((metrics.lossless_decoded_blocks_count as number) >= 1, 'by ISA-L in the guest')
})

t.test('multihost', async t => {
  const run = startVmRun(t, 'multihost', ['--set', 'run.hold=1s'])
  const { metrics, report } = await passes(t, run, ['vm1', 'vm2', 'controller'])
  t.match(metrics, { nodes_count: 10, links_crossing_count: 2, ring_hops_count: 10 })
  t.match(report.hosts, [{ nodes_count: 5 }, { nodes_count: 5, node_id_offset: 5 }])
})

t.test('large packets between hosts, on tap devices', needsTun, async t => {
  const large = ['hosts.network=tap', 'hosts.mtu=9000', 'dataplane.mtu=6400', 'flow[0].packet_bytes=6400']
  const run = startVmRun(t, 'chain', ['--hosts', '2', ...large.flatMap(pair => ['--set', pair])])
  const ended = await run.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  const { hosts, metrics } = run.report()
  t.match(hosts, [{ uplink_mtu_bytes: 9000 }, { uplink_mtu_bytes: 9000 }])
  t.match(metrics, { flow_packets_lost_count: 0, residue_count: 0 })
})

t.test('the published files of two machines', async t => {
  const run = startVmRun(t, 'nextmini-multihost', ['--set', 'run.hold=1s'])
  const { metrics, ended } = await passes(t, run, ['vm1', 'vm2', 'controller'])
  t.match(metrics, { nodes_count: 10, links_crossing_count: 2, addresses_overlapping_count: 0 })
  t.match(ended.stderr, /206\.12\.95\.232.* is not dialled/, 'addresses of the files are never dialled')
})
