// Does KVM work here? The probe's answers, and what they make of --accel.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { chooseAccelerator } from '../../src/vm/accelerator.ts'
import { hostTscKhz } from '../../src/vm/host-tsc.ts'
import { type KvmProbe, probeKvm, refusal } from '../../src/vm/kvm-probe.ts'
import { markGone } from '../fixtures/launch.ts'
import { scratchFolder } from '../fixtures/shell-guest.ts'

/** A device that can be opened, so that the probe goes on to QEMU. */
const openable = '/dev/null'

/** The PATH of a program that says it is QEMU, and does as the shell's lines say when it is given the ROM. */
function fakeQemu(t: Test, lines: string, version = '9.9.9'): string {
  const folder = join(scratchFolder(t), 'bin')
  const program = join(folder, 'qemu-system-x86_64')
  mkdirSync(folder)
  const answer = `if [ "$1" = --version ]; then echo "QEMU emulator version ${version} (test)"; exit; fi`
  writeFileSync(program, `#!/bin/sh\n${answer}\n${lines}\n`)
  chmodSync(program, 0o755)
  return folder
}

t.test('the program of the probe runs: emulated, it goes to 64-bit mode and computes the sum', async t => {
  t.match(await probeKvm({ accelerator: 'tcg', deadlineMs: 60_000 }), { works: true, reason: /60 million/, remedy: '' })
  const few = await probeKvm({ accelerator: 'tcg', deadlineMs: 60_000, iterations: 7 })
  t.ok(few.works, 'whatever the number of turns')
})

t.test('what takes too long is emulated by somebody, and is ended', async t => {
  const probe = await probeKvm({ accelerator: 'tcg', deadlineMs: 500, iterations: 2 ** 32 - 1 })
  t.match(probe, { works: false, reason: /took over 0\.5 s/ })
  t.ok(probe.took_s < 60)
})

t.test('this machine is told in under 3 s, with a reason', async t => {
  const probe = await probeKvm()
  t.comment(`KVM works: ${probe.works}: ${probe.reason} (${probe.took_s.toFixed(2)} s)`)
  t.type(probe.works, 'boolean')
  t.not(probe.reason, '')
  t.ok(probe.took_s < 3, `${probe.took_s} s`)
})

t.test('no device, no permission, no QEMU: each has its reason and remedy', async t => {
  t.match(await probeKvm({ device: '/dev/no-kvm' }), {
    works: false,
    reason: 'there is no /dev/no-kvm',
    remedy: /kvm_intel/,
  })
  t.match(await probeKvm({ device: '/proc/kmsg/x' }), { works: false, reason: /ENOTDIR/, remedy: '' })
  t.match(await probeKvm({ device: openable, path: '/nowhere' }), {
    works: false,
    reason: /PATH/,
    remedy: /apt-get install/,
  })
})

t.test('a device that this user may not open says which group may', async t => {
  // Root may open anything, so the kernel's answer is given.
  t.match(refusal('/dev/kvm', 'EACCES'), { reason: "/dev/kvm can't be opened: EACCES", remedy: /usermod -aG kvm/ })
})

t.test('QEMU must say that the sum is right, with both models of a processor', async t => {
  const probe = (lines: string): Promise<KvmProbe> => probeKvm({ device: openable, path: fakeQemu(t, lines) })
  t.match(await probe('exit 85'), { works: true })
  t.match(await probe('exit 3'), { works: false, reason: /wrong sum/ })
  t.match(
    await probe(
      'case "$*" in *"-cpu host"*) echo "qemu: warning: x" >&2; echo "qemu: no such MSR" >&2; exit 1;; esac; exit 85',
    ),
    {
      works: false,
      reason: 'QEMU ended with 1: no such MSR',
    },
  )
  t.match(await probe('exit 0'), { works: false, reason: 'QEMU ended with 0' })
  t.match(await probe('kill -ABRT $$'), { works: false, reason: 'QEMU ended with SIGABRT' })
})

