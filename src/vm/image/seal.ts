// An image from parts that are ready: kernel, initrd and a disk, made by somebody else (the Nix flake). What says so is
// written as for the images that are built here, and held to the same: the modules of a role are there.

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { allOf } from '../../base/all-of.ts'
import { NslabError } from '../../base/errors.ts'
import { sha256Of } from './file-facts.ts'
import { moduleName } from './kernel-modules.ts'
import { describeDigest } from './load.ts'
import { readRole } from './role.ts'
import { IMAGE_SCHEMA, type ImageDescription, type ImageRole } from './types.ts'
import { payloadOf, toolFor, unpack } from './vmlinux.ts'

export interface ImageParts {
  readonly role: ImageRole
  /** A bzImage, unpacked where that can be done here. */
  readonly kernel: string
  readonly initrd: string
  /** The disk with the root; null: the root is the initrd. */
  readonly root: string | null
  /** The kernel's modules: what lib/modules/RELEASE is. */
  readonly modules: string
  readonly commandLine: string
  readonly versions: Readonly<Record<string, string>>
  readonly memoryMinMib: number
}

const NAMES = { kernel: 'vmlinux', initrd: 'initrd', root: 'root' } as const

/** Makes the image's folder `out`, which must not be there. Throws IMAGE_UNFIT, FILE_UNREADABLE and DISK_REFUSED. */
export async function sealImage(parts: ImageParts, out: string, onStep: (line: string) => void): Promise<void> {
  const modules = await modulesOf(parts)
  try {
    await mkdir(out)
    await copyKernel(parts.kernel, join(out, NAMES.kernel), onStep)
    await copyFile(parts.initrd, join(out, NAMES.initrd))
    if (parts.root !== null) await copyFile(parts.root, join(out, NAMES.root))
  } catch (error) {
    const { code, syscall, path, dest } = error as NodeJS.ErrnoException & { readonly dest?: string }
    if (code === undefined || syscall === undefined) throw error
    throw new NslabError('DISK_REFUSED', { path: dest ?? path ?? out, reason: code, errno: code }, { cause: error })
  }
  const description = await describe(out, {
    schema: IMAGE_SCHEMA,
    role: parts.role,
    kernel: NAMES.kernel,
    initrd: NAMES.initrd,
    root: parts.root === null ? null : NAMES.root,
    command_line: parts.commandLine,
    versions: parts.versions,
    modules,
    memory_min_mib: parts.memoryMinMib,
  })
  await writeDescription(out, description)
}

/** With the digests of the files that it names, which are in `folder`. */
async function describe(
  folder: string,
  description: Omit<ImageDescription, 'digest' | 'digests'>,
): Promise<ImageDescription> {
  const { kernel, initrd, root } = description
  const names = [kernel, initrd, ...(root === null ? [] : [root])]
  const digests = await allOf(names.map(async name => [name, await sha256Of(join(folder, name))] as const))
  const whole = { ...description, digests: Object.fromEntries(digests) }
  return { ...whole, digest: describeDigest(whole) }
}

export async function writeDescription(folder: string, description: ImageDescription): Promise<void> {
  await writeFile(join(folder, 'image.json'), `${JSON.stringify(description, null, 2)}\n`)
}

/** As an ELF file, which QEMU starts at once; packed where the format's tool is not here. */
async function copyKernel(from: string, to: string, onStep: (line: string) => void): Promise<void> {
  const payload = payloadOf(await readFile(from))
  const reason =
    payload === null ? 'it is packed in no way known here' : await unpack(payload, to, toolFor(payload)?.tool ?? null)
  if (reason === null) return
  onStep(`the kernel stays packed, which boots slower: ${reason}`)
  await copyFile(from, to)
}

/** The role's modules that the kernel has as files, sorted. Throws IMAGE_UNFIT where it has one in no way. */
async function modulesOf({ role, modules: folder }: ImageParts): Promise<string[]> {
  const lines = async (name: string): Promise<string[]> => {
    const path = join(folder, name)
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new NslabError('FILE_UNREADABLE', { path, reason: error.code ?? error.message }, { cause: error })
    })
    return text.split('\n').filter(Boolean)
  }
  // depmod has been there: `kernel/net/x.ko.xz: kernel/lib/y.ko.xz`.
  const nameOf = (path: string): string => moduleName(basename(path).replace(/\.ko(\.\w+)?$/, ''))
  const files = new Set((await lines('modules.dep')).map(line => nameOf(line.split(':')[0] ?? '')))
  const builtin = new Set((await lines('modules.builtin')).map(nameOf))
  const { boot, carried } = (await readRole(role)).modules
  const wanted = [...boot, ...carried].map(moduleName)
  const missing = wanted.filter(name => !files.has(name) && !builtin.has(name))
  if (missing.length > 0)
    throw new NslabError('IMAGE_UNFIT', {
      role,
      reason: `the kernel in ${folder} lacks the module ${missing.join(', ')}`,
      remedy: 'Another kernel is needed; microvms/fleet.toml lists the modules.',
    })
  return wanted.filter(name => files.has(name)).sort()
}
