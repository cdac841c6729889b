// Kernels by what a user calls them, and images that came with nslab.

import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { imageFor } from '../../src/vm/image/build.ts'
import { cacheFolder } from '../../src/vm/image/cache.ts'
import { findImage } from '../../src/vm/image/find.ts'
import { namedKernel } from '../../src/vm/image/kernels.ts'
import { describeDigest } from '../../src/vm/image/load.ts'
import { Packages } from '../../src/vm/image/packages.ts'
import type { ImageDescription } from '../../src/vm/image/types.ts'
import { imageBase, ownCache, vouch } from '../fixtures/image-cache.ts'

const silent = (): void => {}

/** As a package's folder is: boot/vmlinuz-RELEASE and lib/modules/RELEASE. */
const unpacked = (release: string) => ({
  boot: { [`vmlinuz-${release}`]: bzImage(`${release} (somebody@somewhere) #1 SMP`) },
  lib: { modules: { [release]: { 'modules.order': '' } } },
})

/** The part of a bzImage that says its version. */
function bzImage(version: string): Buffer {
  const image = Buffer.alloc(2048)
  image.write('HdrS', 0x202)
  image.writeUInt16LE(0x300, 0x20e)
  image.write(version, 0x300 + 0x200)
  return image
}

t.test('a package in the cache is found by its name, and by its release', async t => {
  const folder = t.testdir({ 'linux-image-6.1.0-9-amd64_6.1.67-1_amd64': unpacked('6.1.0-9-amd64') })
  await vouch(join(folder, 'linux-image-6.1.0-9-amd64_6.1.67-1_amd64'))
  const packages = new Packages(folder, silent)
  const found = await namedKernel('linux-image-6.1.0-9-amd64', packages)
  t.match(found, {
    release: '6.1.0-9-amd64',
    version: '6.1.67-1',
    image: /boot\/vmlinuz-6\.1\.0-9-amd64$/,
    modulesFolder: /lib\/modules\/6\.1\.0-9-amd64$/,
  })
  t.same(await namedKernel('6.1.0-9-amd64', packages), found)
})

t.test('a path is a packed kernel with its modules beside it, or above', async t => {
  const folder = t.testdir({ ...unpacked('6.6.1'), vmlinuz: bzImage('6.6.1 (x) #1') })
  const packages = new Packages(join(folder, 'cache'), silent)
  for (const path of [join(folder, 'boot/vmlinuz-6.6.1'), join(folder, 'vmlinuz')]) {
    const modulesFolder = join(folder, 'lib/modules/6.6.1')
    t.same(await namedKernel(path, packages), { release: '6.6.1', version: '6.6.1', image: path, modulesFolder })
  }
})

t.test('what is no kernel, or has no modules, is refused with what to do', async t => {
  const folder = t.testdir({ text: 'no kernel', vmlinuz: bzImage('6.6.2-alone (x)') })
  const packages = new Packages(join(folder, 'cache'), silent)
  const refusals = {
    [join(folder, 'text')]: /no packed kernel/,
    [join(folder, 'vmlinuz')]: /no lib\/modules\/6\.6\.2-alone/,
    lts: /called "lts"/,
  }
  for (const [name, reason] of Object.entries(refusals)) {
    const refused = namedKernel(name, packages)
    await t.rejects(refused, { code: 'KERNEL_UNKNOWN', exitCode: 2, facts: { reason }, hint: /linux-image-amd64/ })
  }
  await t.rejects(namedKernel(join(folder, 'nowhere'), packages), {
    code: 'FILE_UNREADABLE',
    facts: { reason: 'ENOENT' },
  })
})

t.test('an image of a named kernel is kept apart from the usual ones', async t => {
  const cache = await ownCache(t)
  const { kernel } = await imageBase()
  const usual = await imageFor('fleet', { cache, onStep: silent })
  // What this machine has may be installed, with its modules elsewhere.
  const packed = existsSync(join(kernel.image, '../../lib/modules'))
  const named = await imageFor('fleet', { cache, kernel: packed ? kernel.image : kernel.release, onStep: silent })
  t.match(basename(named.folder), new RegExp(`^fleet\\.${kernel.release}-`))
  t.equal(named.versions.kernel_release, usual.versions.kernel_release)
  t.same(named.digests, usual.digests, 'the same kernel makes the same files')
})

