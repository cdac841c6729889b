// Two run folders that should be the same, file by file.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestFiles } from './record.ts'

export interface FileDifference {
  readonly path: string
  /** Null where a whole file is missing on one side. */
  readonly line: number | null
  /** That line in each folder, without its end; null where it has none, or not the file. */
  readonly first: string | null
  readonly second: string | null
}

/** What others follow from comes first: a difference shows where it began. */
const ORDER = [
  'scenario.toml',
  'plan.json',
  'console/vm1.log',
  'environment.json',
  'ledger.ndjson',
  'events.ndjson',
  'links.ndjson',
  'samples.ndjson',
  'outcome.json',
  'report.json',
]

/** How many files are equal, and each that is not. Files may have been removed from either. */
export function compareFolders(
  first: string,
  second: string,
): { readonly equal: number; readonly different: readonly FileDifference[] } {
  const [digests, others] = [digestFiles(first), digestFiles(second)]
  const paths = [...new Set([...Object.keys(digests), ...Object.keys(others)])].sort(
    (a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1),
  )
  const different = paths
    .filter(path => digests[path] !== others[path])
    .map(path => differenceOf(path, join(first, path), join(second, path)))
  return { equal: paths.length - different.length, different }
}

function rankOf(path: string): number {
  const rank = ORDER.indexOf(path)
  if (rank >= 0) return rank
  return path.startsWith('report.') ? ORDER.length + 1 : ORDER.length
}

function differenceOf(path: string, first: string, second: string): FileDifference {
  if (!existsSync(first) || !existsSync(second)) return { path, line: null, first: null, second: null }
  const [ours, theirs] = [readFileSync(first), readFileSync(second)]
  let line = 1
  let start = 0
  const end = Math.min(ours.length, theirs.length)
  let at = 0
  for (; at < end && ours[at] === theirs[at]; at++) {
    if (ours[at] !== NEWLINE) continue
    line += 1
    start = at + 1
  }
  return { path, line, first: lineAt(ours, start), second: lineAt(theirs, start) }
}

const NEWLINE = 0x0a

function lineAt(bytes: Buffer, start: number): string | null {
  if (start >= bytes.length) return null
  const end = bytes.indexOf(NEWLINE, start)
  return bytes.toString('utf8', start, end < 0 ? bytes.length : end)
}

/** Characters around the place where two lines differ: lines may be thousands long. */
const CONTEXT = 60

/** Both lines, cut to where they differ. */
export function excerpt(first: string, second: string): readonly [string, string] {
  let at = 0
  while (at < first.length && first[at] === second[at]) at++
  const from = Math.max(0, at - CONTEXT)
  const cut = (line: string): string =>
    `${from > 0 ? '…' : ''}${line.slice(from, at + CONTEXT)}${line.length > at + CONTEXT ? '…' : ''}`
  return [cut(first), cut(second)]
}

export interface Sides {
  /** The two folders, as messages name them. */
  readonly folder: string
  readonly again: string
  /** Files of the first that are not what its run left. */
  readonly changed: ReadonlySet<string>
}

/** Lines: where the first difference is, in the file that the others follow from; then which files differ. */
export function describeDifferences(
  different: readonly FileDifference[],
  equal: number,
  { folder, again, changed }: Sides,
): string[] {
  const [difference] = different
  if (difference === undefined) return []
  const { path, line, first, second } = difference
  const names = different.map(each => (changed.has(each.path) ? `${each.path} (changed since its run)` : each.path))
  const files = `${different.length} of ${different.length + equal} files differ: ${names.join(', ')}`
  if (line === null) return [`DIFFERENT  ${path} is in one of ${folder} and ${again} alone`, files]
  const [was, is] = first === null || second === null ? [first, second] : excerpt(first, second)
  const ended = '(it has ended)'
  return [
    `DIFFERENT  ${path}, line ${line}`,
    `${join(folder, path)}: ${was ?? ended}`,
    `${join(again, path)}: ${is ?? ended}`,
    files,
  ]
}
