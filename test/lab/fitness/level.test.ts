import t from 'tap'
import type { Scenario } from '../../../src/config/types.ts'
import { chooseLevel, sizeNotes } from '../../../src/lab/fitness/level.ts'
import { DEADLINE_SCALE, teardownLimitS } from '../../../src/lab/run/deadlines.ts'

const hosts = (given: readonly string[], vcpus = 2): Pick<Scenario, 'hosts'> =>
  ({ hosts: { on: 'host', given, vcpus }, run: {} }) as unknown as Scenario

t.test('what is only of microVMs is named where there are none', async t => {
  t.same(sizeNotes(hosts(['count', 'on']), 'host', 4), [])
  t.match(sizeNotes(hosts(['memory_mib']), 'host', 4), [/^hosts\.memory_mib has no effect on this machine itself/])
  t.match(sizeNotes(hosts(['cold', 'count', 'image', 'network', 'vcpus'], 64), 'host', 4), [
    /^hosts\.cold, hosts\.image, hosts\.network, hosts\.vcpus have no effect/,
  ])
  const choice = await chooseLevel(hosts(['cold']) as Scenario, async () => {})
  t.match(choice, { level: 'host', notes: [/^hosts\.cold has/] })
})

t.test('one host has no network between hosts, whatever it is on', async t => {
  const alone = { hosts: { ...hosts(['mtu']).hosts, count: 1 } }
  const several = { hosts: { ...alone.hosts, count: 2 } }
  for (const level of ['host', 'tcg'] as const) {
    t.match(sizeNotes(alone, level, 4), [/^hosts\.mtu has no effect with one host/])
    t.same(sizeNotes(several, level, 4), [])
  }
})

t.test("a kernel is a VM's: without VMs it is refused", async t => {
  const asked = { ...hosts(['kernel']).hosts, kernel: 'lts' }
  const choose = (on: string) => chooseLevel({ hosts: { ...asked, on }, run: {} } as Scenario, async () => {})
  await t.rejects(choose('host'), { code: 'USAGE', exitCode: 2, message: /hosts\.kernel = "lts"/ })
})

t.test('a teardown may take as much longer as an emulated processor does', async t => {
  const plan = { scenario: { run: { teardownDeadlineS: 30 } } as Scenario }
  t.same(
    (['host', 'kvm', 'tcg'] as const).map(level => teardownLimitS({ plan, level })),
    [30, 30, 30 * DEADLINE_SCALE.tcg],
  )
  t.ok(DEADLINE_SCALE.tcg > 1)
})

t.test('more processors than the machine has are told', async t => {
  t.same(sizeNotes(hosts(['cold', 'vcpus'], 4), 'tcg', 4), [])
  t.same(sizeNotes(hosts(['vcpus'], 8), 'kvm', 4), [
    "hosts.vcpus = 8 is more than this machine's 4: a VM's processors wait for each other",
  ])
})
