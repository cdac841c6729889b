// What runs of all kinds are said to take, figure by figure. That it is enough: test/net/run/needs, on the kernel.

import t from 'tap'
import { loadScenario } from '../../../src/config/load.ts'
import type { Override } from '../../../src/config/override.ts'
import { parseScenario } from '../../../src/config/scenario.ts'
import { needsForNodes } from '../../../src/lab/plan/needs.ts'
import { makePlan } from '../../../src/lab/plan/plan.ts'
import { needsOfVms } from '../../../src/lab/vm/load.ts'

const planOf = (name: string, changes: Readonly<Record<string, string | number>> = {}) => {
  const overrides = Object.entries(changes).map(
    ([key, value]): Override => ({ key, value: String(value), from: `--set ${key}=${value}` }),
  )
  return makePlan(loadScenario(name, overrides).scenario)
}
const needsOf = (...asked: Parameters<typeof planOf>) => planOf(...asked).needs
const textNeeds = (text: string) => makePlan(parseScenario(`name = "x"\n${text}`, 'x.toml', [], path => path)).needs

t.test('a ring, and the doctor says the same without a plan', async t => {
  const { disk_bytes, ...needs } = needsOf('ring-800')
  const { disk_bytes: told, ...doctors } = needsForNodes(800)
  t.same(needs, {
    descriptors_count: 128 + 3 * 800 + 2 * 800,
    neighbours_count: 1600,
    namespaces_count: 800 + 1 + 4,
    memory_bytes: 800 * 400_000 + 2 * 60e6 + 30e6,
    programs_count: 2,
    tasks_count: 16,
  })
  t.same(doctors, needs)
  t.ok(disk_bytes >= told && disk_bytes < told + 1e6, 'but for its samples')
})

t.test('descriptors are those of the process with most', async t => {
  const star = textNeeds(
    'hosts = { count = 4 }\n[controller]\ntopology = { type = "star", star_config = { n_nodes = 401 } }',
  )
  t.equal(star.descriptors_count, 128 + 3 * 101 + 400 + 100, 'the fleet of the hub')
  const spread = textNeeds('hosts = { count = 8 }\n[controller]\ntopology = { n_nodes = 800 }')
  t.equal(spread.descriptors_count, 128 + 800, 'the controller, where fleets are small')
  const many = textNeeds('hosts = { count = 40 }\n[controller]\ntopology = { n_nodes = 40 }')
  t.equal(many.descriptors_count, 128 + 4 * 41, 'the run, where there are many of them')
})

t.test('a TUN interface is a descriptor of its node, where all have one', async t => {
  const { descriptors_count } = needsOf('ring-flows', { 'dataplane.enable_local_interface': 'true' })
  t.equal(descriptors_count, needsOf('ring-flows').descriptors_count + 100)
})

t.test('max mode has servers, streams and relays', async t => {
  const mode = { 'dataplane.operating_mode': 'max' }
  const extra = (nodes: number): number =>
    needsOf('ring-flows', { nodes, ...mode }).descriptors_count - needsOf('ring-flows', { nodes }).descriptors_count
  // From each to the next, and from each half-way round, over 19 relays.
  t.equal(extra(40), 40 + 2 * 40 + (2 + 4 * 19) * 40)
  t.equal(extra(400), 400 + 2 * 400 + 2 * 100 + 4 * 4096, 'no fleet relays more than 4,096')
  const line = (nodes: string) => `[controller]
topology = { n_nodes = 5, edges = [[1, 2], [2, 3], [3, 4], [4, 5]] }
routing = { protocol = "shortest_path" }
${nodes}
[[flow]]
from = 1
to = 5
for = "1s"
`
  const normal = textNeeds(line('')).descriptors_count
  const some = textNeeds(
    line('nodes = [{ node_id = 2, operating_mode = "max" }, { node_id = 3, operating_mode = "max" }]'),
  )
  t.equal(some.descriptors_count - normal, 2 + 2 + 4 * 2, 'two nodes in it relay at two')
})

t.test('a lossless flow has streams back, and to and from each member of its group', async t => {
  const line = (mode: string, to: string) => `[controller]
topology = { n_nodes = 5, edges = [[1, 2], [2, 3], [3, 4], [4, 5]] }
routing = { protocol = "shortest_path" }
[dataplane]
operating_mode = "${mode}"
[[group]]
label = "two"
source = 1
members = [3, 5]
trees = [[[1, 2], [2, 3], [3, 4], [4, 5]]]
[[flow]]
transport = "lossless"
payload = "1 kB"
${to}
`
  const extra = (to: string): number =>
    textNeeds(line('max', to)).descriptors_count - textNeeds(line('normal', to)).descriptors_count
  // Of these edges nobody knows how long a way is: each of the five may relay.
  t.equal(extra('from = 1\nto = 5'), 5 + 2 * (2 + 4 * 5))
  t.equal(extra('group = "two"'), 5 + 4 * (2 + 4 * 5))
})

t.test('each fleet has a program, a root and a part of the segment', async t => {
  const one = needsOf('multihost', { nodes: 24, 'hosts.count': 1 })
  const six = needsOf('multihost', { nodes: 24, 'hosts.count': 6 })
  t.equal(one.programs_count, 2)
  t.equal(six.programs_count, 7)
  t.equal(
    six.namespaces_count - one.namespaces_count,
    6 + 1,
    'six roots more, the controller\u2019s among them, and a segment',
  )
  t.equal(six.memory_bytes - one.memory_bytes, 5 * 60e6)
})

t.test('a soak that runs longer writes more, and most into a database', async t => {
  const hours = (run: string, sink = 'stdout'): number =>
    needsOf('churn', { 'run.hold': run, 'collector.sink': sink }).disk_bytes / 1e9
  t.ok(hours('1h') > 0.138 && hours('1h') < 0.3, 'of an hour 138 MB were written')
  t.ok(hours('3h') > 3 * 0.138)
  t.ok(hours('1h', 'postgres') > 1.3, '5.5 million rows of 240 bytes')
})

t.test('the processes and threads of a churn are counted', async t => {
  const few = needsOf('churn', { 'churn.kinds': '{ named = 1 }', 'churn.faults': '[]' })
  const many = needsOf('churn', { 'churn.kinds': '{ process = 1 }', 'churn.namespaces': 500, 'churn.faults': '[]' })
  t.ok(many.tasks_count >= few.tasks_count + 500)
})

t.test('VMs take their memory, and threads for their processors', async t => {
  const plan = planOf('multihost', { 'hosts.vcpus': 4, 'hosts.memory_mib': 512 })
  t.match(needsOfVms(plan), { memory_bytes: 3 * (512 * 2 ** 20 + 250e6), tasks_count: 3 * 20, programs_count: 0 })
  const roomy = planOf('multihost', { 'hosts.memory_mib': 512, 'hosts.tcg_buffer_mib': 1024 })
  t.equal(needsOfVms(roomy).memory_bytes, 3 * ((512 + 1024 - 128) * 2 ** 20 + 250e6))
})
