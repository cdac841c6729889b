// What an image is made of that is not nslab's own: kernel, busybox, a stripped Node.js. Taken from this machine where
// it has them, else from Debian's packages in the cache.

import { constants, existsSync } from 'node:fs'
import { access, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findProgram, type Kernel, modulesOf } from './contents.ts'
import type { Derived } from './derived.ts'
import type { FileFacts } from './file-facts.ts'
import { closure, indexModules, type ModuleIndex, withoutSignature } from './kernel-modules.ts'
import { cachedCloudKernel, cloudKernelPackage, type KernelFiles, kernelOf, namedKernel } from './kernels.ts'
import { librariesOf } from './libraries.ts'
import type { OnStep, Packages, UnpackedPackage } from './packages.ts'
import type { Role } from './role.ts'
import { payloadOf, toolFor, unpack } from './vmlinux.ts'

export interface Base {
  readonly kernel: Kernel
  readonly busybox: string
  /** Of busybox, kernel and the like: name → version. */
  readonly versions: Readonly<Record<string, string>>
}

/**
 * Finds kernel and busybox, fetching in one go what this machine lacks; `kernel`: another than the usual one.
 * Throws NOT_FIT, KERNEL_UNKNOWN.
 */
export async function findBase(packages: Packages, derived: Derived, kernel?: string): Promise<Base> {
  const [installed, own, busyboxHere, busyboxOwn] = [
    kernel === undefined ? await installedKernel() : await namedKernel(kernel, packages),
    await cachedCloudKernel(packages),
    await installedBusybox(),
    await packages.present('busybox-static'),
  ]
  const wanted: string[] = []
  if (installed === null && own === null) wanted.push(await cloudKernelPackage(packages))
  if (busyboxHere === null && busyboxOwn === null) wanted.push('busybox-static')
  const fetched = wanted.length === 0 ? [] : await packages.fetch(wanted)
  const fresh = (start: string): UnpackedPackage | null => fetched.find(({ name }) => name.startsWith(start)) ?? null
  const files = installed ?? (await kernelOf((own ?? fresh('linux-image-')) as UnpackedPackage))
  const busybox = busyboxOwn ?? fresh('busybox-static')
  return {
    kernel: { ...files, index: await indexOf(files, derived) },
    busybox: busyboxHere ?? join(busybox?.folder ?? '', 'bin/busybox'),
    versions: { linux: files.version, kernel_release: files.release, busybox: busybox?.version ?? 'installed' },
  }
}

/** The newest cloud kernel that is installed and readable, with its modules. */
async function installedKernel(): Promise<KernelFiles | null> {
  const names = (await readdir('/boot').catch(() => [])).filter(name => /^vmlinuz-.*-cloud-amd64$/.test(name))
  for (const name of names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))) {
    const release = name.replace(/^vmlinuz-/, '')
    const image = join('/boot', name)
    const modulesFolder = join('/lib/modules', release)
    const isReadable = await access(image, constants.R_OK).then(
      () => true,
      () => false,
    )
    // Newer Debians pack modules: those of the package are unpacked in the cache.
    if (isReadable && existsSync(join(modulesFolder, 'kernel/drivers/net/veth.ko'))) {
      return { release, version: release, image, modulesFolder }
    }
  }
  return null
}

async function installedBusybox(): Promise<string | null> {
  const path = findProgram('busybox')
  if (path === undefined) return null
  return (await librariesOf(path)).loader === null ? path : null
}

async function indexOf(kernel: KernelFiles, derived: Derived): Promise<ModuleIndex> {
  const { ctimeMs } = await stat(join(kernel.modulesFolder, 'modules.order'))
  const path = await derived.file('modules.json', [kernel.modulesFolder, String(ctimeMs)], async to =>
    writeFile(to, JSON.stringify(await indexModules(kernel.modulesFolder))),
  )
  return JSON.parse(await readFile(path, 'utf8'))
}

/** A folder with the role's modules as they go into the image, in the places that they have in the kernel's own. */
export async function leanModules(kernel: Kernel, recipe: Role, derived: Derived): Promise<string> {
  const needed = closure(kernel.index, modulesOf(recipe)).modules
  const changed = await Promise.all(
    needed.map(async ({ path }) => (await stat(join(kernel.modulesFolder, path))).ctimeMs),
  )
  const from = [kernel.modulesFolder, ...needed.map(({ path }) => path), String(Math.max(...changed))]
  return derived.folder('modules', from, async to => {
    for (const { path } of needed) {
      await mkdir(dirname(join(to, path)), { recursive: true })
      await writeFile(join(to, path), withoutSignature(await readFile(join(kernel.modulesFolder, path))))
    }
  })
}

/**
 * The running Node.js without what only debuggers read: 12 MB less to unpack at each boot. As it is where there is no
 * strip (of binutils).
 */
export async function leanNode(facts: FileFacts, derived: Derived): Promise<string> {
  const strip = findProgram('strip')
  if (strip === undefined) return process.execPath
  const from = [await facts.digest(process.execPath), await facts.digest(strip)]
  return derived.file('node', from, async to => {
    const { code } = await derived.run(strip, ['-o', to, process.execPath])
    if (code !== 0) await copyFile(process.execPath, to)
  })
}

/**
 * What QEMU starts: the kernel unpacked, or the packed one where that can't be done here. lz4 and the like come from
 * Debian's package of the tool, in the same way as the kernel: a few hundred kilobytes that apt vouches for, against a
 * decoder of our own or an npm package that nobody else here would need.
 */
export async function bootable(
  kernel: Kernel,
  facts: FileFacts,
  derived: Derived,
  packages: Packages,
  onStep: OnStep,
): Promise<string> {
  try {
    return await derived.file('vmlinux', [UNPACKED_AS, await facts.digest(kernel.image)], async to => {
      const payload = payloadOf(await readFile(kernel.image))
      const reason = payload === null ? 'it is packed in no way known here' : await unpackWith(payload, to, packages)
      if (reason !== null) throw new StaysPacked(reason)
    })
  } catch (error) {
    if (!(error instanceof StaysPacked)) throw error
    onStep(`the kernel stays packed, which boots slower: ${error.message}`)
    return kernel.image
  }
}

/** Counts up when the same kernel shall be unpacked to other bytes. */
const UNPACKED_AS = '2'

class StaysPacked extends Error {}

async function unpackWith(
  payload: NonNullable<ReturnType<typeof payloadOf>>,
  to: string,
  packages: Packages,
): Promise<string | null> {
  const need = toolFor(payload)
  if (need === null) return unpack(payload, to, null)
  const here = findProgram(need.tool)
  if (here !== undefined) return unpack(payload, to, here)
  const own = (await packages.present(need.package)) ?? (await packages.fetch([need.package]).catch(() => []))[0]
  if (own === undefined) return `${need.tool} is not installed, and could not be fetched`
  return unpack(payload, to, join(own.folder, 'usr/bin', need.tool))
}
