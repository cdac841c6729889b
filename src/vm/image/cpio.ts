// An initramfs archive (cpio, format newc) in which nothing depends on when, where or by whom it is made: root owns
// all, times are zero, inodes count up, modes follow from the kind, entries come in the order they are given.
// Layout: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { NslabError } from '../../base/errors.ts'
import type { Content, Entry } from './tree.ts'

const S_IFDIR = 0o040_000
const S_IFREG = 0o100_000
const S_IFLNK = 0o120_000
const S_IFCHR = 0o020_000

const ALIGNMENT = 4
const END = 'TRAILER!!!'
/** Reads of a big file; larger ones gain nothing. */
const CHUNK_BYTES = 1 << 20

/** The archive, piece by piece. Throws FILE_UNREADABLE; a file that changes its size meanwhile is one, too. */
export async function* cpio(entries: readonly Entry[]): AsyncGenerator<Buffer> {
  let inode = 1
  for (const { path, content } of entries) {
    const bytes = await sizeOf(content)
    yield header({ inode: inode++, path, content, bytes })
    if (content.kind === 'text') yield Buffer.from(content.text)
    if (content.kind === 'link') yield Buffer.from(content.target)
    if (content.kind === 'file') yield* fileBytes(content.source, bytes)
    yield padding(bytes)
  }
  yield header({ inode: 0, path: END, content: null, bytes: 0 })
}

async function sizeOf(content: Content): Promise<number> {
  if (content.kind === 'text') return Buffer.byteLength(content.text)
  if (content.kind === 'link') return Buffer.byteLength(content.target)
  if (content.kind !== 'file') return 0
  return (await stat(content.source).catch(error => unreadable(content.source, error))).size
}

async function* fileBytes(source: string, expected: number): AsyncGenerator<Buffer> {
  let found = 0
  try {
    for await (const chunk of createReadStream(source, { highWaterMark: CHUNK_BYTES })) {
      found += (chunk as Buffer).length
      yield chunk as Buffer
    }
  } catch (error) {
    unreadable(source, error)
  }
  if (found !== expected) unreadable(source, new Error(`it had ${expected} bytes, and then ${found}`))
}

function unreadable(path: string, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException
  throw new NslabError('FILE_UNREADABLE', { path, reason: code ?? message }, { cause: error })
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
  const { mode, links } = modeOf(content)
  const device = content?.kind === 'device' ? content : { major: 0, minor: 0 }
  const name = Buffer.from(`${path}\0`)
  const [uid, gid, mtime, deviceMajor, deviceMinor, check] = [0, 0, 0, 0, 0, 0]
  const fields = [inode, mode, uid, gid, links, mtime, bytes, deviceMajor, deviceMinor, device.major, device.minor]
  const text = [...fields, name.length, check].map(field => field.toString(16).toUpperCase().padStart(8, '0')).join('')
  const head = Buffer.concat([Buffer.from(`070701${text}`), name])
  return Buffer.concat([head, padding(head.length)])
}

function modeOf(content: Content | null): { mode: number; links: number } {
  if (content === null) return { mode: 0, links: 1 }
  switch (content.kind) {
    case 'folder':
      return { mode: S_IFDIR | 0o755, links: 2 }
    case 'link':
      return { mode: S_IFLNK | 0o777, links: 1 }
    case 'device':
      return { mode: S_IFCHR | 0o600, links: 1 }
    default:
      return { mode: S_IFREG | (content.executable ? 0o755 : 0o644), links: 1 }
  }
}

const padding = (bytes: number): Buffer => Buffer.alloc((ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT)
