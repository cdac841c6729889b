// What of a VM an image decides: the same for whoever boots one.

import { NslabError } from '../../base/errors.ts'
import type { DiskSpec, VmSpec } from '../spec.ts'
import { type Image, ROOT_SERIAL } from './types.ts'

export type ImageBoot = Pick<VmSpec, 'kernel' | 'initrd' | 'commandLine'> & { readonly disks: readonly DiskSpec[] }

/** Its root is the first disk where it has one; `own` come after it. */
export function bootOf(image: Image, own: readonly DiskSpec[] = []): ImageBoot {
  const { kernelPath: kernel, initrdPath: initrd, rootPath, command_line: commandLine } = image
  const root = rootPath === null ? [] : [{ path: rootPath, readOnly: true, serial: ROOT_SERIAL }]
  return { kernel, initrd, commandLine, disks: [...root, ...own] }
}

/** The initrd that needs no disk. Throws IMAGE_UNFIT where the image has none. */
export function wholeInitrdOf({ wholeInitrdPath, folder, role }: Image): string {
  if (wholeInitrdPath !== null) return wholeInitrdPath
  throw new NslabError('IMAGE_UNFIT', {
    role,
    reason: `the image in ${folder} has its root on a disk, and a deterministic run has none`,
    remedy: 'Run it without --image, or with an image that names a whole_initrd.',
  })
}
