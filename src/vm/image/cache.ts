// Where images are kept on this machine, which are in use, and which go.

import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeFolders } from '../../base/make-folders.ts'
import { isAlive, mark } from './makers.ts'
import { nslabRoot } from './nslab-files.ts'

/** Images of one kind that stay when a new one is made. */
const KEPT = 2

/**
 * The clone's own folder, or the user's where the clone can't be written or is a package: root may write into the Nix
 * store, and must not. Nothing is made.
 */
export function cacheFolder(root = nslabRoot, env: NodeJS.ProcessEnv = process.env): string {
  const own = join(root, '.cache')
  if (env.NSLAB_PACKAGED !== '1' && isWritable(existsSync(own) ? own : root)) return own
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'nslab')
}

/**
 * Where saved VMs of an image are: beside it, if it is one of the cache. What else an image comes from (the Nix store,
 * --image) is not ours to write to, and those have one place together.
 */
export function snapshotsFolder({ folder }: { readonly folder: string }, cache = cacheFolder()): string {
  return dirname(folder) === join(cache, 'images') ? join(folder, 'snapshots') : join(cache, 'snapshots')
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

export class ImageCache {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    makeFolders(this.images)
  }

  get images(): string {
    return join(this.folder, 'images')
  }

  /** Where the image of this key is, or will be. `kind`: its role, and what else its likes are kept by. */
  place(kind: string, key: string): string {
    return join(this.images, `${kind}-${key}`)
  }

  /** A folder for what is being made; `publish` gives it its name. */
  async scratch(): Promise<string> {
    const folder = join(this.images, `.part-${mark()}-${Math.random().toString(36).slice(2, 8)}`)
    await mkdir(folder)
    return folder
  }

  /** Gives what is complete its name, at once. Where somebody else was faster, theirs stands: it is the same. */
  async publish(scratch: string, place: string): Promise<void> {
    try {
      await rename(scratch, place)
    } catch (error) {
      if (!existsSync(place)) throw error
      await rm(scratch, { recursive: true, force: true })
    }
  }

  /**
   * Marks an image as used by this process, until it ends: a VM that starts again reads its files again. One that root
   * has made in a user's clone does without.
   */
  async use(place: string): Promise<void> {
    const now = new Date()
    await asFarAsAllowed(async () => {
      await utimes(join(place, 'image.json'), now, now)
      await mkdir(join(place, '.users'), { recursive: true })
      await writeFile(join(place, '.users', mark()), '')
    })
  }

  /** Removes older images of the kind that no live process uses, and what killed builds left. */
  async prune(kind: string): Promise<void> {
    const names = await readdir(this.images)
    const ages = names
      .filter(name => name.startsWith(`${kind}-`))
      .map(async name => ({ name, ms: await this.#usedMs(name) }))
    const old = (await Promise.all(ages)).sort((a, b) => b.ms - a.ms).slice(KEPT)
    const parts = names.filter(name => name.startsWith('.part-') && !isAlive(name.split('-')[1] ?? ''))
    for (const name of [...old.filter(({ name }) => !this.#isUsed(name)).map(({ name }) => name), ...parts]) {
      await asFarAsAllowed(() => rm(join(this.images, name), { recursive: true, force: true }))
    }
  }

  async #usedMs(name: string): Promise<number> {
    return (await stat(join(this.images, name, 'image.json')).catch(() => null))?.mtimeMs ?? 0
  }

  #isUsed(name: string): boolean {
    const folder = join(this.images, name, '.users')
    return existsSync(folder) && readdirSync(folder).some(isAlive)
  }
}

/** What is another user's stays as it is. */
async function asFarAsAllowed(action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (!FORBIDDEN.has(code)) throw error
  }
}

const FORBIDDEN: ReadonlySet<string> = new Set(['EACCES', 'EPERM'])
