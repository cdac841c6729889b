// Files and folders of the cache with a record of the digests that they were put there with: what a disk has lost of
// them since, or somebody has changed, goes into no image.

import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { allOf } from '../../base/all-of.ts'
import { NslabError } from '../../base/errors.ts'
import type { DigestOf } from './load.ts'

/** Ends the record's name, which is beside what it vouches for. */
export const DIGESTS = '.digests'

/** Files that are open at a time: a kernel has a thousand modules. */
const AT_ONCE = 16

/** Path inside the folder (of a file: empty) → sha256. */
type Digests = Readonly<Record<string, string>>

/** `unknown`: it is there, and nothing says what it was. */
export type VouchedState = 'absent' | 'whole' | 'damaged' | 'unknown'

/**
 * Records what `part` is, as it will be at `path`. To be called before it gets that name, so that nobody finds the one
 * without the other. Throws FILE_UNREADABLE, and what the file system says.
 */
export async function vouchFor(part: string, path: string, digestOf: DigestOf): Promise<void> {
  const record = `${path}${DIGESTS}.part-${process.pid}`
  try {
    await writeFile(record, JSON.stringify(await digestsOf(part, digestOf)))
    await rename(record, `${path}${DIGESTS}`)
  } finally {
    await rm(record, { force: true })
  }
}

/** Whether what is at `path` is what it was. What can't be read is damaged. */
export async function stateOf(path: string, digestOf: DigestOf): Promise<VouchedState> {
  if (!existsSync(path)) return 'absent'
  const made = await recordOf(path)
  if (made === null) return 'unknown'
  const found = await digestsOf(path, digestOf).catch((error: unknown) => {
    if (error instanceof NslabError || (error as NodeJS.ErrnoException).syscall !== undefined) return null
    throw error
  })
  return found !== null && isSame(made, found) ? 'whole' : 'damaged'
}

async function digestsOf(path: string, digestOf: DigestOf): Promise<Digests> {
  if (!(await stat(path)).isDirectory()) return { '': await digestOf(path) }
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const digests: Record<string, string> = {}
  for (let at = 0; at < files.length; at += AT_ONCE)
    await allOf(
      files.slice(at, at + AT_ONCE).map(async file => {
        digests[relative(path, file)] = await digestOf(file)
      }),
    )
  return digests
}

async function recordOf(path: string): Promise<Digests | null> {
  try {
    const record: unknown = JSON.parse(await readFile(`${path}${DIGESTS}`, 'utf8'))
    return typeof record === 'object' ? (record as Digests | null) : null
  } catch {
    return null
  }
}

function isSame(made: Digests, found: Digests): boolean {
  const paths = Object.keys(found)
  return paths.length === Object.keys(made).length && paths.every(path => made[path] === found[path])
}
