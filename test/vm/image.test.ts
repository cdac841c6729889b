// The image that a guest boots: the same bytes from the same inputs, kept and found again, refused when it is not what
// it says.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findPostgres } from '../../src/controller/postgres-programs.ts'
import { wholeInitrdOf } from '../../src/vm/image/boot.ts'
import { imageFor } from '../../src/vm/image/build.ts'
import { cacheFolder, ImageCache, snapshotsFolder } from '../../src/vm/image/cache.ts'
import { describeDigest, loadImage } from '../../src/vm/image/load.ts'
import type { Image, ImageDescription, ImageRole } from '../../src/vm/image/types.ts'
import { asOther } from '../fixtures/as-other.ts'
import { readCpio } from '../fixtures/cpio-reader.ts'
import { readErofs } from '../fixtures/erofs-reader.ts'
import { imageBase, ownCache } from '../fixtures/image-cache.ts'
import { cliPath } from '../fixtures/nslab-process.ts'

/** Builds or finds; `steps`: what was said meanwhile. */
async function build(role: ImageRole, cache: string): Promise<{ image: Image; steps: string[] }> {
  const steps: string[] = []
  const image = await imageFor(role, { cache, onStep: line => steps.push(line) })
  return { image, steps }
}

const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

const filesOf = ({ kernel, initrd, root, whole_initrd: whole }: Image): string[] =>
  [kernel, initrd, root, whole].filter(name => typeof name === 'string')

t.test('two builds from the same inputs are the same to the byte', async t => {
  const [a, b] = [await build('fleet', await ownCache(t)), await build('fleet', await ownCache(t))]
  t.equal(a.image.digest, b.image.digest)
  t.equal(
    readFileSync(join(a.image.folder, 'image.json'), 'utf8'),
    readFileSync(join(b.image.folder, 'image.json'), 'utf8'),
  )
  t.same(filesOf(a.image), ['vmlinux', 'initrd.cpio', 'root.erofs', 'root.cpio'])
  for (const name of filesOf(a.image)) {
    t.ok(readFileSync(join(a.image.folder, name)).equals(readFileSync(join(b.image.folder, name))), name)
  }

  const again = await build('fleet', join(a.image.folder, '../..'))
  t.same(again.steps, [], 'the second time nothing is built')
  t.equal(again.image.folder, a.image.folder)
})

t.test('an image carries nslab, Node.js, its modules and what init reads, and no more of nslab than runs', async t => {
  const { image } = await build('fleet', cacheFolder())
  t.match(image, { schema: 'nslab.image/1', role: 'fleet', root: 'root.erofs', memory_min_mib: Number })
  t.match(image.command_line, /console=ttyS0 .*panic=-1/)
  t.match(image.versions, { node: process.version, linux: String, kernel_release: String, busybox: String })
  for (const name of ['veth', 'bridge', 'virtio_net', 'sch_netem']) t.ok(image.modules.includes(name), name)

  const members = new Map(readCpio(readFileSync(wholeInitrdOf(image))).map(member => [member.path, member]))
  for (const path of ['usr/bin/node', 'init', 'nslab/native/build/Release/nslab.node', 'nslab/dist/cli/main.js']) {
    t.ok(members.get(path)?.bytes, path)
  }
  t.equal(members.get('usr/bin/sh')?.body.toString(), '/usr/bin/busybox')
  t.equal(members.get('usr/sbin/modprobe')?.body.toString(), '/usr/bin/busybox')
  t.ok((members.get('usr/bin/ip')?.bytes ?? 0) > 100_000, "this machine's own ip, where busybox has one, too")
  t.same(
    readErofs(readFileSync(image.rootPath as string)).map(({ path, mode, body }) => [path, mode, digestOf(body)]),
    [...members.values()].map(({ path, mode, body }) => [path, mode, digestOf(body)]),
    'the same is on its disk',
  )
  const started = readCpio(readFileSync(image.initrdPath)).filter(({ mode }) => (mode & 0o170000) === 0o100000)
  t.ok(started.some(({ path }) => path.endsWith('/erofs.ko')))
  t.ok(started.reduce((sum, { bytes }) => sum + bytes, 0) < 5e6, 'what mounts the disk is small')

  const paths = [...members.keys()]
  t.same(
    paths.filter(path => /\.map$|\.ts$|node_modules/.test(path)),
    [],
  )
  const listed = members.get('etc/nslab/modules')?.body.toString().trim().split('\n') ?? []
  t.ok(listed.length > 4)
  t.same(
    listed.filter(path => !members.has(`usr${path}`) && !members.has(path.slice(1))),
    [],
    'what init loads is there',
  )
})

t.test('two builds of one image at once are one', async t => {
  const cache = await ownCache(t)
  const [a, b] = await Promise.all([build('fleet', cache), build('fleet', cache)])
  t.equal(a.image.folder, b.image.folder)
  t.equal([...a.steps, ...b.steps].filter(line => line.startsWith('building')).length, 1)
  t.same(
    readdirSync(join(cache, 'images')).filter(name => name.startsWith('.part')),
    [],
  )
})

