// An initramfs archive (cpio, format newc) in which nothing depends on when, where or by whom it is made: root owns
// all, times are zero, inodes count up, modes follow from the kind, entries come in the order they are given.
// Layout: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.

import { bytesOf, modeOf, sizeOf } from './content.ts'
import type { Content, Entry } from './tree.ts'

const ALIGNMENT = 4
const END = 'TRAILER!!!'

/** The archive, piece by piece. Throws FILE_UNREADABLE; a file that changes its size meanwhile is one, too. */
export async function* cpio(entries: readonly Entry[]): AsyncGenerator<Buffer> {
  let inode = 1
  for (const { path, content } of entries) {
    const bytes = await sizeOf(content)
    yield header({ inode: inode++, path, content, bytes })
    yield* bytesOf(content, bytes)
    yield padding(bytes)
  }
  yield header({ inode: 0, path: END, content: null, bytes: 0 })
}

interface Header {
  readonly inode: number
  readonly path: string
  /** null: the end of the archive. */
  readonly content: Content | null
  readonly bytes: number
}

/** Magic and thirteen fields of eight hexadecimal digits, the path, and zeros up to a multiple of four. */
function header({ inode, path, content, bytes }: Header): Buffer {
  const mode = content === null ? 0 : modeOf(content)
  const links = content?.kind === 'folder' ? 2 : 1
  const device = content?.kind === 'device' ? content : { major: 0, minor: 0 }
  const name = Buffer.from(`${path}\0`)
  const [uid, gid, mtime, deviceMajor, deviceMinor, check] = [0, 0, 0, 0, 0, 0]
  const fields = [inode, mode, uid, gid, links, mtime, bytes, deviceMajor, deviceMinor, device.major, device.minor]
  const text = [...fields, name.length, check].map(field => field.toString(16).toUpperCase().padStart(8, '0')).join('')
  const head = Buffer.concat([Buffer.from(`070701${text}`), name])
  return Buffer.concat([head, padding(head.length)])
}

const padding = (bytes: number): Buffer => Buffer.alloc((ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT)
