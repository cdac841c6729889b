// An image whose root is a disk: its description, and what of a VM follows from it.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bootOf, wholeInitrdOf } from '../../src/vm/image/boot.ts'
import { sha256Of } from '../../src/vm/image/file-facts.ts'
import { describeDigest, loadImage } from '../../src/vm/image/load.ts'
import type { Image, ImageDescription } from '../../src/vm/image/types.ts'

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
