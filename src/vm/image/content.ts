// What the writers of file systems ask of a tree's contents: their sizes, their bytes, their modes.

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { NslabError } from '../../base/errors.ts'
import type { Content } from './tree.ts'

const S_IFDIR = 0o040_000
const S_IFREG = 0o100_000
const S_IFLNK = 0o120_000
const S_IFCHR = 0o020_000

/** Reads of a big file; larger ones gain nothing. */
const CHUNK_BYTES = 1 << 20

/** Throws FILE_UNREADABLE. */
export async function sizeOf(content: Content): Promise<number> {
  if (content.kind === 'text') return Buffer.byteLength(content.text)
  if (content.kind === 'link') return Buffer.byteLength(content.target)
  if (content.kind !== 'file') return 0
  return (await stat(content.source).catch(error => unreadable(content.source, error))).size
}

/** `bytes`: its size as it was found. Throws FILE_UNREADABLE, also for a file that has another size by now. */
export async function* bytesOf(content: Content, bytes: number): AsyncGenerator<Buffer> {
  if (content.kind === 'text') yield Buffer.from(content.text)
  if (content.kind === 'link') yield Buffer.from(content.target)
  if (content.kind === 'file') yield* fileBytes(content.source, bytes)
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

/** st_mode: permissions follow from the kind. */
export function modeOf(content: Content): number {
  switch (content.kind) {
    case 'folder':
      return S_IFDIR | 0o755
    case 'link':
      return S_IFLNK | 0o777
    case 'device':
      return S_IFCHR | 0o600
    default:
      return S_IFREG | (content.executable ? 0o755 : 0o644)
  }
}
