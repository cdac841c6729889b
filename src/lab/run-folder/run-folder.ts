// The run folder: made for one run alone, written while it runs, read by judge and report afterwards.
// Not here: what the files say (src/judge/types.ts) and when they are written (run/run.ts).

import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { NslabError } from '../../base/errors.ts'
import { makeFolders } from '../../base/make-folders.ts'
import type { LedgerEntry, LinkListing } from '../../judge/types.ts'
import type { RunEvent } from '../../protocol/events.ts'
import type { Sample } from '../../protocol/sample.ts'
import { diskRefused, LineWriter, toJson, writeFileAtomic } from './disk.ts'
import { Ledger } from './ledger.ts'

/**
 * Space taken at the start and given back when the disk is full, so that outcome and report can still be written.
 * Outcome, report.json and the page of a run of 800 nodes are about 0.5 MB together.
 */
const RESERVE_BYTES = 1024 * 1024
/** A stack and what was said before it. */
const LAST_LINES = 20

export const RESERVE_NAME = '.reserve'

export interface RunFolderRequest {
  /** Where run folders are collected; made when missing. */
  readonly base: string
  readonly scenario: string
  readonly seed: number
  /** Names the folder itself; it may exist when empty. */
  readonly out?: string | undefined
  readonly clock: Clock
  /** CLOCK_MONOTONIC ns of the run's start; default now. */
  readonly originNs?: bigint
}

/** Makes the run folder and its append-only files. Throws USAGE (taken) or DISK_REFUSED. */
export function createRunFolder(request: RunFolderRequest): RunFolder {
  const path = placeOf(request)
  const folder = open(path, request)
  pointLatest(resolve(request.base), path, request.out === undefined)
  return folder
}

/**
 * Gives a run folder that came from elsewhere the place it would have had here. `latest`: the run folder in it that
 * runs/latest is to be, where it holds several. Throws USAGE or DISK_REFUSED.
 */
export function adoptRunFolder(from: string, request: RunFolderRequest, latest = ''): string {
  const path = placeOf(request)
  try {
    renameSync(from, path)
  } catch (error) {
    throw diskRefused(path, error)
  }
  pointLatest(resolve(request.base), join(path, latest), request.out === undefined)
  return path
}

const placeOf = (request: RunFolderRequest): string =>
  request.out === undefined ? makeNamed(request) : makeOut(resolve(request.out))

/** Opening ledger.ndjson is exclusive: of two runs that were given the same empty folder one gets it. */
function open(path: string, request: RunFolderRequest): RunFolder {
  try {
    return new RunFolder(path, request.clock, request.originNs ?? request.clock.nowNs())
  } catch (error) {
    if (error instanceof NslabError && error.facts.errno === 'EEXIST') throw folderTaken(path)
    throw error
  }
}

function folderTaken(path: string): NslabError {
  return new NslabError('USAGE', {
    problem: `--out ${path} is not an empty folder`,
    hint: 'Name a folder that does not exist yet, or an empty one.',
    path,
  })
}

export class RunFolder {
  /** Absolute. */
  readonly path: string
  readonly originNs: bigint
  readonly ledger: Ledger
  readonly events: LineWriter<RunEvent>
  readonly samples: LineWriter<Sample>
  /** Link ends that were up when the run proved its links. */
  readonly links: LineWriter<LinkListing>
  readonly #ledgerLines: LineWriter<LedgerEntry>
  readonly #more: LineWriter<never>[] = []
  readonly #listeners: ((error: NslabError) => void)[] = []
  #failure: NslabError | null = null
  #tolerant = false

