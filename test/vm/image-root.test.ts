// An image whose root is a disk: its description, and what of a VM follows from it.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DISK_SERIAL, makeDisk, mountDisk } from '../../src/vm/disk.ts'
import { type Guest, makeGuestReady, openGuest } from '../../src/vm/guest.ts'
import { bootOf, wholeInitrdOf } from '../../src/vm/image/boot.ts'
import { sha256Of } from '../../src/vm/image/file-facts.ts'
import { describeDigest, loadImage } from '../../src/vm/image/load.ts'
import type { Image, ImageDescription } from '../../src/vm/image/types.ts'
import { MicroVm } from '../../src/vm/microvm.ts'
import { startFast } from '../../src/vm/snapshot.ts'
import type { RunningVm } from '../../src/vm/spec.ts'
import { bootGuest, GUEST_LIMIT_S, guestImage, inGuest } from '../fixtures/guest-vm.ts'
import { qemuHere, scratchFolder, shellSpec } from '../fixtures/shell-guest.ts'

/** Files of an image in a folder of the test's, and a description that is true of them. */
async function makeImage(t: Test, change: Partial<ImageDescription> = {}): Promise<string> {
  const names = ['bzImage', 'initrd', 'root.squashfs', 'whole.cpio']
  const folder = t.testdir(Object.fromEntries(names.map(name => [name, `bytes of ${name}`])))
  const digests = await Promise.all(names.map(async name => [name, await sha256Of(join(folder, name))] as const))
  const description: Omit<ImageDescription, 'digest'> = {
    schema: 'nslab.image/1',
    role: 'fleet',
    kernel: 'bzImage',
    initrd: 'initrd',
    root: 'root.squashfs',
    command_line: 'console=ttyS0 panic=-1',
    versions: {},
    digests: Object.fromEntries(digests),
    modules: [],
    memory_min_mib: 256,
    ...change,
  }
  writeFileSync(join(folder, 'image.json'), JSON.stringify({ ...description, digest: describeDigest(description) }))
  return folder
}

t.test('its root is the first disk, read-only, with a name of its own; others come after it', async t => {
  const folder = await makeImage(t)
  const image = await loadImage(folder)
  t.equal(image.rootPath, join(folder, 'root.squashfs'))
  const own = { path: '/run/own.raw', readOnly: false }
  const root = { path: join(folder, 'root.squashfs'), readOnly: true, serial: 'nslab-root' }
  t.same(bootOf(image, [own]), {
    kernel: join(folder, 'bzImage'),
    initrd: join(folder, 'initrd'),
    commandLine: 'console=ttyS0 panic=-1',
    disks: [root, own],
  })
})

t.test('without a disk it runs only where an initrd has all of it', async t => {
  const refused = (image: Image): void =>
    void t.throws(() => wholeInitrdOf(image), { code: 'IMAGE_UNFIT', facts: { reason: /its root on a disk/ } })
  refused(await loadImage(await makeImage(t)))
  const folder = await makeImage(t, { whole_initrd: 'whole.cpio' })
  t.equal(wholeInitrdOf(await loadImage(folder)), join(folder, 'whole.cpio'))
  const diskless = await makeImage(t, { root: null })
  t.equal(wholeInitrdOf(await loadImage(diskless)), join(diskless, 'initrd'))
  t.same(bootOf(await loadImage(diskless)).disks, [])
})

t.test('a root, or a whole initrd, that is another or not there is refused by name', async t => {
  for (const name of ['root.squashfs', 'whole.cpio']) {
    const folder = await makeImage(t, { whole_initrd: 'whole.cpio' })
    const refusal = (reason: RegExp) => ({
      code: 'IMAGE_DAMAGED',
      facts: { image: join(folder, 'image.json'), reason },
    })
    writeFileSync(join(folder, name), 'other bytes')
    await t.rejects(loadImage(folder), refusal(new RegExp(`digest of ${name} is [0-9a-f]{64}, .* be [0-9a-f]{64}`)))
    rmSync(join(folder, name))
    await t.rejects(loadImage(folder), refusal(new RegExp(`${name}: ENOENT`)))
  }
  const undigested = await makeImage(t, { digests: {} })
  await t.rejects(loadImage(undigested), { code: 'IMAGE_DAMAGED', facts: { reason: /no digest of/ } })
  const outside = await makeImage(t, { root: '../root.squashfs' })
  await t.rejects(loadImage(outside), { code: 'IMAGE_DAMAGED' })
})

t.test("a guest's root is on its disk, and can be written all the same, without the disk being changed", async t => {
  const image = await guestImage()
  const before = await sha256Of(image.rootPath as string)
  const own = join(scratchFolder(t), 'own.raw')
  await makeDisk(own)
  const guest = await bootGuest(t, bootOf(image, [{ path: own, readOnly: false, serial: DISK_SERIAL }]))
  const said = (line: string): Promise<string> => inGuest(guest, line)
  t.match(await said('awk \'$2 == "/" { print $1, $3 }\' /proc/mounts'), 'overlay overlay')
  t.equal(await said('cat /sys/block/vda/serial; echo; cat /sys/block/vda/ro'), 'nslab-root\n1')
  await said('echo new > /etc/hostname; mkdir -p /var/lib/x; echo x > /var/lib/x/y; mv /etc/hosts /etc/hosts.old')
  t.equal(await said('cat /etc/hostname /var/lib/x/y; ls /etc/hosts*'), 'new\nx\n/etc/hosts.old')
  for (const folder of ['/', '/usr/bin', '/nslab', '/root', '/var/log', '/run', '/tmp', '/dev/shm']) {
    t.equal(await said(`echo w > ${folder}/w.tmp && cat ${folder}/w.tmp`), 'w', folder)
  }
  t.match(await said('ls /modules /lower /upper 2>&1; true'), /No such file/, 'what found the root is gone')
  await mountDisk(guest.channel, '/mnt/own')
  t.match(await said('grep /mnt/own /proc/mounts'), /^\/dev\/vdb \/mnt\/own ext4/)
  await guest.vm.kill()
  t.equal(await sha256Of(image.rootPath as string), before)
})

t.test('a guest whose disk is not there says which, and ends', async t => {
  const { disks: _, ...boot } = bootOf(await guestImage())
  const spec = await shellSpec(t, { ...boot, memoryMib: 256 })
  const vm = await MicroVm.start(spec, { qemu: await qemuHere() })
  t.teardown(() => vm.kill())
  const end = await vm.ended
  t.equal(end.kind, 'guest_shutdown')
  t.match(end.consoleLines.join('\n'), /no disk has the serial number nslab-root, and the root is on it/)
})

t.test('a guest that was saved goes on from its disk', async t => {
  const image = await guestImage()
  const spec = await shellSpec(t, { ...bootOf(image), memoryMib: 512 })
  const open = async (vm: RunningVm): Promise<Guest> => {
    t.teardown(() => vm.kill())
    vm.shell.resume()
    return openGuest(vm, { deadlineS: GUEST_LIMIT_S })
  }
  const { how, opened } = await startFast(spec, {
    qemu: await qemuHere(),
    root: join(scratchFolder(t), 'snapshots'),
    imageDigest: image.digest,
    makeReady: vm => makeGuestReady(vm, GUEST_LIMIT_S),
    open,
    onNotice: text => t.fail(text),
    saveLimitMs: GUEST_LIMIT_S * 1000,
  })
  t.equal(how, 'restored')
  // Of what is read here first, nothing was in memory when it was saved.
  t.match(await inGuest(opened, 'nslab list; modprobe wireguard && echo loaded'), /ring .*loaded/s)
})
