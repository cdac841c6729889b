// Each way in which a microVM can end, with real guests: what is told is what happened, in kind and words.

import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { NslabError } from '../../src/base/errors.ts'
import { MicroVm } from '../../src/vm/microvm.ts'
import type { VmEvent } from '../../src/vm/spec.ts'
import { endError } from '../../src/vm/vm-end.ts'
import { qemuHere, shellSpec, startShellVm } from '../fixtures/shell-guest.ts'

/** The last lines as one text. */
const said = ({ consoleLines }: { consoleLines: readonly string[] }): string => consoleLines.join('\n')

t.test('a guest that switches itself off has shut down', async t => {
  const { vm, shell } = await startShellVm(t)
  shell.send('poweroff -f')
  const end = await vm.ended
  t.match(end, { kind: 'guest_shutdown', status: 'exit 0', qemuWords: '', diagnosis: null })
  t.match(said(end), 'Power down')
  t.ok(end.atNs > vm.poweredOnNs)
})

t.test('a panic is told with its reason and the whole of its text', async t => {
  const events: VmEvent['is'][] = []
  const { vm, shell } = await startShellVm(t, {}, { onEvent: ({ is }) => events.push(is) })
  shell.send('echo c > /proc/sysrq-trigger')
  const end = await vm.ended
  t.match(end, { kind: 'guest_panic', words: 'panicked: sysrq triggered crash' })
  t.same(events, ['panicked'])
  t.match(said(end), /Kernel panic.*Call Trace.*Kernel Offset/s)
  const error = endError('vm1', end)
  t.match(error, { code: 'VM_FAILED', exitCode: 6, facts: { kind: 'guest_panic' } })
  t.match(error.message, /vm1 panicked.*last/s)
})

t.test('init that ends is a panic', async t => {
  const { vm, shell } = await startShellVm(t)
  shell.send('exit')
  t.match(await vm.ended, { kind: 'guest_panic', words: /Attempted to kill init/ })
})

t.test('a guest that panics and stays where it is, is ended', async t => {
  const { vm, shell } = await startShellVm(t)
  shell.send('echo 0 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger')
  t.match(await vm.ended, { kind: 'guest_panic', status: 'killed by SIGKILL' })
})

t.test('a guest that runs out of memory is told from other panics', async t => {
  const { vm, shell } = await startShellVm(t)
  shell.send('mount -t tmpfs -o size=4g tmpfs /tmp; dd if=/dev/zero of=/tmp/all bs=1M')
  const end = await vm.ended
  t.match(end, { kind: 'out_of_memory', words: /panic_on_oom/ })
  t.match(endError('vm1', end).hint, 'hosts.memory_mib')
})

t.test('a kernel without memory to boot is out of memory, before any driver can tell', async t => {
  const vm = await MicroVm.start(await shellSpec(t, { memoryMib: 64 }), { qemu: await qemuHere() })
  t.match(await vm.ended, { kind: 'out_of_memory', words: /deadlocked on memory/ })
})

t.test('a reset ends a VM that may not reboot', async t => {
  const { vm, shell } = await startShellVm(t)
  shell.send('reboot -f')
  t.match(await vm.ended, { kind: 'guest_reset', words: 'reset itself' })
})

t.test('where reboots are allowed, channels stay open and the console keeps both boots', async t => {
  const events: VmEvent['is'][] = []
  const { vm, shell } = await startShellVm(t, { reboots: 'allowed' }, { onEvent: ({ is }) => events.push(is) })
  t.match(await shell.run('echo first > /dev/console'), '')
  shell.send('reboot -f')
  await shell.ready()
  t.same(events, ['reset'])
  await shell.run('echo second > /dev/console')
  shell.send('poweroff -f')
  const end = await vm.ended
  t.match(end, { kind: 'guest_shutdown' })
  t.match(readFileSync(vm.spec.consoleFile, 'utf8'), /first.*Restarting system.*second/s)
  t.notMatch(said(end), 'first', 'the last lines are those of the last boot')
})

