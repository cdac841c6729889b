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
 * The image of a role: the one that came with nslab, else built or found in the cache. A folder that was named must be
 * there; one that lacks the role is told of as a step.
 * Throws what loadImage and imageFor throw, FILE_UNREADABLE and KERNEL_UNKNOWN.
 */
export async function findImage(
  role: ImageRole,
  wish: ImageWish,
  folder = process.env[IMAGES_VARIABLE] ?? '',
): Promise<Image> {
  const { kernel } = wish
  const names = namesOf(role, wish)
  const there = folder === '' ? [] : imagesIn(folder)
  const place = names.map(name => join(folder, name)).find(existsSync)
  if (folder !== '' && place !== undefined) return loadImage(place)
  const derived = await realiseImage(role, wish)
  if (derived !== null) return loadImage(derived.path)
  // A word alone means an image: whoever gives one and has others told which there are.
  if (folder !== '' && kernel !== undefined && /^[a-z]+$/.test(kernel)) {
    const reason = `${folder} has no image ${names.at(-1)}; it has ${there.join(', ')}`
    throw new NslabError('KERNEL_UNKNOWN', { reason })
  }
  if (folder !== '')
    wish.onStep(
      `${IMAGES_VARIABLE}=${folder} has no image ${names.at(-1)} (${there.join(', ') || 'nothing'}): built here`,
    )
  return imageFor(role, wish)
}

/** Names in a folder that IMAGES_VARIABLE names. */
function imagesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    throw unreadable(IMAGES_VARIABLE, folder, error)
  }
}

function unreadable(variable: string, path: string, error: unknown): NslabError {
  const { code, message } = error as NodeJS.ErrnoException
  return new NslabError('FILE_UNREADABLE', { path: `${variable}=${path}`, reason: code ?? message }, { cause: error })
}

/** What it may be called, the best first. */
function namesOf(role: ImageRole, { kernel, called = role }: Pick<ImageWish, 'kernel' | 'called'>): string[] {
  return [called, role].map(image => (kernel === undefined ? image : `${image}-${kernel}`))
}

/**
 * The image of a role that Nix has or makes, by the first of its names that Nix knows; null: by none.
 * Throws IMAGE_UNFIT and FILE_UNREADABLE.
 */
export async function realiseImage(
  role: ImageRole,
  wish: Pick<ImageWish, 'kernel' | 'called' | 'onStep' | 'signal'>,
): Promise<{ readonly name: string; readonly path: string } | null> {
  const file = process.env[DERIVATIONS_VARIABLE] ?? ''
  if (file === '') return null
  const known = derivationsIn(file)
  const name = namesOf(role, wish).find(each => known[each] !== undefined)
  const derivation = name === undefined ? undefined : known[name]
  if (name === undefined || derivation === undefined) return null
  wish.onStep(`Nix has or builds the guest image ${derivation}`)
  const { signal } = wish
  const abort = signal === undefined ? {} : { abort: signal }
  const { code, stdout, stderr } = await run('nix-store', ['--realise', derivation], { timeoutMs: BUILD_MS, ...abort })
  signal?.throwIfAborted()
  if (code === 0) return { name, path: stdout.trim().split('\n').at(-1) ?? '' }
  const said = code === 127 ? 'there is no nix-store' : (stderr.trim().split('\n').at(-1) ?? '')
  throw new NslabError('IMAGE_UNFIT', {
    role,
    reason: `nix-store --realise ${derivation}: ${said}`,
    remedy: `See nix log ${derivation}, name another image (--image), or run on this machine itself (--on host).`,
  })
}

function derivationsIn(file: string): Readonly<Record<string, string>> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
  } catch (error) {
    throw unreadable(DERIVATIONS_VARIABLE, file, error)
  }
}
