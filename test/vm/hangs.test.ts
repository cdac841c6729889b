// MicroVMs that no longer do what they should: they are looked at, told what they did, and ended.

import t from 'tap'
import { activity, shorten } from '../../src/vm/diagnose.ts'
import { MicroVm } from '../../src/vm/microvm.ts'
import { endError } from '../../src/vm/vm-end.ts'
import { qemuHere, shellSpec, startShellVm } from '../fixtures/shell-guest.ts'

/** Waits until the guest does so each time it is looked at: on its way there it does both. */
async function settles(vm: MicroVm, flag: 'HLT=0' | 'HLT=1'): Promise<void> {
  for (let times = 0; times < 5; await new Promise(resolve => setTimeout(resolve, 20)))
    times = shorten(await vm.qmp.monitor('info registers -a', 60_000)).includes(flag) ? times + 1 : 0
}

t.test('a guest that computes for ever: its registers and its stack are told', async t => {
  const { vm, shell } = await startShellVm(t)
  shell.send('while :; do :; done')
  await settles(vm, 'HLT=0')
  const end = await vm.condemn('hang', 'did not answer')
  t.match(end, { kind: 'hang', words: 'did not answer', diagnosis: { nmiAnswered: true } })
  t.equal(end.diagnosis?.registers.length, 3)
  t.match(end.diagnosis?.registers[0], /cpu0 RIP=[0-9a-f]{16} CPL=[03] HLT=0/)
  t.match(end.diagnosis?.words, /computes/)
  t.match(end.consoleLines.join('\n'), /Kernel panic - not syncing: NMI.*Call Trace/s)
  t.match(endError('vm1', end).message, /did not answer; .*computes/)
})

t.test('a guest that waits for ever says so; two that give it up are one', async t => {
  const { vm, shell } = await startShellVm(t)
  shell.send('sleep 1000000')
  await settles(vm, 'HLT=1')
  const ends = await Promise.all([vm.condemn('agent_silent', 'said nothing'), vm.condemn('hang', 'later')])
  t.match(ends[0], { kind: 'agent_silent', words: 'said nothing', diagnosis: { words: /wait for an interrupt/ } })
  t.equal(ends[0], ends[1])
})

t.test('a guest that is stopped answers no interrupt, and is ended all the same', async t => {
  const { vm } = await startShellVm(t)
  await vm.stop()
  t.match(await vm.condemn('hang', 'stood still'), { kind: 'hang', diagnosis: { nmiAnswered: false } })
})

t.test('a QEMU that does not answer is ended', async t => {
  const { vm } = await startShellVm(t)
  process.kill(vm.pid, 'SIGSTOP')
  const end = await vm.condemn('hang', 'said nothing')
  t.match(end, { kind: 'hang', diagnosis: { registers: [], words: /QEMU itself does not answer/ } })
})

t.test('a QEMU that answers after seconds is not said to be none', async t => {
  const { vm } = await startShellVm(t)
  process.kill(vm.pid, 'SIGSTOP')
  setTimeout(() => process.kill(vm.pid, 'SIGCONT'), 2500)
  const { diagnosis } = await vm.condemn('hang', 'was late')
  t.match(diagnosis, { nmiAnswered: true, registers: { length: 3 } })
})

t.test('a boot that does not end is given up', async t => {
  const spec = await shellSpec(t, { commandLine: 'console=ttyS0 panic=0 rdinit=/nothing' })
  const vm = await MicroVm.start(spec, { qemu: await qemuHere() })
  const end = await vm.condemn('boot_deadline', 'did not answer within 0 s')
  t.match(end, { kind: 'boot_deadline', diagnosis: { words: String } })
  t.match(endError('vm1', end).hint, '--cold')
})

t.test('a guest asked to switch itself off, that does', async t => {
  const { vm, shell } = await startShellVm(t)
  t.match(await vm.powerdown(() => shell.send('poweroff -f'), 60_000), { kind: 'guest_shutdown' })
})

t.test('a guest asked to switch itself off, that does not', async t => {
  const { vm, shell } = await startShellVm(t)
  const end = await vm.powerdown(() => shell.send('sleep 1000'), 100)
  t.match(end, { kind: 'powerdown_deadline', words: /0\.1 s/, diagnosis: { registers: { length: 3 } } })
})

t.test('of the registers of several processors, what tells is kept', async t => {
  const cpu = (number: number, words: string): string =>
    `CPU#${number}\r\nRAX=00 RBX=00\r\nRIP=00ff RFL=02 [-------] ${words}\r\nES =0000\r\n`
  const printed = cpu(0, 'CPL=0 II=0 A20=1 SMM=0 HLT=1') + cpu(1, 'CPL=3 II=0 A20=1 SMM=0 HLT=0')
  t.equal(shorten(printed), 'cpu0 RIP=00ff CPL=0 HLT=1, cpu1 RIP=00ff CPL=3 HLT=0')
})

t.test('what most moments have in common is what a guest does', async t => {
  const [idle, user, kernel] = ['cpu0 RIP=1 CPL=0 HLT=1', 'cpu0 RIP=2 CPL=3 HLT=0', 'cpu0 RIP=3 CPL=0 HLT=0']
  t.match(activity([idle, kernel, idle]), /wait for an interrupt/)
  t.match(activity([user, user, idle]), /a program of it computes .*RIP=2/)
  t.match(activity([`${idle}, ${kernel}`, kernel, kernel]), /its kernel computes .*RIP=3/)
  t.match(activity([user, kernel, kernel]), /^it computes/)
})
