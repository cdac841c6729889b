// A small file that may be gone.

import { readFileSync } from 'node:fs'

/** A file's text, or null where it is not there or not for us: processes end while they are read. */
export function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