t.test('nothing of a probe is left when its time is over', async t => {
  const mark = `NSLAB_PROBE_MARK=${process.pid}`
  const path = fakeQemu(t, `export ${mark}; exec sleep 1000`)
  t.match(await probeKvm({ device: openable, path, deadlineMs: 300 }), { works: false, reason: /took over 0\.3 s/ })
  t.same(await markGone(mark), [])
})

const answer = (works: boolean) => async (): Promise<KvmProbe> => ({
  works,
  reason: 'so it is',
  remedy: 'Do that.',
  took_s: 0,
})
const unasked = async (): Promise<KvmProbe> => {
  throw new Error('KVM was tried')
}

t.test('auto takes what works, and is loud about emulation', async t => {
  t.match(await chooseAccelerator('auto', answer(true)), { accelerator: 'kvm', notice: null, probe: { works: true } })
  t.match(await chooseAccelerator('auto', answer(false)), {
    accelerator: 'tcg',
    notice: /EMULATED: KVM does not work here \(so it is\).*Do that\./,
    probe: { works: false },
  })
})

t.test('what is asked for by name is not put in question, or refused', async t => {
  t.match(await chooseAccelerator('tcg', unasked), { accelerator: 'tcg', notice: null, probe: null })
  t.match(await chooseAccelerator('kvm', answer(true)), { accelerator: 'kvm', notice: null })
  const refused = chooseAccelerator('kvm', answer(false))
  await t.rejects(refused, {
    code: 'NOT_FIT',
    exitCode: 3,
    facts: { problems: [/so it is\. Do that\. .*--accel tcg/] },
  })
})

t.test('without QEMU there is no VM of any kind', async t => {
  for (const asked of ['auto', 'kvm', 'tcg'] as const) {
    const refused = chooseAccelerator(asked, unasked, '/nowhere')
    await t.rejects(refused, { code: 'NOT_FIT', exitCode: 3, facts: { problems: [/apt-get install qemu-system-x86/] } })
  }
})

t.test('a QEMU that does not say its version is none', async t => {
  const path = fakeQemu(t, '')
  const program = join(path, 'qemu-system-x86_64')
  for (const [lines, words] of [
    ['echo hello', /does not say its version: it ended with 0: hello$/],
    ['echo "libfoo.so.1: cannot open shared object file" >&2; exit 127', /it ended with 127: libfoo\.so\.1/],
    ['kill -ILL $$', /it ended with SIGILL: it said nothing$/],
  ] as const) {
    writeFileSync(program, `#!/bin/sh\n${lines}\n`)
    const refused = chooseAccelerator('tcg', unasked, path)
    await t.rejects(refused, { code: 'NOT_FIT', facts: { problems: [words], limits: ['qemu'] } })
  }
})

t.test('a QEMU that lacks what VMs need is refused by its version', async t => {
  const words = /bin\/qemu-system-x86_64 is QEMU 6\.2\.0, and microVMs need 7\.2 or newer/
  for (const version of ['6.2.0', '7.1.94', '5.10.1']) {
    const path = fakeQemu(t, 'exit 85', version)
    const refused = chooseAccelerator('tcg', unasked, path)
    await t.rejects(refused, { code: 'NOT_FIT', exitCode: 3, facts: { problems: [/microVMs need 7\.2/] } })
  }
  const path = fakeQemu(t, 'exit 85', '6.2.0')
  t.match(await probeKvm({ device: openable, path }), { works: false, reason: words })
  for (const version of ['7.2.0', '7.10.1', '10.0.2'])
    t.match(await chooseAccelerator('tcg', unasked, fakeQemu(t, '', version)), { qemu: { version } })
})

t.test('the rate of the time stamp counter', async t => {
  t.equal(hostTscKhz('processor\t: 0\nbogomips\t: 5192.28\nprocessor\t: 1\nbogomips\t: 5000.00\n'), 2_596_140)
  t.equal(hostTscKhz('processor : 0\n'), null)
})
