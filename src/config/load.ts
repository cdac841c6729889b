// Scenario files on disk: by name under soak/scenarios, or by path.

import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NslabError } from '../base/errors.ts'
import { nearestOf } from './nearest.ts'
import type { Override } from './override.ts'
import { parseScenario } from './scenario.ts'
import type { Scenario } from './types.ts'

const EXTENSION = '.toml'

/** The scenarios that ship: the same folder from src/ and from dist/. */
const scenariosFolder: string = fileURLToPath(new URL('../../soak/scenarios', import.meta.url))

export interface LoadedScenario {
  readonly scenario: Scenario
  readonly file: string
  /** The file's text as it was read. */
  readonly text: string
}

/** Room for a million explicit edges; what is larger was not meant (an image, a device). */
const TEXT_BYTES_MAX = 32 * 1024 * 1024
const PIECE_BYTES = 64 * 1024

/** Reads a text file, or what a pipe gives. Throws FILE_UNREADABLE {path, reason}. */
export function readText(path: string): string {
  try {
    return readBounded(path)
  } catch (error) {
    if (error instanceof NslabError) throw error
    throw new NslabError('FILE_UNREADABLE', { path, reason: (error as NodeJS.ErrnoException).code }, { cause: error })
  }
}

/** A file's size may be unknown (pipes) or endless (devices): the bytes are counted as they come. */
function readBounded(path: string): string {
  const fd = openSync(path, 'r')
  try {
    const pieces: Buffer[] = []
    for (let bytes = 0; ; ) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES)
      const count = readSync(fd, piece)
      if (count === 0) return Buffer.concat(pieces).toString('utf8')
      bytes += count
      if (bytes > TEXT_BYTES_MAX)
        throw new NslabError('FILE_UNREADABLE', { path, reason: `more than ${TEXT_BYTES_MAX} bytes` })
      pieces.push(piece.subarray(0, count))
    }
  } finally {
    closeSync(fd)
  }
}

/** Names of the scenarios in `folder`, sorted. */
export function scenarioNames(folder: string = scenariosFolder): string[] {
  return readdirSync(folder)
    .filter(file => file.endsWith(EXTENSION))
    .map(file => basename(file, EXTENSION))
    .sort()
}

/** The path that SCENARIO means. Throws USAGE for a name that no scenario has. */
export function scenarioPath(nameOrPath: string, folder: string = scenariosFolder): string {
  if (nameOrPath.includes('/') || nameOrPath.endsWith(EXTENSION)) return nameOrPath
  const names = scenarioNames(folder)
  if (names.includes(nameOrPath)) return join(folder, nameOrPath + EXTENSION)
  const nearest = nearestOf(nameOrPath, names)
  throw new NslabError('USAGE', {
    problem: `there is no scenario "${nameOrPath}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`,
    hint: `Scenarios: ${names.join(', ')}. A path must contain "/" or end in ${EXTENSION}.`,
    scenario: nameOrPath,
    nearest,
  })
}

/** Reads and parses a scenario. Throws USAGE, FILE_UNREADABLE or CONFIG_INVALID. */
export function loadScenario(nameOrPath: string, overrides: readonly Override[] = [], folder?: string): LoadedScenario {
  const file = scenarioPath(nameOrPath, folder)
  const text = readText(file)
  return { scenario: parseScenario(text, file, overrides, readText), file, text }
}
