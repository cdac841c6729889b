// Saved VMs on disk, each a folder beside its image: memory (sparse), state of the devices, the console's text up to
// there, and snapshot.json, which says what the files must be. They appear whole or not at all.

import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** Saved VMs of one image that stay: two roles of VM, each in two sizes. One takes some 350 MB. */
const KEPT = 4
/** Pages of the memory that are read to see whether the file is still what it was; all would take a second. */
const SAMPLED_PAGES = 128
const PAGE_BYTES = 4096

/** Of what others do with it: it is theirs, they have removed it, or the whole cache may only be read. */
const TOLERATED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOENT', 'EROFS'])

const SCHEMA = 'nslab.snapshot/2'

export interface Snapshot {
  readonly key: string
  /** Absolute, as the paths below. */
  readonly folder: string
  readonly memoryPath: string
  readonly statePath: string
  readonly consolePath: string
}

/** What snapshot.json says of a file. */
interface FileFacts {
  readonly size: number
  /** A file that was written to since is none of ours. */
  readonly mtime_ns: string
  readonly sha256: string
}

interface Description {
  readonly schema: typeof SCHEMA
  readonly key: string
  readonly memory: FileFacts
  readonly state: FileFacts
  readonly console: FileFacts
}

const pathsIn = (folder: string, key: string): Snapshot => ({
  key,
  folder,
  memoryPath: join(folder, 'memory'),
  statePath: join(folder, 'state'),
  consolePath: join(folder, 'console.log'),
})

/** The saved VM of this key; null where there is none. `onDamage` is told why one that is there was thrown away. */
export function findSnapshot(root: string, key: string, onDamage: (reason: string) => void): Snapshot | null {
  const snapshot = pathsIn(join(root, key), key)
  if (!existsSync(snapshot.folder)) return null
  const reason = damageOf(snapshot)
  if (reason === null) return snapshot
  onDamage(reason)
  discardSnapshot(snapshot)
  return null
}

/** Removes it, unless it is somebody else's; VMs that run from it keep what they have mapped. */
export function discardSnapshot({ folder }: Snapshot): void {
  asFarAsAllowed(() => rmSync(folder, { recursive: true, force: true }))
}

/** An empty folder for what is being saved; throws what the file system says. */
export function makeScratch(root: string, key: string): Snapshot {
  mkdirSync(root, { recursive: true })
  const folder = join(root, `.part-${process.pid}-${randomBytes(4).toString('hex')}`)
  mkdirSync(folder)
  return pathsIn(folder, key)
}

/** Describes what was saved in a scratch folder and gives it its name. Where somebody was faster, theirs stands. */
export function publishSnapshot(scratch: Snapshot, root: string): Snapshot {
  const description: Description = {
    schema: SCHEMA,
    key: scratch.key,
    memory: sampleFacts(scratch.memoryPath),
    state: wholeFacts(scratch.statePath),
    console: wholeFacts(scratch.consolePath),
  }
  writeFileSync(join(scratch.folder, 'snapshot.json'), `${JSON.stringify(description, null, 2)}\n`)
  const published = pathsIn(join(root, scratch.key), scratch.key)
  try {
    renameSync(scratch.folder, published.folder)
  } catch (error) {
    if (!existsSync(published.folder)) throw error
    discardSnapshot(scratch)
  }
  return published
}

/** Marks a use, so that what is used stays longest; not where it is somebody else's, or was removed meanwhile. */
export function touchSnapshot({ folder }: Snapshot, now: Date): void {
  asFarAsAllowed(() => utimesSync(folder, now, now))
}

/** Removes what is older than the newest few, and what killed processes left. */
export function pruneSnapshots(root: string): void {
  const names = existsSync(root) ? readdirSync(root) : []
  const saved = names
    .filter(name => /^[0-9a-f]{24}$/.test(name))
    .map(name => ({ name, usedMs: statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.usedMs - a.usedMs)
  const left = names.filter(name => name.startsWith('.part-') && !isAlive(Number(name.split('-')[1])))
  for (const name of [...saved.slice(KEPT).map(({ name }) => name), ...left])
    asFarAsAllowed(() => rmSync(join(root, name), { recursive: true, force: true }))
}

/** A clone's cache is its user's and root's: what one has made there, the other may not always change. */
function asFarAsAllowed(action: () => void): void {
  try {
    action()
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (!TOLERATED.has(code)) throw error
  }
}

/** Why a saved VM can't be used; null where all is as its description says. */
function damageOf(snapshot: Snapshot): string | null {
  try {
    const text = readFileSync(join(snapshot.folder, 'snapshot.json'), 'utf8')
    const { schema, key, memory, state, console } = JSON.parse(text) as Description
    if (schema !== SCHEMA || key !== snapshot.key) return 'its description is of something else'
    return (
      difference('memory', memory, sampleFacts(snapshot.memoryPath)) ??
      difference('state', state, wholeFacts(snapshot.statePath)) ??
      difference('console', console, wholeFacts(snapshot.consolePath))
    )
  } catch (error) {
    return `it can't be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`
  }
}

function difference(name: string, expected: FileFacts, found: FileFacts): string | null {
  for (const fact of ['size', 'mtime_ns', 'sha256'] as const)
    if (expected[fact] !== found[fact]) return `${fact} of its ${name} is ${found[fact]}, not ${expected[fact]}`
  return null
}

const wholeFacts = (path: string): FileFacts => factsOf(path, hash => hash.update(readFileSync(path)))

/** The digest is over pages at equal distances, from the first to the last. */
const sampleFacts = (path: string): FileFacts =>
  factsOf(path, (hash, size) => {
    const fd = openSync(path, 'r')
    try {
      const page = Buffer.alloc(PAGE_BYTES)
      const pages = Math.max(1, Math.floor(size / PAGE_BYTES))
      for (let i = 0; i < SAMPLED_PAGES; i++) {
        const at = Math.floor((i * (pages - 1)) / (SAMPLED_PAGES - 1)) * PAGE_BYTES
        hash.update(page.subarray(0, readSync(fd, page, 0, PAGE_BYTES, at)))
      }
    } finally {
      closeSync(fd)
    }
  })

function factsOf(path: string, read: (hash: ReturnType<typeof createHash>, size: number) => void): FileFacts {
  const { size, mtimeNs } = statSync(path, { bigint: true })
  const hash = createHash('sha256')
  read(hash, Number(size))
  return { size: Number(size), mtime_ns: String(mtimeNs), sha256: hash.digest('hex') }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
