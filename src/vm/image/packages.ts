// Debian's packages without installing them: fetched by apt, which checks their signatures, and unpacked by dpkg into a
// folder of ours. No root, nothing of the machine changed. What was unpacked is held against the digests that it had.

import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { run } from '../../base/exec.ts'
import { sha256Of } from './file-facts.ts'
import type { DigestOf } from './load.ts'
import { isAlive, mark } from './makers.ts'
import { DIGESTS, stateOf, vouchFor } from './vouched.ts'

export type OnStep = (line: string) => void

/** Longest time for one call of apt: a slow mirror is no reason to give up, a silent one is. */
const APT_MS = 300_000

/** The C library's words, by which apt, dpkg, tar and xz tell of it. */
const FULL = { 'No space left on device': 'ENOSPC', 'Disk quota exceeded': 'EDQUOT' } as const

export interface UnpackedPackage {
  readonly name: string
  readonly version: string
  readonly folder: string
}

/** Packages in a cache folder; each is fetched once and stays. */
export class Packages {
  readonly #folder: string
  readonly #onStep: OnStep
  readonly #signal: AbortSignal | undefined
  readonly #digestOf: DigestOf
  /** Lists of our own, where the machine has none or old ones: apt-get update would need root. */
  #ownLists = false

  /** `signal`: ends what is under way, which then throws its reason. */
  constructor(folder: string, onStep: OnStep, signal?: AbortSignal, digestOf: DigestOf = sha256Of) {
    this.#folder = folder
    this.#onStep = onStep
    this.#signal = signal
    this.#digestOf = digestOf
  }

