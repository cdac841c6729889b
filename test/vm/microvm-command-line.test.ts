// QEMU's command line for each kind of VM, and what decides whether two kinds are one.

import t from 'tap'
import { qemuArguments } from '../../src/vm/qemu.ts'
import { snapshotKey } from '../../src/vm/snapshot-key.ts'
import type { VmSpec } from '../../src/vm/spec.ts'

const spec: VmSpec = {
  name: 'vm1',
  accelerator: 'tcg',
  vcpus: 1,
  memoryMib: 512,
  kernel: '/image/vmlinux',
  initrd: '/image/root.cpio',
  commandLine: 'console=ttyS0 quiet panic=-1',
  consoleFile: '/run/console/vm1.log',
  reboots: 'fault',
}
const tscKhz = 2_596_140

/** A word a line, an option with its values on one. */
const shown = (changes: Partial<VmSpec>, waitsForState = false): string =>
  qemuArguments({ ...spec, ...changes }, { tscKhz, waitsForState })
    .map(word => (word.startsWith('-') ? `\n${word}` : ` ${word}`))
    .join('')

t.test('an emulated VM', async t => t.matchSnapshot(shown({})))

t.test('one with KVM, several processors, cards and disks, that may reboot', async t => {
  const changes: Partial<VmSpec> = {
    accelerator: 'kvm',
    vcpus: 4,
    reboots: 'allowed',
    fwCfg: [{ name: 'opt/nslab/config', path: '/run/a, b.json' }],
    nics: [
      { mac: '52:54:00:00:00:01', to: 'stream', mtu: 9000 },
      { mac: '52:54:00:00:00:02', to: { tapFd: 33 } },
    ],
    disks: [
      { path: '/image/root.erofs', readOnly: true, serial: 'nslab-root' },
      { path: '/run/data,1.raw', readOnly: false },
    ],
  }
  t.matchSnapshot(shown(changes))
})

t.test('one whose instructions are counted', async t => {
  const deterministic = { seed: 7, shift: 3, epoch: '2026-01-01T00:00:00', resultsFile: '/run/results' }
  t.matchSnapshot(shown({ deterministic }))
})

t.test('one to be saved, and one that goes on from it', async t => {
  t.matchSnapshot(shown({ memoryFile: { path: '/image/snapshots/x/memory', access: 'shared' } }))
  t.matchSnapshot(shown({ memoryFile: { path: '/image/snapshots/x/memory', access: 'private' } }, true))
})

t.test('emulated processors run in threads of their own, and their number is not held back by a guess', async t => {
  t.match(shown({ vcpus: 2 }), 'thread=multi')
  const unknown = qemuArguments(spec, { tscKhz: null }).join(' ')
  t.match(unknown, 'tsc=reliable')
  t.notMatch(unknown, 'tsc_early_khz')
})

t.test('room for translated code is as asked, and no part of what a saved VM is', async t => {
  t.match(shown({ tcgBufferMib: 48 }), 'tb-size=48')
  const deterministic = { seed: 7, shift: 3, epoch: '2026-01-01T00:00:00', resultsFile: '/run/results' }
  t.match(shown({ deterministic, tcgBufferMib: 48 }), 'tb-size=48')
  t.notMatch(shown({ accelerator: 'kvm', tcgBufferMib: 48 }), 'tb-size')
  t.equal(snapshotKey({ ...spec, tcgBufferMib: 48 }, of), snapshotKey(spec, of))
})

const of = {
  imageDigest: 'a',
  qemu: { path: '/usr/bin/qemu-system-x86_64', version: '7.2.22', build: 'QEMU 7.2.22 (Debian 1)' },
  tscKhz,
  bootId: 'this boot',
}

t.test('clones differ in names and places, and are one kind', async t => {
  const nics = (mac: string, to: 'stream' | { tapFd: number } = 'stream'): Partial<VmSpec> => ({ nics: [{ mac, to }] })
  const key = (changes: Partial<VmSpec>, facts: Partial<typeof of> = {}): string =>
    snapshotKey({ ...spec, ...changes }, { ...of, ...facts })
  t.match(key({}), /^[0-9a-f]{24}$/)
  t.equal(key({ name: 'vm2', consoleFile: '/elsewhere' }), key({}))
  t.equal(key(nics('52:54:00:00:00:01')), key(nics('52:54:00:00:00:02')))
  t.equal(key(nics('', { tapFd: 7 })), key(nics('', { tapFd: 9 })))
  t.equal(key({}, { qemu: { ...of.qemu, path: '/opt/qemu' } }), key({}))
  const kinds = [
    key({}),
    key(nics('52:54:00:00:00:01')),
    key(nics('52:54:00:00:00:01', { tapFd: 7 })),
    key({ nics: [{ mac: '', to: 'stream', mtu: 1500 }] }),
    key({ nics: [{ mac: '', to: 'stream', mtu: 9000 }] }),
    key({ nics: [{ mac: '', to: { tapFd: 7 }, mtu: 9000 }] }),
    key({ memoryMib: 640 }),
    key({ vcpus: 2 }),
    key({ accelerator: 'kvm' }),
    key({ commandLine: 'quiet' }),
    key({ disks: [{ path: '/x', readOnly: false }] }),
    key({ disks: [{ path: '/x', readOnly: true }] }),
    key({ disks: [{ path: '/y', readOnly: true }] }),
    key({ fwCfg: [{ name: 'opt/nslab/config', path: '/x' }] }),
    key({}, { imageDigest: 'b' }),
    key({}, { tscKhz: 1 }),
    key({}, { bootId: 'another boot' }),
    key({}, { qemu: { ...of.qemu, build: 'QEMU 7.2.22 (Debian 2)' } }),
  ]
  t.equal(new Set(kinds).size, kinds.length, 'each is a kind of its own')
})
