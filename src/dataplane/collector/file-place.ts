// A file as a place: appended to, in whole lines. A disk that refuses is tried again; what it took of a load is not
// written twice.

import { write } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { NslabError } from '../../base/errors.ts'
import type { Place } from './outbox.ts'
import type { TextLoad } from './text-packer.ts'

export class FilePlace implements Place<TextLoad> {
  readonly #path: string
  readonly #fd: number
  readonly #handle: FileHandle | undefined
  /** Of the load that is being written, what is on disk already. */
  #written = 0

  private constructor(path: string, fd: number, handle?: FileHandle) {
    this.#path = path
    this.#fd = fd
    this.#handle = handle
  }

  /** Opens `path` to append, and makes it where it is not. Throws DISK_REFUSED. */
  static async open(path: string): Promise<FilePlace> {
    let handle: FileHandle | undefined
    try {
      handle = await open(path, 'a+')
      await endLine(handle)
      return new FilePlace(path, handle.fd, handle)
    } catch (error) {
      await handle?.close()
      throw refusedPath(path, error)
    }
  }

  /** A file that is open already, as standard output is behind `>`. It stays open. */
  static of(fd: number, name: string): FilePlace {
    return new FilePlace(name, fd)
  }

  async store(load: TextLoad): Promise<null> {
    try {
      while (this.#written < load.text.length) this.#written += await append(this.#fd, load.text, this.#written)
      this.#written = 0
      return null
    } catch (error) {
      throw refusedPath(this.#path, error)
    }
  }

  stalled(limitS: number): NslabError {
    return new NslabError('DISK_REFUSED', { path: this.#path, reason: `it took nothing for ${limitS} s` })
  }

  async close(): Promise<void> {
    await this.#handle?.close()
  }
}

/** Somebody who was killed may have left half a line. */
async function endLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat()
  if (size === 0) return
  const last = Buffer.alloc(1)
  await handle.read(last, 0, 1, size - 1)
  if (last[0] !== 0x0a) await handle.write('\n')
}

function append(fd: number, bytes: Buffer, from: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, from, bytes.length - from, null, (error, count) => {
      if (error === null) resolve(count)
      else reject(error)
    })
  })
}

export function refusedPath(path: string, error: unknown): NslabError {
  const { code: errno, message } = error as NodeJS.ErrnoException
  return new NslabError('DISK_REFUSED', { path, reason: errno ?? message, errno }, { cause: error })
}