  /** Use createRunFolder(). */
  constructor(path: string, clock: Clock, originNs: bigint) {
    this.path = path
    this.originNs = originNs
    const refused = (error: NslabError): void => this.#refused(error)
    this.#ledgerLines = new LineWriter(this.file('ledger.ndjson'), refused)
    this.ledger = new Ledger(this.#ledgerLines, clock, originNs, () => !this.#tolerant)
    this.events = new LineWriter(this.file('events.ndjson'), refused)
    this.samples = new LineWriter(this.file('samples.ndjson'), refused)
    this.links = new LineWriter(this.file('links.ndjson'), refused)
    try {
      mkdirSync(this.file('console'))
      takeReserve(this.file(RESERVE_NAME))
    } catch (error) {
      throw diskRefused(path, error)
    }
  }

  /** The first refusal of the disk, if there was one. */
  get failure(): NslabError | null {
    return this.#failure
  }

  /** Absolute path of a file in the folder. */
  file(name: string): string {
    return join(this.path, name)
  }

  /**
   * Called once, at the disk's first refusal: the run is to be ended in order. Space for the report has been freed by
   * then.
   */
  onFailure(listener: (error: NslabError) => void): void {
    this.#listeners.push(listener)
  }

  /** From here on the disk's refusals are remembered (`failure`) and never thrown, so that the run ends in order. */
  tolerateFailures(): void {
    this.#tolerant = true
  }

  /** Writes a file as a whole. Throws DISK_REFUSED, or remembers it after tolerateFailures(). */
  writeText(name: string, text: string, mode = 0o644): void {
    try {
      this.#writeText(name, text, mode)
    } catch (error) {
      if (!this.#tolerant) throw error
    }
  }

  /** The same with JSON, indented by two, a newline at its end. */
  writeJson(name: string, value: unknown): void {
    this.writeText(name, `${toJson(value, 2)}\n`)
  }

  /** Opens a file for a program's output, e.g. `console/controller.log`. The caller owns the descriptor. */
  openAppend(name: string): number {
    try {
      return openSync(this.file(name), 'a')
    } catch (error) {
      const refusal = diskRefused(this.file(name), error)
      this.#refused(refusal)
      throw refusal
    }
  }

  /** Makes one more file of lines, which is flushed and closed with the others. Throws DISK_REFUSED. */
  addLines<Line>(name: string): LineWriter<Line> {
    const lines = new LineWriter<Line>(this.file(name), error => this.#refused(error))
    this.#more.push(lines)
    return lines
  }

  /** The end of a text file, whole lines; empty where there is none. */
  lastLines(name: string, bytesMax = 4096): string {
    try {
      return readFileSync(this.file(name))
        .subarray(-bytesMax)
        .toString('utf8')
        .trim()
        .split('\n')
        .slice(-LAST_LINES)
        .join('\n')
    } catch {
      return ''
    }
  }

  /** Everything appended so far is with the kernel. Refusals go to `failure`. */
  flush(): void {
    for (const lines of this.#lines()) {
      try {
        lines.flush()
      } catch (error) {
        if (!(error instanceof NslabError)) throw error
        this.#refused(error)
      }
    }
  }

  /** Flushes and closes everything and gives the reserve back. Safe twice. */
  close(): void {
    rmSync(this.file(RESERVE_NAME), { force: true })
    for (const lines of this.#lines()) lines.close()
  }

  #lines(): LineWriter<never>[] {
    return [this.#ledgerLines, this.events, this.samples, this.links, ...this.#more]
  }

  #writeText(name: string, text: string, mode: number): void {
    const hadFailed = this.#failure !== null
    try {
      writeFileAtomic(this.file(name), text, mode)
    } catch (error) {
      if (!(error instanceof NslabError)) throw error
      this.#refused(error)
      if (hadFailed) throw error
      writeFileAtomic(this.file(name), text, mode)
    }
  }

  #refused(error: NslabError): void {
    if (this.#failure !== null) return
    this.#failure = error
    rmSync(this.file(RESERVE_NAME), { force: true })
    for (const listener of this.#listeners) listener(error)
  }
}

/** `runs/<UTC>-<scenario>-<seed>`, with -2, -3, … where that exists: mkdir is the exclusive step. */
function makeNamed(request: RunFolderRequest): string {
  const base = resolve(request.base)
  const utc = request.clock
    .wallDate()
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:]/g, '')
  const scenario = request.scenario.replaceAll(/[^A-Za-z0-9._-]+/g, '-')
  const name = `${utc}-${scenario}-${request.seed}`
  try {
    makeFolders(base)
  } catch (error) {
    throw diskRefused(base, error)
  }
  for (let attempt = 1; ; attempt++) {
    const path = join(base, attempt === 1 ? name : `${name}-${attempt}`)
    try {
      mkdirSync(path)
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw diskRefused(path, error)
    }
  }
}

/** A folder for several runs: made, or taken as it is. Returns its whole path. Throws DISK_REFUSED. */
export function ensureFolder(path: string): string {
  const folder = resolve(path)
  try {
    makeFolders(folder)
    readdirSync(folder)
  } catch (error) {
    throw diskRefused(folder, error)
  }
  return folder
}

/** A folder the user named: made, or taken when empty. Two runs that name the same one are told apart by open(). */
function makeOut(path: string): string {
  try {
    makeFolders(path)
    if (readdirSync(path).length === 0) {
      return path
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'EEXIST' && code !== 'ENOTDIR') throw diskRefused(path, error)
  }
  throw folderTaken(path)
}

/** Real bytes, not a hole: a hole would reserve nothing. */
function takeReserve(path: string): void {
  const fd = openSync(path, 'wx')
  try {
    const bytes = Buffer.alloc(RESERVE_BYTES, 0x20)
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * `<base>/latest` → the folder, replaced in one step. With --out only where `base` exists already.
 * A convenience: something else of that name is left alone, and a failure is nobody's problem.
 */
function pointLatest(base: string, path: string, own: boolean): void {
  if (!own && !existsSync(base)) return
  const latest = join(base, 'latest')
  const temporary = join(base, `.latest.${process.pid}.${basename(path)}`)
  try {
    if (existsSync(latest) && !lstatSync(latest).isSymbolicLink()) return
    symlinkSync(relative(base, path), temporary)
    renameSync(temporary, latest)
  } catch {
    rmSync(temporary, { force: true })
  }
}
