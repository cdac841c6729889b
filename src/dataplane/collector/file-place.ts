// A file as a place: appended to, in whole lines. A disk that refuses is tried again; what it took of a load is not
// written twice. A file that is renamed or removed meanwhile, by who rotates logs or frees a disk, is let go of.

import { write } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { NslabError } from '../../base/errors.ts'
import type { Place } from './outbox.ts'
import type { TextLoad } from './text-packer.ts'

export class FilePlace implements Place<TextLoad> {
  readonly #path: string
  #fd: number
  #handle: FileHandle | undefined
  /** Of the load that is being written, what is on disk already. */
  #written = 0

  private constructor(path: string, fd: number, handle?: FileHandle) {
    this.#path = path
    this.#fd = fd
    this.#handle = handle
  }

  /** Opens `path` to append, and makes it where it is not. Throws DISK_REFUSED. */
  static async open(path: string): Promise<FilePlace> {
    try {
      const handle = await openToAppend(path)
      return new FilePlace(path, handle.fd, handle)
    } catch (error) {
      throw refusedPath(path, error)
    }
  }

  /** A file that is open already, as standard output is behind `>`. It stays open. */
  static of(fd: number, name: string): FilePlace {
    return new FilePlace(name, fd)
  }

  async store(load: TextLoad): Promise<null> {
    try {
      await this.#follow(load)
      while (this.#written < load.text.length) this.#written += await append(this.#fd, load.text, this.#written)
      this.#written = 0
      return null
    } catch (error) {
      throw refusedPath(this.#path, error)
    }
  }

  /** Goes on in a new file where ours is no longer at its path: what it took would be nowhere, its space not free. */
  async #follow(load: TextLoad): Promise<void> {
    if (this.#handle === undefined || (await isAt(this.#path, this.#handle))) return
    const handle = await openToAppend(this.#path)
    await this.#handle.close()
    this.#handle = handle
    this.#fd = handle.fd
    // What the old one has in whole lines is not written twice; a line that was cut short is written anew.
    if (this.#written > 0) this.#written = load.text.lastIndexOf('\n', this.#written - 1) + 1
  }

  stalled(limitS: number): NslabError {
    return new NslabError('DISK_REFUSED', { path: this.#path, reason: `it took nothing for ${limitS} s` })
  }

  async close(): Promise<void> {
    await this.#handle?.close()
  }
}

async function openToAppend(path: string): Promise<FileHandle> {
  const handle = await open(path, 'a+')
  try {
    await endLine(handle)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** False where there is no file of that name, or another one. */
async function isAt(path: string, handle: FileHandle): Promise<boolean> {
  const [named, ours] = await Promise.all([
    stat(path, { bigint: true }).catch(goneAsNull),
    handle.stat({ bigint: true }),
  ])
  return named !== null && named.ino === ours.ino && named.dev === ours.dev
}

function goneAsNull(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
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
