// A guest image from what is on this machine, or the one that was built from the same before.
//
// An image's key is a digest over everything that goes into it: each path with the digest of its bytes, the kernel, the
// role. Bytes of big files are read again only when the file's times say that it is another.

import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { copyFile, link, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { NslabError } from '../../base/errors.ts'
import { run } from '../../base/exec.ts'
import { withMachineLock } from '../../base/machine-lock.ts'
import { cacheFolder, ImageCache } from './cache.ts'
import { type Contents, contentsOf, type Ingredients, type Kernel, modulesOf } from './contents.ts'
import { cpio } from './cpio.ts'
import { Derived } from './derived.ts'
import { erofs } from './erofs.ts'
import { FileFacts, sha256Of } from './file-facts.ts'
import { type Base, bootable, findBase, leanModules, leanNode } from './ingredients.ts'
import { closure } from './kernel-modules.ts'
import { describeDigest, loadImage } from './load.ts'
import { bundled } from './nslab-files.ts'
import { type OnStep, Packages } from './packages.ts'
import { type Role, readRole } from './role.ts'
import { writeDescription } from './seal.ts'
import type { Entry } from './tree.ts'
import { IMAGE_SCHEMA, type Image, type ImageDescription, type ImageRole } from './types.ts'

/** Counts up when the same inputs shall give another image. */
const RECIPE_VERSION = '4'

/** Longest wait for another build of the same cache: a slow mirror's download included. */
const LOCK_MS = 600_000

export interface ImageOptions {
  /** Called with a line for each thing that takes its time. */
  readonly onStep: OnStep
  /** The cache's folder; the clone's where absent. */
  readonly cache?: string
  /** Another kernel than this machine's or Debian's: itself, or what a user calls it (kernels.ts). */
  readonly kernel?: Kernel | string | undefined
  /** Gives up: what is under way ends, and leaves nothing in the cache that is not whole. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The image of a role for the present state of nslab and this machine: from the cache, or built (seconds; the first
 * time with a download of 28 MB). Stays in the cache while this process lives.
 * Throws NOT_FIT where packages can't be had, IMAGE_UNFIT where what they hold doesn't do, DISK_REFUSED where the cache
 * can't be written, and the signal's reason.
 */
export async function imageFor(role: ImageRole, options: ImageOptions): Promise<Image> {
  const folder = options.cache ?? cacheFolder()
  try {
    const cache = new ImageCache(folder)
    // Held per network namespace; between two, both may build, and the first to finish gives the image its name.
    return await withMachineLock(`images in ${folder}`, LOCK_MS, () => locked(role, options, cache), options.signal)
  } catch (error) {
    // A terminal's interrupt reaches the tools as well: one that it ended may be heard of before the interrupt is.
    await new Promise(resolve => setImmediate(resolve))
    options.signal?.throwIfAborted()
    const { code, path, dest, syscall } = error as NodeJS.ErrnoException & { readonly dest?: string }
    if (error instanceof NslabError || code === undefined || syscall === undefined) throw error
    throw new NslabError('DISK_REFUSED', { path: dest ?? path ?? folder, reason: code, errno: code }, { cause: error })
  }
}

async function locked(role: ImageRole, options: ImageOptions, cache: ImageCache): Promise<Image> {
  const { onStep, signal } = options
  const facts = await FileFacts.open(join(cache.folder, 'file-facts.json'))
  const digestOf = (path: string): Promise<string> => facts.digest(path)
  const derived = new Derived(join(cache.folder, 'derived'), { onStep, signal, digestOf })
  const packages = new Packages(join(cache.folder, 'packages'), onStep, signal, digestOf)
  const { kernel: named } = options
  const found = await findBase(packages, derived, typeof named === 'string' ? named : undefined)
  const base = typeof named === 'object' ? withKernel(found, named) : found
  const recipe = await readRole(role)
  refuseMissing(role, base.kernel, recipe)
  const kernelFile = await bootable(base.kernel, facts, derived, packages, onStep)
  const node = await leanNode(facts, derived)
  const bundle = await bundled(role, facts, derived)
  signal?.throwIfAborted()
  const modules = await leanModules(base.kernel, recipe, derived)
  const { kernel, busybox } = base
  const contents = await contentsOf({ role, recipe, kernel, modules, busybox, node, bundle }, facts)
  const entries = contents.tree.entries()
  const all = [...contents.initrd.entries(), ...entries]
  const key = await keyOf(role, recipe, kernelFile, await facts.digest(base.kernel.image), all, facts)
  // Those of a kernel that was named are kept apart: a matrix of them leaves the usual ones alone.
  const kind = named === undefined ? role : `${role}.${kernel.release}`
  const place = cache.place(kind, key)
  const image = (await present(place, facts, onStep)) ?? (await build())
  await facts.save()
  await cache.use(place)
  return image

  async function build(): Promise<Image> {
    const startMs = performance.now()
    onStep(`building the guest image for ${role} (${base.versions.kernel_release})`)
    const scratch = await cache.scratch()
    try {
      await write(scratch, { role, recipe, base, kernelFile, contents, entries }, signal)
      signal?.throwIfAborted()
      await cache.publish(scratch, place)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
    await cache.prune(kind)
    onStep(`the guest image is ${place}, built in ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
    return loadImage(place, path => facts.digest(path))
  }
}

function withKernel(base: Base, kernel: Kernel): Base {
  return { ...base, kernel, versions: { ...base.versions, linux: kernel.version, kernel_release: kernel.release } }
}

/** The image that is there already; a damaged one is told of and removed. */
async function present(place: string, facts: FileFacts, onStep: OnStep): Promise<Image | null> {
  if ((await stat(join(place, 'image.json')).catch(() => null)) === null) {
    await rm(place, { recursive: true, force: true })
    return null
  }
  try {
    return await loadImage(place, path => facts.digest(path))
  } catch (error) {
    if (!(error instanceof NslabError)) throw error
    onStep(`${error.message}; it is built again`)
    await rm(place, { recursive: true, force: true })
    return null
  }
}

function refuseMissing(role: ImageRole, kernel: Kernel, recipe: Role): void {
  const { missing } = closure(kernel.index, modulesOf(recipe))
  if (missing.length === 0) return
  throw new NslabError('IMAGE_UNFIT', {
    role,
    reason: `the kernel ${kernel.release} (${kernel.image}) lacks the module ${missing.join(', ')}`,
    remedy: `Another kernel is needed, such as Debian's linux-image-cloud-amd64; microvms/${role}.toml lists the modules.`,
  })
}

async function keyOf(
  role: ImageRole,
  recipe: Role,
  kernelFile: string,
  kernelDigest: string,
  entries: readonly Entry[],
  facts: FileFacts,
): Promise<string> {
  const hash = createHash('sha256').update(`${RECIPE_VERSION}\n${role}\n${JSON.stringify(recipe)}\n`)
  // Its name has the digest of what it was unpacked from; its own times change with every link to it.
  hash.update(`${basename(kernelFile)} ${kernelDigest}\n`)
  for (const { path, content } of entries) {
    const bytes = content.kind === 'file' ? await facts.digest(content.source) : ''
    const { source: _, ...rest } = { source: '', ...content }
    hash.update(`${path}\0${JSON.stringify(rest)}\0${bytes}\n`)
  }
  return hash.digest('hex').slice(0, 24)
}

interface Making extends Pick<Ingredients, 'role' | 'recipe'> {
  readonly base: Base
  readonly kernelFile: string
  readonly contents: Contents
  readonly entries: readonly Entry[]
}

async function write(
  folder: string,
  { role, recipe, base, kernelFile, contents, entries }: Making,
  signal?: AbortSignal,
): Promise<void> {
  // A link costs nothing; across file systems it has to be a copy.
  await link(kernelFile, join(folder, 'vmlinux')).catch(() => copyFile(kernelFile, join(folder, 'vmlinux')))
  const files = {
    'initrd.cpio': cpio(contents.initrd.entries()),
    'root.erofs': erofs(entries),
    'root.cpio': cpio(entries),
  }
  const digests: Record<string, string> = { vmlinux: await sha256Of(kernelFile) }
  for (const [name, pieces] of Object.entries(files)) digests[name] = await store(pieces, join(folder, name), signal)
  const description: Omit<ImageDescription, 'digest'> = {
    schema: IMAGE_SCHEMA,
    role,
    kernel: 'vmlinux',
    initrd: 'initrd.cpio',
    root: 'root.erofs',
    whole_initrd: 'root.cpio',
    command_line: recipe.command_line.join(' '),
    versions: { ...base.versions, node: process.version, ...(await versionsOf(contents.programs)) },
    digests,
    modules: contents.modules,
    memory_min_mib: recipe.memory_min_mib,
  }
  await writeDescription(folder, { ...description, digest: describeDigest(description) })
}

/** Writes a file; returns its sha256 in hex. */
async function store(pieces: AsyncIterable<Buffer>, path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      hash.update(piece)
      yield piece
    }
  }
  await pipeline(Readable.from(hashed()), createWriteStream(path), { ...(signal === undefined ? {} : { signal }) })
  return hash.digest('hex')
}

/** What each program says of itself. */
async function versionsOf(programs: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const versions = Object.entries(programs).map(async ([name, path]) => {
    const said = await run(path, [name === 'iperf3' || name === 'postgres' ? '--version' : '-V'])
    return [name, (said.stdout || said.stderr).trim().split('\n')[0] ?? ''] as const
  })
  return Object.fromEntries(await Promise.all(versions))
}