t.test('a panic ends a VM that may reboot: it would boot and panic for ever', async t => {
  const { vm, shell } = await startShellVm(t, { reboots: 'allowed' })
  shell.send('echo c > /proc/sysrq-trigger')
  t.match(await vm.ended, { kind: 'guest_panic' })
  const early = await MicroVm.start(await shellSpec(t, { reboots: 'allowed', memoryMib: 64 }), {
    qemu: await qemuHere(),
  })
  t.match(await early.ended, { kind: 'out_of_memory' }, 'also before the driver that tells of it')
})

/** What `how` does to QEMU, and how that is told. */
async function killed(t: Test, signal: NodeJS.Signals, expected: object): Promise<void> {
  const { vm } = await startShellVm(t)
  process.kill(vm.pid, signal)
  t.match(await vm.ended, { kind: 'qemu_died', ...expected })
}

t.test('QEMU killed by somebody else', t => killed(t, 'SIGKILL', { words: /SIGKILL/, status: 'killed by SIGKILL' }))
t.test('QEMU ended by somebody else', t => killed(t, 'SIGTERM', { words: /signal 15/, qemuWords: /signal 15/ }))

t.test('a VM switched off by us is no fault of its own, and twice is once', async t => {
  const { vm } = await startShellVm(t)
  const [first, second] = await Promise.all([vm.kill(), vm.kill()])
  t.match(first, { kind: 'killed', status: 'killed by SIGKILL' })
  t.equal(second, first)
  t.equal(await vm.kill(), first)
  await t.rejects(vm.stop(), { code: 'VM_REFUSED' }, 'nothing can be asked of it any more')
})

t.test('what QEMU refuses is told in its own words', async t => {
  const spec = await shellSpec(t)
  const started = (changes: object): Promise<unknown> =>
    qemuHere().then(qemu => MicroVm.start({ ...spec, ...changes }, { qemu }))
  const kernel = started({ kernel: '/nowhere/vmlinux' })
  await t.rejects(kernel, { code: 'VM_FAILED', facts: { kind: 'qemu_died', words: /nowhere\/vmlinux.*No such file/ } })
  const mac = started({ nics: [{ mac: 'nonsense', to: 'stream' }] })
  await t.rejects(mac, { code: 'VM_FAILED', facts: { words: /mac/ } })
  const disk = started({ disks: [{ path: '/nowhere/disk', readOnly: false }] })
  await t.rejects(disk, { code: 'VM_FAILED', facts: { words: /exit 1: .*nowhere\/disk.*No such file/ } })
  await t.rejects(started({ consoleFile: '/nowhere/console.log' }), {
    code: 'DISK_REFUSED',
    facts: { reason: 'ENOENT' },
  })
  const gone = MicroVm.start(spec, { qemu: { path: '/nowhere/qemu', version: '0', build: '' } })
  await t.rejects(gone, { code: 'VM_FAILED', facts: { words: /nowhere\/qemu.*ENOENT/ } })
})

t.test('a console on a full disk: what it said is lost, and the guest goes on', async t => {
  const { vm, shell } = await startShellVm(t, { consoleFile: '/dev/full' })
  t.match(await shell.run('echo hello > /dev/console; echo on'), 'on')
  shell.send('poweroff -f')
  t.match(await vm.ended, { kind: 'guest_shutdown', consoleLines: [] })
})

t.test('an error of a VM has its remedy where one is known', async t => {
  const end = {
    kind: 'guest_reset',
    words: 'reset itself',
    status: '',
    atNs: 0n,
    consoleLines: [],
    qemuWords: '',
  } as const
  t.equal(endError('vm1', { ...end, diagnosis: null }).hint, undefined)
  t.type(endError('vm1', { ...end, diagnosis: null }), NslabError)
})
