// What a deterministic run was made of, kept in its folder so that it can be repeated, and digests of what came out.
// What depends on this machine's speed is in a file of its own, which nothing digests.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import * as v from 'valibot'
import { NslabError } from '../../base/errors.ts'
import { type ImageRole, imageRoles } from '../../vm/image/types.ts'
import { toJson, writeFileAtomic } from '../run-folder/disk.ts'
import { type GuestInput, INPUT_SCHEMA } from './protocol.ts'

export const RECORD_NAME = 'deterministic.json'
export const SPEED_NAME = 'speed.json'

/** The machine that the run was on, all of it. */
export interface Machine {
  readonly image: {
    readonly role: ImageRole
    readonly digest: string
    readonly versions: Readonly<Record<string, string>>
  }
  readonly qemu_version: string
  readonly seed: number
  /** An instruction takes 2^shift ns. */
  readonly shift: number
  /** The guest's time of day at power-on, UTC. */
  readonly epoch: string
  readonly memory_mib: number
  readonly command_line: string
}

/** deterministic.json. The files and the digest are added once the report is written. */
export interface DeterministicRecord {
  readonly schema: 'nslab.deterministic/1'
  readonly machine: Machine
  readonly input: GuestInput
  /** Where the image was, for whoever repeats the run on the same machine; absolute. */
  readonly image_file: string
  /** sha256 in hex by path, of every file of the run folder but this one and speed.json. */
  readonly files?: Readonly<Record<string, string>>
  /** sha256 in hex over `files`: equal digests are equal runs. */
  readonly digest?: string
}

/** speed.json: how fast this machine was. Another run of the same record says something else here. */
export interface Speed {
  readonly schema: 'nslab.speed/1'
  /** From power-on to the end, on this machine. */
  readonly real_s: number
  /** Processor time of QEMU. */
  readonly cpu_s: number | null
  /** In the guest's own time, and how much of it the guest was not idle. */
  readonly guest_s: number
  readonly guest_busy_s: number
}

const text = v.string()
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const recordSchema = v.looseObject({
  schema: v.literal('nslab.deterministic/1'),
  machine: v.looseObject({
    image: v.looseObject({ role: v.picklist(imageRoles), digest: text, versions: v.record(text, text) }),
    qemu_version: text,
    seed: count,
    shift: count,
    epoch: text,
    memory_mib: count,
    command_line: text,
  }),
  input: v.looseObject({
    schema: v.literal(INPUT_SCHEMA),
    scenario: v.looseObject({ name: text, seed: count }),
    scenario_text: text,
    accelerator: text,
    notes: v.array(text),
    beat_s: v.number(),
  }),
  image_file: text,
  files: v.optional(v.record(text, text)),
  digest: v.optional(text),
})

/** May hold a token or a password, as the plan may. */
export function writeRecord(folder: string, record: DeterministicRecord): void {
  writeFileAtomic(join(folder, RECORD_NAME), `${toJson(record, 2)}\n`, 0o600)
}

/** Digests what is in the folder now, and returns the record with it, written. Throws DISK_REFUSED. */
export function sealRecord(folder: string, record: DeterministicRecord): DeterministicRecord & { digest: string } {
  const files = digestFiles(folder)
  const sealed = { ...record, files, digest: digestOfAll(files) }
  writeRecord(folder, sealed)
  return sealed
}

/** The record of a run that can be repeated. Throws FILE_UNREADABLE, or NOT_REPEATABLE where the run is none such. */
export function readRecord(folder: string): DeterministicRecord & Required<Pick<DeterministicRecord, 'files'>> {
  const path = join(folder, RECORD_NAME)
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new NslabError('FILE_UNREADABLE', { path, reason: code ?? message })
    // A folder that is no run's is told as `nslab report` tells it.
    requireRun(folder)
    throw new NslabError('NOT_REPEATABLE', { folder, kind: 'other_run', reason: 'it was not run with --deterministic' })
  }
  const { success, issues } = v.safeParse(recordSchema, json)
  if (!success) {
    const [issue] = issues
    throw new NslabError('FILE_UNREADABLE', { path, reason: `${v.getDotPath(issue) ?? 'it'}: ${issue.message}` })
  }
  const record = json as DeterministicRecord
  if (record.files === undefined) {
    const reason = 'it did not come to an end of its own, so there is nothing to compare with'
    throw new NslabError('NOT_REPEATABLE', { folder, kind: 'unfinished', reason })
  }
  return { ...record, files: record.files }
}

function requireRun(folder: string): void {
  const path = join(folder, 'plan.json')
  try {
    readFileSync(path)
  } catch (error) {
    throw new NslabError('FILE_UNREADABLE', { path, reason: (error as NodeJS.ErrnoException).code ?? 'unreadable' })
  }
}

/** sha256 of every regular file of the run, by path, in the order of the paths. Hidden files are scratch. */
export function digestFiles(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath, entry.name)))
    .filter(path => path !== RECORD_NAME && path !== SPEED_NAME && !path.split('/').some(part => part.startsWith('.')))
  return Object.fromEntries(paths.sort().map(path => [path, digestOfFile(join(folder, path))]))
}

const digestOfFile = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

export function digestOfAll(files: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256')
  for (const [path, digest] of Object.entries(files)) hash.update(`${digest}  ${path}\n`)
  return hash.digest('hex')
}

/** Files that are not what the run left: somebody changed, added or removed them since. */
export function changedSince(
  { files }: DeterministicRecord,
  now: Readonly<Record<string, string>>,
): ReadonlySet<string> {
  const paths = [...Object.keys(files ?? {}), ...Object.keys(now)]
  return new Set(paths.filter(path => files?.[path] !== now[path]))
}