/** Puts an image that is known by `note` there, with the files of the clone's. */
async function put(folder: string, note: string): Promise<void> {
  const image = await imageFor('fleet', { cache: cacheFolder(), onStep: silent })
  mkdirSync(folder, { recursive: true })
  for (const name of Object.keys(image.digests)) symlinkSync(join(image.folder, name), join(folder, name))
  const own = JSON.parse(readFileSync(join(image.folder, 'image.json'), 'utf8')) as ImageDescription
  const changed = { ...own, versions: { ...own.versions, note } }
  writeFileSync(join(folder, 'image.json'), JSON.stringify({ ...changed, digest: describeDigest(changed) }))
}

t.test('images that came with nslab are taken by role and kernel', async t => {
  const folder = t.testdir({})
  await put(join(folder, 'fleet'), 'usual')
  await put(join(folder, 'fleet-latest'), 'latest')
  const wish = { cache: cacheFolder(), onStep: silent }
  t.equal((await findImage('fleet', wish, folder)).versions.note, 'usual')
  t.equal((await findImage('fleet', { ...wish, kernel: 'latest' }, folder)).versions.note, 'latest')
  await t.rejects(findImage('fleet', { ...wish, kernel: 'lts' }, folder), {
    code: 'KERNEL_UNKNOWN',
    facts: { reason: /no image fleet-lts; it has fleet, fleet-latest$/ },
  })
  t.notOk('note' in (await findImage('fleet', wish, '')).versions, 'without any, one is built')
})

t.test(
  'a folder or file of images that was named and is not there is an error, and one that lacks them is told',
  async t => {
    const folder = t.testdir({ file: 'x', empty: {} })
    const steps: string[] = []
    const wish = { cache: cacheFolder(), onStep: (step: string) => steps.push(step) }
    for (const [name, reason] of [
      ['nowhere', 'ENOENT'],
      ['file', 'ENOTDIR'],
    ] as const) {
      const path = `NSLAB_IMAGES=${join(folder, name)}`
      await t.rejects(findImage('fleet', wish, join(folder, name)), {
        code: 'FILE_UNREADABLE',
        exitCode: 2,
        facts: { path, reason },
      })
    }
    t.same(steps, [])
    await findImage('fleet', wish, join(folder, 'empty'))
    t.equal(steps[0], `NSLAB_IMAGES=${join(folder, 'empty')} has no image fleet (nothing): built here`)
    t.teardown(() => delete process.env.NSLAB_IMAGE_DERIVATIONS)
    for (const [name, reason] of [
      ['nowhere', /^ENOENT$/],
      ['file', /JSON/],
    ] as const) {
      process.env.NSLAB_IMAGE_DERIVATIONS = join(folder, name)
      await t.rejects(findImage('fleet', wish, ''), { code: 'FILE_UNREADABLE', facts: { reason } })
    }
  },
)

t.test('an image that Nix is to make is asked for by its derivation, and what Nix says is told', async t => {
  const folder = t.testdir({
    'nix-store':
      '#!/bin/sh\n[ "$2" = /nix/store/good.drv ] || { echo "builder failed" >&2; exit 1; }\necho "$IMAGE_HERE"\n',
    'derivations.json': JSON.stringify({ fleet: '/nix/store/bad.drv', 'fleet-latest': '/nix/store/good.drv' }),
  })
  chmodSync(join(folder, 'nix-store'), 0o755)
  await put(join(folder, 'made'), 'by Nix')
  const before = { ...process.env }
  t.teardown(() => {
    process.env = before
  })
  process.env.PATH = `${folder}:${before.PATH}`
  process.env.IMAGE_HERE = join(folder, 'made')
  process.env.NSLAB_IMAGE_DERIVATIONS = join(folder, 'derivations.json')
  const wish = { cache: cacheFolder(), onStep: silent }
  t.equal((await findImage('fleet', { ...wish, kernel: 'latest', called: 'churn' }, '')).versions.note, 'by Nix')
  const refused = { code: 'IMAGE_UNFIT', facts: { reason: /bad\.drv: builder failed/ } }
  await t.rejects(findImage('fleet', wish, ''), refused)
  t.notOk('note' in (await findImage('controller', wish, '')).versions, 'one that Nix knows nothing of is built here')
})