t.test("a controller's image has PostgreSQL where this machine has it", async t => {
  const { image } = await build('controller', cacheFolder())
  const paths = readCpio(readFileSync(wholeInitrdOf(image))).map(({ path }) => path)
  const here = findPostgres() !== null
  for (const pattern of [/bin\/initdb$/, /bin\/postgres$/, /postgres\.bki$/, /plpgsql\.so$/, /libpq\.so\.\d+$/]) {
    t.equal(
      paths.some(path => pattern.test(path)),
      here,
      String(pattern),
    )
  }
  t.equal('postgres' in image.versions, here)
  const fleet = await build('fleet', cacheFolder())
  t.notOk('postgres' in fleet.image.versions)
})

/** A copy of the clone's image in a folder of the test's, to be spoilt; `change` is made to its description. */
async function copy(folder: string, change: (image: ImageDescription) => ImageDescription = image => image) {
  const { image } = await build('fleet', cacheFolder())
  for (const name of filesOf(image)) symlinkSync(join(image.folder, name), join(folder, name))
  const description = JSON.parse(readFileSync(join(image.folder, 'image.json'), 'utf8')) as ImageDescription
  writeFileSync(join(folder, 'image.json'), JSON.stringify(change(description)))
}

/** The description with another value, and the digest that belongs to it. */
const resealed = (image: ImageDescription, change: Partial<ImageDescription>): ImageDescription => {
  const changed = { ...image, ...change }
  return { ...changed, digest: describeDigest(changed) }
}

t.test('an image is loaded by its folder or its description', async t => {
  const folder = t.testdir({})
  await copy(folder)
  const image = await loadImage(folder)
  t.match(image, { role: 'fleet', kernelPath: join(folder, 'vmlinux'), initrdPath: join(folder, 'initrd.cpio') })
  t.same(await loadImage(join(folder, 'image.json')), image)
})

t.test('a file that differs by one bit is refused, with both digests', async t => {
  const folder = t.testdir({})
  await copy(folder)
  const path = join(folder, 'root.erofs')
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  rmSync(path)
  writeFileSync(path, bytes)
  await t.rejects(loadImage(folder), {
    code: 'IMAGE_DAMAGED',
    exitCode: 6,
    facts: { image: join(folder, 'image.json'), reason: /digest of root\.erofs is [0-9a-f]{64}, .* be [0-9a-f]{64}/ },
  })
})

t.test('a description that was changed, is none, or leads elsewhere is refused', async t => {
  const changes: Record<string, (image: ImageDescription) => unknown> = {
    command_line: image => ({ ...image, command_line: `${image.command_line} init=/bin/sh` }),
    schema: image => resealed(image, { schema: 'nslab.image/2' as 'nslab.image/1' }),
    kernel: image => resealed(image, { kernel: '../vmlinux' }),
    'no digest of gone': image => resealed(image, { initrd: 'gone' }),
    'gone: ENOENT': image => resealed(image, { initrd: 'gone', digests: { ...image.digests, gone: 'a'.repeat(64) } }),
    versions: () => [],
  }
  for (const [what, change] of Object.entries(changes)) {
    const folder = t.testdir({})
    await copy(folder, change as (image: ImageDescription) => ImageDescription)
    const refused = await loadImage(folder).catch(error => error)
    t.equal(refused.code, 'IMAGE_DAMAGED', what)
  }
  const folder = t.testdir({ 'image.json': '{"schema": ' })
  await t.rejects(loadImage(folder), { code: 'IMAGE_DAMAGED' })
  await t.rejects(loadImage(join(folder, 'nowhere')), { code: 'FILE_UNREADABLE', facts: { reason: 'ENOENT' } })
})

t.test('a damaged image in the cache is told of and built again', async t => {
  const cache = await ownCache(t)
  const { image } = await build('fleet', cache)
  writeFileSync(image.rootPath as string, 'spoilt')
  const { image: healed, steps } = await build('fleet', cache)
  t.match(steps, [/digest of root\.erofs/, /^building/, /built in/])
  t.equal(healed.digest, image.digest)
  t.ok(statSync(healed.rootPath as string).size > 1e6)
})

t.test('a kernel that lost its end is made again from the package, not built into another image', async t => {
  const cache = await ownCache(t)
  const { image } = await build('fleet', cache)
  // The same file as the one that images are built from.
  truncateSync(image.kernelPath, 4096)
  const { image: healed, steps } = await build('fleet', cache)
  t.match(steps, [/vmlinux is not what was made there/, /digest of vmlinux/, /^building/, /built in/])
  t.equal(healed.digest, image.digest)
  t.ok(statSync(healed.kernelPath).size > 1e6)
})

