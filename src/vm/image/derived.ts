// Files and folders made from others, kept under a digest of what they were made from, with the digests of what was
// made: what a disk has lost of them since goes into no image.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { allOf } from '../../base/all-of.ts'
import { run } from '../../base/exec.ts'
import { sha256Of } from './file-facts.ts'
import type { DigestOf } from './load.ts'

export interface DerivedOptions {
  /** Nothing more is made once it has come, and what is being made is thrown away with its reason. */
  readonly signal?: AbortSignal | undefined
  /** Told of what is damaged, and made again. */
  readonly onStep?: (line: string) => void
  readonly digestOf?: DigestOf
}

/** Path inside the folder (of a file: empty) → sha256. */
type Digests = Readonly<Record<string, string>>

const DAY_MS = 86_400_000
const DIGESTS = '.digests'

export class Derived {
  readonly #folder: string
  readonly #signal: AbortSignal | undefined
  readonly #onStep: (line: string) => void
  readonly #digestOf: DigestOf

  constructor(folder: string, { signal, onStep = () => {}, digestOf = sha256Of }: DerivedOptions = {}) {
    this.#folder = folder
    this.#signal = signal
    this.#onStep = onStep
    this.#digestOf = digestOf
  }

  /** A tool of the machine, ended by the signal. */
  async run(command: string, args: readonly string[]): ReturnType<typeof run> {
    const result = await run(command, args, this.#signal ? { abort: this.#signal } : {})
    this.#signal?.throwIfAborted()
    return result
  }

  /** The path of the file that `make` writes; made only once for the same `from`. */
  async file(name: string, from: readonly string[], make: (to: string) => Promise<unknown>): Promise<string> {
    const key = createHash('sha256').update(from.join('\0')).digest('hex').slice(0, 16)
    const path = join(this.#folder, `${key}-${name}`)
    if (await this.#isWhole(path)) return path
    await mkdir(this.#folder, { recursive: true })
    const [part, sums] = [`${path}.part-${process.pid}`, `${path}${DIGESTS}.part-${process.pid}`]
    try {
      this.#signal?.throwIfAborted()
      await make(part)
      this.#signal?.throwIfAborted()
      await writeFile(sums, JSON.stringify(await this.#digests(part)))
      // First, so that nobody finds the one without the other.
      await rename(sums, `${path}${DIGESTS}`)
      await rename(part, path)
      return path
    } catch (error) {
      // Another build was faster: a folder is not renamed onto one that has something in it.
      if (existsSync(path)) return path
      throw error
    } finally {
      await rm(part, { recursive: true, force: true })
      await rm(sums, { force: true })
    }
  }

  /** The same for a folder, which `make` finds empty. Older ones go after a day, and so does what killed ones left. */
  async folder(name: string, from: readonly string[], make: (to: string) => Promise<unknown>): Promise<string> {
    return this.file(name, from, async to => {
      await mkdir(to)
      await make(to)
      await this.#prune(name)
    })
  }

  /** Whether it is there as it was made; what is not is removed. */
  async #isWhole(path: string): Promise<boolean> {
    if (!existsSync(path)) return false
    const made = await readFile(`${path}${DIGESTS}`, 'utf8').then(
      text => parse(text),
      () => null,
    )
    const found = made === null ? null : await this.#digests(path)
    if (made !== null && found !== null && isSame(made, found)) return true
    if (made !== null) this.#onStep(`${path} is not what was made there; it is made again`)
    await rm(path, { recursive: true, force: true })
    return false
  }

  /** Throws FILE_UNREADABLE. */
  async #digests(path: string): Promise<Digests> {
    if (!(await stat(path)).isDirectory()) return { '': await this.#digestOf(path) }
    const entries = await readdir(path, { recursive: true, withFileTypes: true })
    const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
    return Object.fromEntries(
      await allOf(files.map(async file => [relative(path, file), await this.#digestOf(file)] as const)),
    )
  }

  async #prune(name: string): Promise<void> {
    for (const entry of await readdir(this.#folder)) {
      const path = join(this.#folder, entry)
      const { mtimeMs = Number.NaN } = (await stat(path).catch(() => null)) ?? {}
      const isOld = [`-${name}`, `-${name}${DIGESTS}`].some(end => entry.endsWith(end)) && Date.now() - mtimeMs > DAY_MS
      const maker = /\.part-(\d+)$/.exec(entry)?.[1]
      const isLeft = maker !== undefined && !existsSync(`/proc/${maker}`)
      // What root has made in a user's clone stays.
      if (isOld || isLeft) await rm(path, { recursive: true, force: true }).catch(() => {})
    }
  }
}

function parse(text: string): Digests | null {
  try {
    return JSON.parse(text) as Digests
  } catch {
    return null
  }
}

function isSame(made: Digests, found: Digests): boolean {
  const paths = Object.keys(found)
  return paths.length === Object.keys(made).length && paths.every(path => made[path] === found[path])
}
