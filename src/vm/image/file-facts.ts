// What was once found out about a file (its digest, its libraries), kept as long as the file's own times and size
// stand: an image of a thousand files is known to be current in milliseconds.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { NslabError } from '../../base/errors.ts'

interface Fact {
  readonly stamp: string
  readonly value: unknown
}

/** A file that was changed less than this before it was looked at may change again without its times showing it. */
const SETTLED_MS = 2_000

/** With more, those that nobody asked for any more go. */
const FACTS_MAX = 10_000

export class FileFacts {
  readonly #path: string
  readonly #known: Map<string, Fact>
  readonly #asked = new Set<string>()
  #isChanged = false

  readonly #nowMs: () => number

  private constructor(path: string, known: Map<string, Fact>, nowMs: () => number) {
    this.#path = path
    this.#known = known
    this.#nowMs = nowMs
  }

  /** Reads what was kept in `path`; nothing where there is none, or it is damaged. */
  static async open(path: string, nowMs: () => number = Date.now): Promise<FileFacts> {
    try {
      return new FileFacts(path, new Map(Object.entries(JSON.parse(await readFile(path, 'utf8')))), nowMs)
    } catch {
      return new FileFacts(path, new Map(), nowMs)
    }
  }

  /** The file's sha256 in hex. Throws FILE_UNREADABLE. */
  digest(path: string): Promise<string> {
    return this.about('sha256', path, () => sha256Of(path))
  }

  /** What `find` says of the file, asked again only when the file is another. `find` must depend on nothing else. */
  async about<T>(what: string, path: string, find: () => Promise<T>): Promise<T> {
    const stamp = await stampOf(path, this.#nowMs())
    const key = `${what} ${path}`
    this.#asked.add(key)
    const known = this.#known.get(key)
    if (known?.stamp === stamp.text) return known.value as T
    const value = await find()
    if (stamp.isSettled) {
      this.#known.set(key, { stamp: stamp.text, value })
      this.#isChanged = true
    }
    return value
  }

  /** Keeps what was found. Two at once: the later one's stands, whole. */
  async save(): Promise<void> {
    if (!this.#isChanged) return
    for (const key of this.#known.size > FACTS_MAX ? this.#known.keys() : []) {
      if (!this.#asked.has(key)) this.#known.delete(key)
    }
    await mkdir(dirname(this.#path), { recursive: true })
    const part = `${this.#path}.${process.pid}`
    await writeFile(part, JSON.stringify(Object.fromEntries(this.#known)))
    await rename(part, this.#path)
    this.#isChanged = false
  }
}

/** What changes whenever the file's bytes do. ctime can't be set back, unlike mtime. */
async function stampOf(path: string, nowMs: number): Promise<{ text: string; isSettled: boolean }> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true }).catch(error =>
    unreadable(path, error),
  )
  return {
    text: [dev, ino, size, mtimeNs, ctimeNs].join(' '),
    isSettled: nowMs - Number(ctimeNs / 1_000_000n) > SETTLED_MS,
  }
}

/** sha256 of a file in hex; 110 MB take some 0.1 to 0.2 s. Throws FILE_UNREADABLE. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  } catch (error) {
    unreadable(path, error)
  }
  return hash.digest('hex')
}

function unreadable(path: string, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException
  throw new NslabError('FILE_UNREADABLE', { path, reason: code ?? message }, { cause: error })
}
