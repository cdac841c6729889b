// Several hosts on this machine: a fabric root each, one ring through all of them, and what is done to hosts.

import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { loadScenario } from '../../../src/config/load.ts'
import { makePlan } from '../../../src/lab/plan/plan.ts'
import { LocalSite } from '../../../src/lab/site/local-site.ts'
import { ip } from '../../fixtures/fabric.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'

function start(t: Test, args: readonly string[], text?: string): NslabProcess {
  const base = mkdtempSync(join(tmpdir(), 'nslab-hosts-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const file = join(base, 'scenario.toml')
  if (text !== undefined) writeFileSync(file, text)
  const folder = join(base, 'run')
  return new NslabProcess(['run', ...(text === undefined ? args : [file]), '--on', 'host', '--out', folder], { folder })
}

/** Network namespaces that this process holds by a descriptor: by inode, one descriptor each. */
function namespacesHere(): Map<string, number> {
  const found = new Map<string, number>()
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const [, inode] = /^net:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`)) ?? []
      if (inode !== undefined) found.set(inode, Number(fd))
    } catch {
      // It was closed meanwhile.
    }
  }
  return found
}

interface Line {
  readonly kind: string
  readonly [fact: string]: unknown
}

const eventsOf = ({ folder }: NslabProcess): Line[] =>
  readFileSync(join(folder, 'events.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Line)

t.test("the roots' uplinks and the bridge between them have the MTU that was asked for", async t => {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-mtu-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const set = { key: 'hosts.mtu', value: '9000', from: '--set hosts.mtu=9000' }
  const plan = makePlan(loadScenario('multihost', [set]).scenario)
  const site = new LocalSite({
    name: 'local',
    runId: 'ab'.repeat(16),
    clock: systemClock,
    originNs: systemClock.nowNs(),
    planPath: join(folder, 'plan.json'),
    folder,
    console: () => ({ onText: () => {}, lastWords: () => '' }),
    uplinkCard: null,
    alsoSampled: () => [],
    pause: async () => {},
    onDeed: () => {},
  })
  t.teardown(() => site.end())
  // The addon opens this process' own when it is first asked for something.
  const own = readlinkSync('/proc/self/ns/net').replace(/\D/g, '')
  const before = new Set([own, ...namespacesHere().keys()])
  for (const { name, uplink } of plan.hosts) await site.createRoot({ host: name, uplink })
  const made = [...namespacesHere()].filter(([inode]) => !before.has(inode))
  const mtus = made.flatMap(([, fd]) => ip<{ ifname: string; mtu: number }>({ fd }, 'link', 'show'))
  const wanted = ['port1', 'port2', 'port3', 'seg0', 'uplink0', 'uplink0', 'uplink0'].map(name => [name, 9000])
  t.same(
    mtus
      .filter(({ ifname }) => ifname !== 'lo')
      .map(({ ifname, mtu }) => [ifname, mtu])
      .sort(),
    wanted,
  )
})

t.test('two hosts of five nodes make one ring, which a token walks', async t => {
  const nslab = start(t, ['multihost', '--set', 'run.hold=0s'])
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  const { metrics, hosts } = nslab.report()
  t.match(metrics, {
    nodes_count: 10,
    ring_hops_count: 10,
    links_count: 10,
    links_crossing_count: 2,
    links_disagreeing_count: 0,
    addresses_overlapping_count: 0,
    residue_count: 0,
  })
  t.match(hosts, [
    { name: 'host1', nodes_count: 5, node_id_offset: 0, uplink_mtu_bytes: 1500 },
    { name: 'host2', nodes_count: 5, node_id_offset: 5, uplink_mtu_bytes: 1500 },
  ])
})

t.test('any number of hosts and nodes passes the same gates', async t => {
  for (const [hosts, nodes, crossing] of [
    [2, 2, 1],
    [3, 7, 3],
  ]) {
    const nslab = start(t, ['multihost', '--hosts', `${hosts}`, '--nodes', `${nodes}`, '--set', 'run.hold=0s'])
    const ended = await nslab.ended
    t.equal(ended.code, 0, ended.stderr + ended.stdout)
    const { metrics } = nslab.report()
    t.match(metrics, { ring_hops_count: nodes, links_crossing_count: crossing, links_crossing_missing_count: 0 })
  }
})

t.test('a host that is killed and brought back rejoins, and the ring is proven again', async t => {
  const nslab = start(t, ['host-loss', '--set', 'run.hold=3s'])
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  t.match(nslab.report().metrics, { faults_count: 1, faults_felt_count: 1, proofs_count: 2, residue_count: 0 })
  const events = eventsOf(nslab)
  const order = events.filter(({ kind }) => ['fault_started', 'fault_ended', 'recovered'].includes(kind))
  t.match(order, [
    { kind: 'fault_started', op: 'kill', hosts: ['host2'] },
    { kind: 'fault_ended', op: 'kill', hosts: ['host2'] },
    { kind: 'recovered', fault: 0 },
  ])
  const again = events.filter(({ kind, incarnation }) => kind === 'node_connected' && Number(incarnation) > 1)
  t.same(again.map(({ node_id }) => node_id).sort(), [10, 6, 7, 8, 9], 'the nodes of host2 alone came a second time')
})

t.test('a host that is cut off feels it, and the ring is proven again', async t => {
  const nslab = start(t, ['partition', '--set', 'run.hold=3s'])
  const ended = await nslab.ended
  t.equal(ended.code, 0, ended.stderr + ended.stdout)
  t.match(nslab.report().metrics, { faults_count: 1, faults_felt_count: 1, proofs_count: 2, residue_count: 0 })
})

const ring = `
[controller]
topology = { type = "ring", ring_config = { n_nodes = 4 } }
[hosts]
count = 2
[run]
hold = "0s"
`

t.test('a fault that nobody feels is told, and its gate is red', async t => {
  // No frame passes between a host and itself: the controller has no part in the token's way.
  const nslab = start(
    t,
    [],
    `name = "unfelt"\n${ring}
[[fault]]
at = "0s"
for = "1s"
do = "cut"
hosts = ["controller"]
[[gate]]
metric = "faults_felt_count"
require = "== 1"
`,
  )
  const ended = await nslab.ended
  t.equal(ended.code, 1, ended.stderr + ended.stdout)
  t.match(ended.stderr, /fault 0 was not felt: a token got round while it lasted/)
  t.match(nslab.report().gates, [{ verdict: 'fail', observed: 0 }])
})

t.test('what this machine cannot do to frames is refused before anything is made', async t => {
  const nslab = start(
    t,
    [],
    `name = "lossy"\n${ring}
[[fault]]
at = "0s"
for = "1s"
do = "impair"
hosts = ["host1"]
loss = 0.1
`,
  )
  const ended = await nslab.ended
  t.equal(ended.code, 3, ended.stderr + ended.stdout)
  t.match(ended.stderr, /frames between hosts on one machine are neither lost nor late: use --on vm/)
  const reboot = start(t, ['controller-reboot'])
  const refused = await reboot.ended
  t.equal(refused.code, 3, refused.stderr)
  t.match(refused.stderr, /hosts on one machine have no kernel of their own to boot again: use --on vm/)
})
