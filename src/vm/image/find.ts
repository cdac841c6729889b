// The image that a run boots: one that came with nslab (the Nix flake's), or one built here.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { type ImageOptions, imageFor } from './build.ts'
import { loadImage } from './load.ts'
import type { Image, ImageRole } from './types.ts'

/** Names a folder of images, each a folder of its own by its role, or role and kernel: fleet, fleet-latest. */
export const IMAGES_VARIABLE = 'NSLAB_IMAGES'

export interface ImageWish extends Omit<ImageOptions, 'kernel'> {
  /** What a user calls the kernel; absent: the usual one. */
  readonly kernel?: string | undefined
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
  const { kernel } = wish
  const name = kernel === undefined ? role : `${role}-${kernel}`
  if (folder !== '' && existsSync(join(folder, name))) return loadImage(join(folder, name))
  // A word alone means an image: whoever gives one and has others told which there are.
  if (folder !== '' && kernel !== undefined && /^[a-z]+$/.test(kernel)) {
    const reason = `${folder} has no image ${name}; it has ${readdirSync(folder).sort().join(', ')}`
    throw new NslabError('KERNEL_UNKNOWN', { reason })
  }
  return imageFor(role, wish)
}