t.test('a kernel without a needed module is refused before anything is built, naming both', async t => {
  const cache = await ownCache(t)
  const { kernel } = await imageBase()
  const { veth: _, virtio_ring: __, ...modules } = kernel.index.modules
  const steps: string[] = []
  const lacking = { ...kernel, release: '6.1.0-lean', index: { ...kernel.index, modules } }
  await t.rejects(imageFor('fleet', { cache, kernel: lacking, onStep: line => steps.push(line) }), {
    code: 'IMAGE_UNFIT',
    exitCode: 3,
    facts: { role: 'fleet', reason: /6\.1\.0-lean .*lacks the module .*virtio_ring.*veth/ },
  })
  t.same(steps, [])
  t.same(readdirSync(join(cache, 'images')), [])

  const builtIn = { ...lacking, index: { modules, builtin: [...kernel.index.builtin, 'veth', 'virtio_ring'] } }
  const image = await imageFor('fleet', { cache, kernel: builtIn, onStep: () => {} })
  t.notOk(image.modules.includes('veth'), 'what is built in needs no module')
  t.match(image.versions, { kernel_release: '6.1.0-lean' })
})

t.test('a cache that can not be written is refused by name', async t => {
  const cache = join(t.testdir({ file: '' }), 'file')
  await t.rejects(imageFor('fleet', { cache, onStep: () => {} }), {
    code: 'DISK_REFUSED',
    exitCode: 6,
    facts: { path: join(cache, 'images'), reason: 'ENOTDIR' },
  })
  const nowhere = imageFor('fleet', { cache: '/proc/nslab', onStep: () => {} })
  await t.rejects(nowhere, { code: 'DISK_REFUSED', facts: { path: '/proc/nslab', reason: 'ENOENT' } })
})

t.test('what has no room in a cache is told by its own name, not by that of what it is a copy of', async t => {
  const cache = await ownCache(t)
  // No file of more than 58 MiB, and Node.js has more: as a disk that is full in the midst of it.
  const line = `ulimit -f 120000; exec '${process.execPath}' '${cliPath}' image fleet --cache '${cache}'`
  const child = spawn('sh', ['-c', line], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', text => (said += text))
  const [code] = await once(child, 'close')
  t.equal(code, 6, said)
  t.match(said, `cannot write ${cache}/derived/`)
  t.notMatch(said, `cannot write ${process.execPath}`)
  t.same(
    ['images', 'derived'].flatMap(folder => readdirSync(join(cache, folder)).filter(name => name.includes('.part-'))),
    [],
  )
})

/** An image in name only. */
function fakeImage(cache: ImageCache, name: string, usedS: number): string {
  const folder = join(cache.images, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'image.json'), '{}')
  utimesSync(join(folder, 'image.json'), usedS, usedS)
  return folder
}

t.test('of one role the two used last are kept, and any that a live process uses', async t => {
  const cache = new ImageCache(t.testdir({}))
  for (const [index, name] of ['fleet-a', 'fleet-b', 'fleet-c', 'fleet-d', 'controller-a'].entries()) {
    fakeImage(cache, name, 1000 + index)
  }
  mkdirSync(join(cache.images, `.part-${process.pid}.0-other`))
  const child = spawn('sleep', ['1000'])
  t.teardown(() => child.kill())
  const start = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19]
  mkdirSync(join(cache.images, 'fleet-a/.users'))
  writeFileSync(join(cache.images, `fleet-a/.users/${child.pid}.${start}`), '')
  await cache.prune('fleet')
  t.same(readdirSync(cache.images).sort(), ['controller-a', 'fleet-a', 'fleet-c', 'fleet-d'])

  child.kill()
  await once(child, 'exit')
  await cache.use(join(cache.images, 'fleet-c'))
  await cache.prune('fleet')
  t.same(readdirSync(cache.images).sort(), ['controller-a', 'fleet-c', 'fleet-d'])
  t.ok(existsSync(join(cache.images, 'fleet-c/.users')))
})

t.test("what root has made in a user's cache is used, and stays", async t => {
  const cache = new ImageCache(t.testdir({}))
  const folders = ['fleet-a', 'fleet-b', 'fleet-c'].map((name, index) => fakeImage(cache, name, 1000 + index))
  await asOther(folders, async () => {
    await cache.use(folders[0] as string)
    await cache.prune('fleet')
  })
  t.same(readdirSync(cache.images).sort(), ['fleet-a', 'fleet-b', 'fleet-c'])
})

t.test("the cache is the clone, or the user's where the clone is not to be written", async t => {
  const clone = t.testdir({})
  t.equal(cacheFolder(clone), join(clone, '.cache'))
  const absent = join(clone, 'no such clone')
  t.equal(cacheFolder(absent, { XDG_CACHE_HOME: '/somewhere' }), '/somewhere/nslab')
  t.equal(cacheFolder(absent, { HOME: '/somebody' }), '/somebody/.cache/nslab')
  t.equal(cacheFolder(clone, { HOME: '/somebody', NSLAB_PACKAGED: '1' }), '/somebody/.cache/nslab', 'a store is not')
})

t.test('VMs are saved beside an image of the cache, and never beside another', async t => {
  t.equal(snapshotsFolder({ folder: '/cache/images/fleet-ab' }, '/cache'), '/cache/images/fleet-ab/snapshots')
  for (const folder of ['/nix/store/ab-nslab-image-fleet', '/images/fleet', '/cache/images/fleet-ab/deeper'])
    t.equal(snapshotsFolder({ folder }, '/cache'), '/cache/snapshots', folder)
})
