// Leases of machine-wide sysctls: on files of their own for every crash, and on the kernel's where this is root.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import {
  acquireLease,
  isLeasable,
  LEASABLE_SYSCTLS,
  leaseHoldersOf,
  neighbourLimitsFor,
  readBook,
  readSysctls,
  reapLeases,
  unleasedSysctls,
} from '../../../src/lab/leases/leases.ts'
import { isMachineRoot } from '../../../src/lab/state/state-folder.ts'
import { startChild } from '../../fixtures/lab/child.ts'

const [THRESH1, THRESH2, THRESH3] = LEASABLE_SYSCTLS as [string, string, string]
const DEFAULTS = { [THRESH1]: 128, [THRESH2]: 512, [THRESH3]: 1024 }

/** A sysctl folder and a state folder of the test's own. */
function fakeMachine(t: Test): { state: string; sysctlRoot: string } {
  const folder = t.testdir()
  const machine = { state: join(folder, 'state'), sysctlRoot: join(folder, 'sys') }
  writeSysctls(machine.sysctlRoot, DEFAULTS)
  return machine
}

function writeSysctls(root: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    const path = join(root, ...name.split('.'))
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${value}\n`)
  }
}

const held = (machine: { state: string; sysctlRoot: string }): unknown =>
  readSysctls(LEASABLE_SYSCTLS, machine.sysctlRoot)
const everyLevel = (value: number): Record<string, number> =>
  Object.fromEntries(LEASABLE_SYSCTLS.map(name => [name, value]))

t.test('a lease raises, its release restores and leaves no file', async t => {
  const machine = fakeMachine(t)
  const lease = await acquireLease('a', everyLevel(5000), machine)
  t.same(lease.values, everyLevel(5000))
  t.same(held(machine), everyLevel(5000))
  t.same(leaseHoldersOf(THRESH3, machine), ['a'])
  t.same(unleasedSysctls(LEASABLE_SYSCTLS, machine), DEFAULTS, 'another run must not rely on what this one raised')
  const outcome = await lease.release()
  t.equal(outcome.writes.length, 3)
  t.same(held(machine), DEFAULTS)
  t.same(readdirSync(machine.state), [])
  t.same((await lease.release()).writes, [])
})

t.test('what is not visible here is not leased', async t => {
  const machine = fakeMachine(t)
  rmSync(join(machine.sysctlRoot, ...THRESH3.split('.')))
  const lease = await acquireLease('a', everyLevel(5000), machine)
  t.same(lease.values, { [THRESH1]: 5000, [THRESH2]: 5000 })
  await lease.release()
  t.same(held(machine), { [THRESH1]: 128, [THRESH2]: 512 })
})

t.test('a book of another boot is void', async t => {
  const machine = fakeMachine(t)
  await acquireLease('a', everyLevel(5000), machine)
  const path = join(machine.state, 'leases.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"boot_id": "[^"]*"/, '"boot_id": "another"'))
  t.equal(readBook(machine), null)
  writeSysctls(machine.sysctlRoot, DEFAULTS)
  const lease = await acquireLease('b', everyLevel(3000), machine)
  t.same(lease.holders, ['b'])
  await lease.release()
  t.same(held(machine), DEFAULTS)
})

t.test('several runs at once: the greatest wish counts and the last one restores', async t => {
  const machine = fakeMachine(t)
  const wanted = [3000, 7000, 5000]
  const children = wanted.map((value, i) =>
    startChild(t, 'lease-holder', [`run${i}`, String(value), machine.state, machine.sysctlRoot]),
  )
  await Promise.all(children.map(child => child.next()))
  t.same(held(machine), everyLevel(7000))
  children[1]?.process.stdin?.end()
  await children[1]?.next()
  t.same(held(machine), everyLevel(5000))
  children[0]?.process.stdin?.end()
  await children[0]?.next()
  t.same(held(machine), everyLevel(5000))
  children[2]?.process.stdin?.end()
  await children[2]?.next()
  t.same(held(machine), DEFAULTS)
  t.same(readdirSync(machine.state), [])
})

t.test('a killed holder is dropped by the next run, which keeps only its own', async t => {
  const machine = fakeMachine(t)
  const child = startChild(t, 'lease-holder', ['dead', '9000', machine.state, machine.sysctlRoot])
  await child.next()
  await child.kill()
  t.same(held(machine), everyLevel(9000))
  const lease = await acquireLease('alive', everyLevel(2000), machine)
  t.same(lease.dropped, ['dead'])
  t.same(held(machine), everyLevel(2000))
  await lease.release()
  t.same(held(machine), DEFAULTS)
})

t.test('a SIGKILL before any change of a file leaves what reap restores from', async t => {
  const probe = fakeMachine(t)
  const whole = startChild(t, 'lease-holder', ['a', '5000', probe.state, probe.sysctlRoot])
  await whole.next()
  whole.process.stdin?.end()
  const { mutations } = (await whole.next()) as { mutations: number }
  t.ok(mutations >= 9, `${mutations} changes: intent, three values, book; three values, book`)
  const crashAt = async (moment: number): Promise<void> => {
    const folder = t.testdirName
    const machine = { state: join(folder, `state${moment}`), sysctlRoot: join(folder, `sys${moment}`) }
    writeSysctls(machine.sysctlRoot, DEFAULTS)
    const env = { KILL_AT: String(moment) }
    const child = startChild(t, 'lease-holder', ['a', '5000', machine.state, machine.sysctlRoot], { env })
    child.process.stdin?.end()
    t.equal(await child.ended, 137, `killed before change ${moment}`)
    await reapLeases(machine)
    t.same(held(machine), DEFAULTS, `restored after a kill before change ${moment}`)
    t.same(
      readdirSync(machine.state).filter(name => !name.endsWith('.tmp')),
      [],
    )
  }
  for (let moment = 1; moment <= mutations; moment += 2) {
    await Promise.all([moment, moment + 1].filter(at => at <= mutations).map(crashAt))
  }
})

t.test('limits are raised only where the present ones do not do', async t => {
  t.equal(neighbourLimitsFor(100, DEFAULTS), null)
  t.same(neighbourLimitsFor(1000, DEFAULTS), { [THRESH1]: 1378, [THRESH2]: 2756, [THRESH3]: 5512 })
  t.equal(neighbourLimitsFor(1000, { [THRESH3]: 65_536 }), null)
  t.equal(neighbourLimitsFor(1000, {}), null, 'not visible: nothing to raise')
})

const rootOnly =
  isMachineRoot() && isLeasable(THRESH3) ? false : "needs root of the machine: writes the kernel's own sysctls"

t.test('on the kernel itself: two runs, one killed, then the defaults are back', { skip: rootOnly }, async t => {
  const found = readSysctls(LEASABLE_SYSCTLS)
  t.teardown(() => writeSysctls('/proc/sys', found))
  writeSysctls('/proc/sys', DEFAULTS)
  const state = join(t.testdir(), 'state')
  const lease = await acquireLease('first', everyLevel(5000), { state })
  const child = startChild(t, 'lease-holder', ['second', '7000', state, '/proc/sys'])
  await child.next()
  t.same(readSysctls(LEASABLE_SYSCTLS), everyLevel(7000))
  await child.kill()
  t.same(readSysctls(LEASABLE_SYSCTLS), everyLevel(7000), 'nobody has restored yet')
  t.same((await reapLeases({ state })).dropped, ['second'])
  t.same(readSysctls(LEASABLE_SYSCTLS), everyLevel(5000))
  await lease.release()
  t.same(readSysctls(LEASABLE_SYSCTLS), DEFAULTS)
})

t.test('on the kernel itself: what another tool left raised is left so', { skip: rootOnly }, async t => {
  const found = readSysctls(LEASABLE_SYSCTLS)
  t.teardown(() => writeSysctls('/proc/sys', found))
  const raised = { [THRESH1]: 65_536, [THRESH2]: 131_072, [THRESH3]: 262_144 }
  writeSysctls('/proc/sys', raised)
  const state = join(t.testdir(), 'state')
  const lease = await acquireLease('run', everyLevel(5000), { state })
  t.same(readSysctls(LEASABLE_SYSCTLS), raised)
  await lease.release()
  t.same(readSysctls(LEASABLE_SYSCTLS), raised)
})

t.test(
  'on the kernel itself: a value it refuses leaves nothing changed and nobody in the book',
  { skip: rootOnly },
  async t => {
    const found = readSysctls(LEASABLE_SYSCTLS)
    t.teardown(() => writeSysctls('/proc/sys', found))
    writeSysctls('/proc/sys', DEFAULTS)
    const state = join(t.testdir(), 'state')
    const wanted = { [THRESH1]: 5000, [THRESH2]: 5000, [THRESH3]: 2 ** 40 }
    await t.rejects(acquireLease('run', wanted, { state }), { code: 'KERNEL_REFUSED', facts: { errno: 'EINVAL' } })
    t.same(readSysctls(LEASABLE_SYSCTLS), DEFAULTS)
    t.same(readdirSync(state), [])
  },
)
