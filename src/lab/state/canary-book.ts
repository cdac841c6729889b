// When each gate was last seen to turn on its canary, and with which nslab: kept on this machine, and written into the
// environment of every soak, so that its report can say so at any time and place.

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import type { SeenRed } from '../../judge/types.ts'
import { cacheFolder } from '../../vm/image/cache.ts'
import { toJson, writeFileAtomic } from '../run-folder/disk.ts'

const entry = v.object({ at: v.string(), version: v.string(), commit: v.nullable(v.string()), canary: v.string() })
const bookSchema = v.record(v.string(), entry)

const bookPath = (): string => join(cacheFolder(), 'canaries.json')

/** Gate → when it was last seen red. Empty where no selfcheck was run here, or its book can't be read. */
export function readCanaryBook(path = bookPath()): Readonly<Record<string, SeenRed>> {
  if (!existsSync(path)) return {}
  try {
    return v.parse(bookSchema, JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return {}
  }
}

/** Adds what a selfcheck saw; other gates keep their entries. Throws DISK_REFUSED. */
export function writeCanaryBook(seen: Readonly<Record<string, SeenRed>>, path = bookPath()): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileAtomic(path, `${toJson({ ...readCanaryBook(path), ...seen }, 2)}\n`, 0o644)
}
