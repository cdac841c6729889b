// A folder's regular files as one byte stream: a line of JSON for each file, then its bytes, so often; at last an empty
// line. Written by a deterministic run in its guest and unpacked by its runner, which trusts no path in it.

import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, mkdir, readdir } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

interface FileHeader {
  /** Relative to the folder. */
  readonly path: string
  readonly bytes: number
  /** Permission bits. */
  readonly mode: number
}

/** A file's first line is no longer: Linux' longest path, as JSON. */
const HEADER_BYTES_MAX = 32 * 1024

/**
 * Writes every regular file below `folder` to `out`, which stays open. A file that grows meanwhile is sent as long as
 * it was; one that shrinks is filled up with zeros. Sockets, pipes and links are left out.
 * @returns how many files.
 */
export async function packFolder(folder: string, out: Writable): Promise<number> {
  const names = (await readdir(folder, { recursive: true })).sort()
  let count = 0
  for (const path of names) {
    const stats = await lstat(join(folder, path)).catch(() => null)
    if (!stats?.isFile()) continue
    const header: FileHeader = { path, bytes: stats.size, mode: stats.mode & 0o777 }
    await write(out, `${JSON.stringify(header)}\n`)
    await sendFile(join(folder, path), stats.size, out)
    count += 1
  }
  await write(out, '\n')
  return count
}

async function sendFile(path: string, bytes: number, out: Writable): Promise<void> {
  let left = bytes
  if (bytes > 0) {
    for await (const chunk of createReadStream(path, { end: bytes - 1 }) as AsyncIterable<Buffer>) {
      left -= chunk.length
      await write(out, chunk)
    }
  }
  for (; left > 0; left -= Math.min(left, HEADER_BYTES_MAX))
    await write(out, Buffer.alloc(Math.min(left, HEADER_BYTES_MAX)))
}

function write(out: Writable, chunk: Buffer | string): Promise<void> {
  return new Promise((resolve, reject) => out.write(chunk, error => (error ? reject(error) : resolve())))
}

/**
 * Writes what packFolder() sent into `folder`. Throws where the stream is cut, or names a path outside the folder.
 * @returns the files' paths, relative to the folder.
 */
export async function unpackFolder(source: Readable, folder: string): Promise<string[]> {
  const reader = new Reader(source)
  const paths: string[] = []
  for (;;) {
    const line = await reader.line()
    if (line === '') return paths
    const header = JSON.parse(line) as FileHeader
    const path = normalize(header.path)
    if (path.startsWith('..') || path.startsWith('/')) throw new Error(`a path outside the folder: ${header.path}`)
    await mkdir(dirname(join(folder, path)), { recursive: true })
    const file = createWriteStream(join(folder, path), { mode: header.mode & 0o777 })
    await pipeline(reader.bytes(header.bytes), file)
    paths.push(path)
  }
}

/** Takes lines and counted bytes off a stream. */
class Reader {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: Readable) {
    this.#chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  async line(): Promise<string> {
    for (;;) {
      const at = this.#rest.indexOf(10)
      if (at >= 0) {
        const line = this.#rest.subarray(0, at).toString('utf8')
        this.#rest = this.#rest.subarray(at + 1)
        return line
      }
      if (this.#rest.length > HEADER_BYTES_MAX) throw new Error('not a packed folder')
      this.#rest = Buffer.concat([this.#rest, await this.#next()])
    }
  }

  async *bytes(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0) this.#rest = await this.#next()
      const chunk = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(chunk.length)
      left -= chunk.length
      yield chunk
    }
  }

  async #next(): Promise<Buffer> {
    const { done, value } = await this.#chunks.next()
    if (done) throw new Error('a packed folder was cut short')
    return value
  }
}
