// Making a folder with those above it.

import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes `path` and the folders above it. Throws what the kernel says: Node's own way takes a read-only place for one
 * that is not there, and tries for ever where the kernel says so of a folder that is (/proc).
 */
export function makeFolders(path: string): void {
  const missing: string[] = []
  for (let at = path; !existsSync(at); at = dirname(at)) missing.unshift(at)
  for (const folder of missing) {
    try {
      mkdirSync(folder)
    } catch (error) {
      // Another run was first.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}
