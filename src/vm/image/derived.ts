// Files and folders made from others, kept under a digest of what they were made from, with the digests of what was
// made: what a disk has lost of them since goes into no image.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../base/exec.ts'
import { sha256Of } from './file-facts.ts'
import type { DigestOf } from './load.ts'
import { DIGESTS, stateOf, vouchFor } from './vouched.ts'

export interface DerivedOptions {
  /** Nothing more is made once it has come, and what is being made is thrown away with its reason. */
  readonly signal?: AbortSignal | undefined
  /** Told of what is damaged, and made again. */
  readonly onStep?: (line: string) => void
  readonly digestOf?: DigestOf
}

const DAY_MS = 86_400_000

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
    const part = `${path}.part-${process.pid}`
    try {
      this.#signal?.throwIfAborted()
      await make(part)
      this.#signal?.throwIfAborted()
      await vouchFor(part, path, this.#digestOf)
      await rename(part, path)
      return path
    } catch (error) {
      // Another build was faster: a folder is not renamed onto one that has something in it.
      if (existsSync(path)) return path
      throw error
    } finally {
      await rm(part, { recursive: true, force: true })
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
    const state = await stateOf(path, this.#digestOf)
    if (state === 'whole') return true
    if (state === 'damaged') this.#onStep(`${path} is not what was made there; it is made again`)
    await rm(path, { recursive: true, force: true })
    return false
  }

  async #prune(name: string): Promise<void> {
    for (const entry of await readdir(this.#folder)) {
      const path = join(this.#folder, entry)
      const { mtimeMs = Number.NaN } = (await stat(path).catch(() => null)) ?? {}
      const isOld = [`-${name}`, `-${name}${DIGESTS}`].some(end => entry.endsWith(end)) && Date.now() - mtimeMs > DAY_MS
      const maker = /\.part-(\d+)(?:\.packed)?$/.exec(entry)?.[1]
      const isLeft = maker !== undefined && !existsSync(`/proc/${maker}`)
      // What root has made in a user's clone stays.
      if (isOld || isLeft) await rm(path, { recursive: true, force: true }).catch(() => {})
    }
  }
}
