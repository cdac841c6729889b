// Kernels by what a user calls them: a package of Debian's, the release of one, or a packed kernel with its modules.

import { existsSync } from 'node:fs'
import { access, constants, open, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import type { Kernel } from './contents.ts'
import type { Packages, UnpackedPackage } from './packages.ts'

export type KernelFiles = Omit<Kernel, 'index'>

/** The metapackage that follows Debian's kernel for virtual machines, and the form of what it stands for. */
const CLOUD_KERNEL = 'linux-image-cloud-amd64'
const CLOUD_FORM = /^linux-image-.*-cloud-amd64(-unsigned)?$/
/** A package that is a kernel, as against one that stands for the newest of its kind. */
const KERNEL_FORM = /^linux-image-\d/

/** The kernel of Debian's cloud that the cache has, newest first; null: none. */
export const cachedCloudKernel = (packages: Packages): Promise<UnpackedPackage | null> => packages.present(CLOUD_FORM)

/** The name of the package to fetch for it. Throws NOT_FIT. */
export const cloudKernelPackage = (packages: Packages): Promise<string> => packages.resolve(CLOUD_KERNEL, CLOUD_FORM)

/**
 * The kernel that `name` stands for, fetched where it is a package that is not in the cache.
 * Throws KERNEL_UNKNOWN where it stands for none, and NOT_FIT where its package can't be had.
 */
export async function namedKernel(name: string, packages: Packages): Promise<KernelFiles> {
  if (name.includes('/')) return kernelAt(name)
  // `6.1.0-56-cloud-amd64` is what uname says, and linux-image-6.1.0-56-cloud-amd64 the package.
  const wanted = /^\d+\.\d+/.test(name) ? `linux-image-${name}` : name
  if (!wanted.startsWith('linux-image-')) throw unknown(`no image and no package of Debian's is called "${name}"`)
  const found = KERNEL_FORM.test(wanted) ? wanted : await packages.resolve(wanted, KERNEL_FORM)
  return kernelOf((await packages.present(found)) ?? ((await packages.fetch([found]))[0] as UnpackedPackage))
}

/** The kernel that a package brought, with its modules. */
export async function kernelOf({ folder, name, version }: UnpackedPackage): Promise<KernelFiles> {
  const image = (await readdir(join(folder, 'boot')).catch(() => [])).find(file => file.startsWith('vmlinuz-'))
  if (image === undefined) throw unknown(`the package ${name} has no kernel in it`)
  const release = image.replace(/^vmlinuz-/, '')
  const modules = modulesOf(release, folder)
  if (modules === null) throw unknown(`the package ${name} has no modules of ${release}`)
  return { release, version, image: join(folder, 'boot', image), modulesFolder: modules }
}

/** A packed kernel, whose modules are under the folder that it or its folder is in (`boot/`), or this machine's. */
async function kernelAt(path: string): Promise<KernelFiles> {
  const reason = await access(path, constants.R_OK).then(
    () => null,
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  )
  if (reason !== null) throw new NslabError('FILE_UNREADABLE', { path, reason })
  const release = await releaseOf(path)
  if (release === null) throw unknown(`${path} is no packed kernel (bzImage) that says its release`)
  const places = [dirname(path), dirname(dirname(path)), '/']
  const modules = places.map(place => modulesOf(release, place)).find(found => found !== null)
  if (modules === undefined) throw unknown(`the modules of ${basename(path)} are in no lib/modules/${release}`)
  return { release, version: release, image: path, modulesFolder: modules }
}

const modulesOf = (release: string, folder: string): string | null =>
  ['lib/modules', 'usr/lib/modules'].map(name => join(folder, name, release)).find(existsSync) ?? null

const BOOT_HEADER = 0x202
/** Where the header says, less one sector, where the kernel's version is: the kernel's Documentation/arch/x86/boot.rst. */
const KERNEL_VERSION = 0x20e
const SECTOR_BYTES = 0x200
const VERSION_BYTES = 256

/** `uname -r` of a bzImage; null where the file is none. */
async function releaseOf(path: string): Promise<string | null> {
  const file = await open(path)
  try {
    const header = Buffer.alloc(KERNEL_VERSION + 2)
    const { bytesRead } = await file.read(header, 0, header.length, 0)
    if (bytesRead < header.length || header.toString('latin1', BOOT_HEADER, BOOT_HEADER + 4) !== 'HdrS') return null
    const text = Buffer.alloc(VERSION_BYTES)
    await file.read(text, 0, text.length, header.readUInt16LE(KERNEL_VERSION) + SECTOR_BYTES)
    return /^[\w.+~-]+/.exec(text.toString('latin1'))?.[0] ?? null
  } finally {
    await file.close()
  }
}

const unknown = (reason: string): NslabError => new NslabError('KERNEL_UNKNOWN', { reason })
