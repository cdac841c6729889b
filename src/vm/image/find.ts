// The image that a run boots: one that came with nslab (the Nix flake's), or one built here.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { run } from '../../base/exec.ts'
import { type ImageOptions, imageFor } from './build.ts'
import { loadImage } from './load.ts'
import type { Image, ImageRole } from './types.ts'

/** Names a folder of images, each a folder of its own by its role, or role and kernel: fleet, fleet-latest. */
export const IMAGES_VARIABLE = 'NSLAB_IMAGES'

/** Names a file, JSON: those names → derivations of Nix, built when they are asked for. */
export const DERIVATIONS_VARIABLE = 'NSLAB_IMAGE_DERIVATIONS'

/** A closure is downloaded, and a disk of it made. */
const BUILD_MS = 3_600_000

export interface ImageWish extends Omit<ImageOptions, 'kernel'> {
  /** What a user calls the kernel; absent: the usual one. */
  readonly kernel?: string | undefined
  /** What it would be called among those that came with nslab, before its role's own is looked for. */
  readonly called?: string | undefined
}

/**
 * The image of a role: the one that came with nslab, else built or found in the cache.
 * Throws what loadImage and imageFor throw, and KERNEL_UNKNOWN.
 */
export async function findImage(
  role: ImageRole,
  wish: ImageWish,
  folder = process.env[IMAGES_VARIABLE] ?? '',
): Promise<Image> {
  const { kernel, called = role } = wish
  const nameOf = (image: string): string => (kernel === undefined ? image : `${image}-${kernel}`)
  const place = [called, role].map(image => join(folder, nameOf(image))).find(existsSync)
  if (folder !== '' && place !== undefined) return loadImage(place)
  const derived = await realised(role, [called, role].map(nameOf), wish)
  if (derived !== null) return loadImage(derived)
  // A word alone means an image: whoever gives one and has others told which there are.
  if (folder !== '' && kernel !== undefined && /^[a-z]+$/.test(kernel)) {
    const reason = `${folder} has no image ${nameOf(role)}; it has ${readdirSync(folder).sort().join(', ')}`
    throw new NslabError('KERNEL_UNKNOWN', { reason })
  }
  return imageFor(role, wish)
}

/** The image that Nix has or makes of the first of these names that it knows; null: of none. Throws IMAGE_UNFIT. */
async function realised(role: ImageRole, names: readonly string[], wish: ImageWish): Promise<string | null> {
  const file = process.env[DERIVATIONS_VARIABLE] ?? ''
  if (file === '') return null
  const known = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
  const derivation = names.map(name => known[name]).find(found => found !== undefined)
  if (derivation === undefined) return null
  wish.onStep(`Nix has or builds the guest image ${derivation}`)
  const { signal } = wish
  const abort = signal === undefined ? {} : { abort: signal }
  const { code, stdout, stderr } = await run('nix-store', ['--realise', derivation], { timeoutMs: BUILD_MS, ...abort })
  signal?.throwIfAborted()
  if (code === 0) return stdout.trim().split('\n').at(-1) ?? ''
  const said = code === 127 ? 'there is no nix-store' : (stderr.trim().split('\n').at(-1) ?? '')
  throw new NslabError('IMAGE_UNFIT', {
    role,
    reason: `nix-store --realise ${derivation}: ${said}`,
    remedy: `See nix log ${derivation}, name another image (--image), or run on this machine itself (--on host).`,
  })
}