  /**
   * The unpacked package of this name, or form of name, that is here already: the newest that is as it was unpacked;
   * null: none. A damaged one is told of and removed; one that nothing vouches for is left to be fetched again.
   */
  async present(wanted: string | RegExp): Promise<UnpackedPackage | null> {
    const names = await readdir(this.#folder).catch(() => [])
    const isIt = (name: string): boolean => (typeof wanted === 'string' ? name === wanted : wanted.test(name))
    const isOurs = (name: string): boolean => !name.includes('.part') && !name.endsWith(DIGESTS)
    const found = names.filter(name => isIt(name.split('_')[0] ?? '') && isOurs(name)).sort(byVersion)
    for (const name of found.reverse()) {
      const place = join(this.#folder, name)
      const state = await stateOf(place, this.#digestOf)
      if (state === 'whole') return this.#unpacked(name)
      if (state !== 'damaged') continue
      this.#onStep(`${place} is not what was unpacked there; it is fetched again`)
      await rm(place, { recursive: true, force: true })
    }
    return null
  }

  /**
   * Fetches and unpacks packages; they come in the order of their names. Throws NOT_FIT where that can't be done here,
   * with what to do, and DISK_REFUSED where there is no room for them.
   */
  async fetch(names: readonly string[]): Promise<UnpackedPackage[]> {
    await mkdir(this.#folder, { recursive: true })
    await this.#prune()
    const folder = await mkdtemp(join(this.#folder, `.part-${mark()}-`))
    try {
      this.#onStep(`fetching ${names.join(', ')} (unpacked into the cache; nothing is installed)`)
      const files = await this.#download(names, folder)
      return await Promise.all(files.map(file => this.#unpack(folder, file)))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /** The package that a metapackage stands for: the first that it depends on of this form. */
  async resolve(metapackage: string, form: RegExp): Promise<string> {
    const ask = async (): Promise<string | undefined> => {
      const { stdout } = await this.#apt('apt-cache', ['depends', '--important', metapackage])
      return [...stdout.matchAll(/Depends: (\S+)/g)].map(([, name]) => name).find(name => form.test(name ?? ''))
    }
    const found = (await ask()) ?? ((await this.#update()) ? await ask() : undefined)
    if (found === undefined) throw notFit([metapackage], `apt knows no ${metapackage}`)
    return found
  }

  /** Removes what was being fetched by processes that were killed. */
  async #prune(): Promise<void> {
    const parts = (await readdir(this.#folder)).filter(name => name.startsWith('.part-'))
    const left = parts.filter(name => !isAlive(name.split('-')[1] ?? ''))
    // What root has fetched into a user's clone stays.
    for (const name of left) await rm(join(this.#folder, name), { recursive: true, force: true }).catch(() => {})
  }

  async #download(wanted: readonly string[], folder: string): Promise<string[]> {
    let result = await this.#apt('apt-get', ['download', ...wanted], folder)
    this.#refuseFullDisk(result.stderr)
    // Lists may be older than the mirror, which only trying tells.
    if (result.code !== 0 && result.code !== 127 && (await this.#update())) {
      result = await this.#apt('apt-get', ['download', ...wanted], folder)
      this.#refuseFullDisk(result.stderr)
    }
    const files = await readdir(folder)
    const found = wanted.flatMap(name => files.find(file => file.startsWith(`${name}_`)) ?? [])
    if (result.code === 0 && found.length === wanted.length) return found
    const reason = result.code === 127 ? 'there is no apt-get' : lastLine(result.stderr)
    throw notFit(wanted, reason)
  }

  /** Fetches the lists of packages into a folder of ours. Returns whether that worked, and was not done before. */
  async #update(): Promise<boolean> {
    if (this.#ownLists) return false
    this.#ownLists = true
    this.#onStep('fetching the lists of packages (into the cache)')
    for (const folder of ['lists/partial', 'archives/partial']) {
      await mkdir(join(this.#folder, '.apt', folder), { recursive: true })
    }
    const { code, stderr } = await this.#apt('apt-get', ['update'])
    this.#refuseFullDisk(stderr)
    return code === 0
  }

  async #apt(command: string, args: readonly string[], cwd = this.#folder): ReturnType<typeof run> {
    await mkdir(cwd, { recursive: true })
    const own = join(this.#folder, '.apt')
    const lists = this.#ownLists
      ? ['-o', `Dir::State::lists=${join(own, 'lists')}`, '-o', `Dir::Cache=${own}`]
      : ['-o', 'Dir::Cache::pkgcache=', '-o', 'Dir::Cache::srcpkgcache=']
    // apt would become a user of its own, who may not write here.
    const options = ['-q', '-o', 'APT::Sandbox::User=root', ...lists]
    return this.#run(command, [...options, ...args], { cwd, timeoutMs: APT_MS })
  }

  async #run(...[command, args, options]: Parameters<typeof run>): ReturnType<typeof run> {
    const env = { ...process.env, LC_ALL: 'C' }
    const result = await run(command, args, { ...options, env, ...(this.#signal ? { abort: this.#signal } : {}) })
    this.#signal?.throwIfAborted()
    return result
  }

  /** What tools say of a full disk comes before their last words, which are of what follows from it. */
  #refuseFullDisk(said: string): void {
    const [words, errno] = Object.entries(FULL).find(([text]) => said.includes(text)) ?? []
    if (words === undefined) return
    throw new NslabError('DISK_REFUSED', { path: this.#folder, reason: words, errno })
  }

  async #unpack(from: string, file: string): Promise<UnpackedPackage> {
    const name = decodeURIComponent(basename(file, '.deb'))
    const folder = join(from, name)
    const { code, stderr } = await this.#run('dpkg', ['-x', join(from, file), folder])
    this.#refuseFullDisk(stderr)
    if (code !== 0) throw notFit([name], code === 127 ? 'there is no dpkg' : lastLine(stderr))
    await this.#unpackModules(folder)
    const place = join(this.#folder, name)
    // Another build may have put the same one there meanwhile.
    if ((await stateOf(place, this.#digestOf)) === 'whole') return this.#unpacked(name)
    await rm(place, { recursive: true, force: true })
    await vouchFor(folder, place, sha256Of)
    await rename(folder, place).catch((error: unknown) => {
      if (!existsSync(place)) throw error
    })
    return this.#unpacked(name)
  }

  /** Newer Debians pack modules; init and modprobe take them plain. */
  async #unpackModules(folder: string): Promise<void> {
    const modules = join(folder, 'lib/modules')
    const place = existsSync(modules) ? modules : join(folder, 'usr/lib/modules')
    if (!existsSync(place)) return
    const entries = await readdir(place, { recursive: true, withFileTypes: true })
    const packed = entries
      .filter(entry => entry.name.endsWith('.ko.xz'))
      .map(({ parentPath, name }) => join(parentPath, name))
    if (packed.length === 0) return
    const { code, stderr } = await this.#run('xz', ['--decompress', '--quiet', '--threads=0', ...packed])
    this.#refuseFullDisk(stderr)
    if (code !== 0)
      throw notFit(['xz-utils'], code === 127 ? 'its modules are packed, and there is no xz' : lastLine(stderr))
  }

  #unpacked(directory: string): UnpackedPackage {
    const [name = '', version = ''] = directory.split('_')
    return { name, version, folder: join(this.#folder, directory) }
  }
}

function notFit(wanted: readonly string[], reason: string): NslabError {
  const problems = [
    `a guest image needs Debian's ${wanted.join(' and ')}, and they can't be fetched: ${reason}`,
    'either install them (no matter whether this machine boots that kernel), or make apt reach a mirror once,',
    'or run on this machine itself: --on host',
  ]
  return new NslabError('NOT_FIT', { problems })
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

/** By the numbers in the names, as `6.1.0-9` is older than `6.1.0-56`. */
function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
