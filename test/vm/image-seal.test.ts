// Images of parts that are ready, and nslab's files as such a guest has them: what the flake's derivations run.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../src/base/exec.ts'
import { imageFor } from '../../src/vm/image/build.ts'
import { cacheFolder } from '../../src/vm/image/cache.ts'
import { loadImage } from '../../src/vm/image/load.ts'
import { writeGuestFiles } from '../../src/vm/image/nslab-files.ts'
import { type ImageParts, sealImage } from '../../src/vm/image/seal.ts'
import { imageBase } from '../fixtures/image-cache.ts'

/** The parts of the clone's own image, with what depmod would have written beside the modules. */
async function parts(folder: string, lacking: readonly string[] = []): Promise<ImageParts> {
  const { kernel } = await imageBase()
  const image = await imageFor('fleet', { cache: cacheFolder(), onStep: () => {} })
  const modules = join(folder, 'modules')
  mkdirSync(modules)
  const files = Object.values(kernel.index.modules).filter(({ name }) => !lacking.includes(name))
  writeFileSync(join(modules, 'modules.dep'), files.map(({ path }) => `${path}.xz: kernel/other.ko.xz\n`).join(''))
  writeFileSync(join(modules, 'modules.builtin'), kernel.index.builtin.map(name => `kernel/${name}.ko\n`).join(''))
  writeFileSync(join(folder, 'disk'), 'a disk')
  return {
    role: 'fleet',
    kernel: kernel.image,
    initrd: image.initrdPath,
    root: join(folder, 'disk'),
    modules,
    commandLine: 'console=ttyS0 panic=-1 init=/nix/store/x/init',
    versions: { linux: kernel.version, kernel_release: kernel.release },
    memoryMinMib: 400,
  }
}

t.test('parts become an image like any other, whose kernel is unpacked as elsewhere', async t => {
  const folder = t.testdir({})
  const steps: string[] = []
  await sealImage(await parts(folder), join(folder, 'image'), line => steps.push(line))
  const sealed = await loadImage(join(folder, 'image'))
  const usual = await imageFor('fleet', { cache: cacheFolder(), onStep: () => {} })
  t.match(sealed, {
    role: 'fleet',
    rootPath: join(folder, 'image/root'),
    command_line: /init=\/nix\/store\/x\/init$/,
    memory_min_mib: 400,
  })
  t.equal(sealed.digests.initrd, usual.digests['initrd.cpio'])
  // Where the format's tool is not installed it stays packed, and that is said.
  if (steps.length === 0) t.equal(sealed.digests.vmlinux, usual.digests.vmlinux)
  else t.match(steps, [/^the kernel stays packed/])
  for (const name of ['veth', 'sch_netem', 'tun']) t.ok(sealed.modules.includes(name), name)
})

t.test('a kernel without a module of the role is refused, and so is what can not be read or written', async t => {
  const folder = t.testdir({})
  const whole = await parts(folder, ['veth', 'tun'])
  const seal = (more: Partial<ImageParts>, out = 'image') =>
    sealImage({ ...whole, ...more }, join(folder, out), () => {})
  await t.rejects(seal({}), { code: 'IMAGE_UNFIT', facts: { reason: /lacks the module veth, tun$/ } })
  t.notOk(existsSync(join(folder, 'image')), 'nothing was made')
  await t.rejects(seal({ modules: folder }), { code: 'FILE_UNREADABLE', facts: { reason: 'ENOENT' } })
})

t.test('a folder that is there is left alone', async t => {
  const folder = t.testdir({ image: { mine: '' } })
  await t.rejects(
    sealImage(await parts(folder), join(folder, 'image'), () => {}),
    {
      code: 'DISK_REFUSED',
      facts: { path: join(folder, 'image'), reason: 'EEXIST' },
    },
  )
  t.same(existsSync(join(folder, 'image/mine')), true)
})

t.test("nslab's files run from wherever they are", async t => {
  const folder = join(t.testdir({}), 'nslab')
  await writeGuestFiles('fleet', folder)
  const { code, stdout, stderr } = await run(process.execPath, [join(folder, 'dist/cli/main.js'), 'list'])
  t.equal(code, 0, stderr)
  t.match(stdout, /^ring +100 nodes/m)
  const listed = await run(process.execPath, ['-p', `require('${folder}/native/build/Release/nslab.node') && 1`])
  t.equal(listed.stdout.trim(), '1', listed.stderr)
  t.match(JSON.parse(readFileSync(join(folder, 'dist/package.json'), 'utf8')), { type: 'commonjs' })
})
