// Writing to the run folder's disk: atomic files, append-only lines, and one meaning for every refusal.
// A full or broken disk is DISK_REFUSED; what was written before it stays readable.

import { closeSync, fsyncSync, ftruncateSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { NslabError } from '../../base/errors.ts'

/** Lines are handed to the kernel when this much is waiting or this long after the first, whichever is sooner. */
const FLUSH_BYTES = 64 * 1024
const FLUSH_MS = 250

/** Kept for another try while the disk refuses; beyond it the newest lines are dropped and counted. */
const REFUSED_BYTES_MAX = 4 * 1024 * 1024

/** What a failed write to `path` is to the user. */
export function diskRefused(path: string, cause: unknown): NslabError {
  const errno = (cause as NodeJS.ErrnoException).code ?? 'EIO'
  return new NslabError('DISK_REFUSED', { path, reason: reasonOf(errno), errno }, { cause })
}

function reasonOf(errno: string): string {
  const known: Readonly<Record<string, string>> = {
    ENOSPC: 'no space left (ENOSPC)',
    EDQUOT: 'disk quota used up (EDQUOT)',
    EIO: 'the disk failed (EIO)',
    EROFS: 'the file system is read-only (EROFS)',
    EACCES: 'permission denied (EACCES)',
  }
  return known[errno] ?? errno
}

/** JSON as nslab saves it: bigints become decimal strings. */
export function toJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
  // Asked about every key: ten times slower, and few values have a bigint.
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? String(item) : item), indent)
}

/** Writes all of `bytes`: the kernel may take less at once, most of all just before a disk is full. */
function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

/**
 * Puts `text` at `path` as a whole or not at all (temporary file, fsync, rename, fsync of the folder).
 * Throws DISK_REFUSED; the temporary file is removed.
 */
export function writeFileAtomic(path: string, text: string, mode = 0o644): void {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const fd = openSync(temporary, 'w', mode)
    try {
      writeAll(fd, Buffer.from(text))
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
    syncFolder(dirname(path))
  } catch (error) {
    rmSync(temporary, { force: true })
    throw diskRefused(path, error)
  }
}

/** Makes a folder's entries durable. File systems that can't sync a folder (EINVAL) need no sync. */
function syncFolder(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  } finally {
    closeSync(fd)
  }
}

/**
 * Appends JSON lines to one file. A refused line never stays half written: the file is cut back to its last whole line.
 */
export class LineWriter<Line> {
  readonly path: string
  readonly #onRefused: (error: NslabError) => void
  #fd: number
  #written = 0
  #waiting: string[] = []
  #waitingBytes = 0
  #timer: NodeJS.Timeout | null = null
  #droppedLines = 0
  /** The last flush was refused: tried again by the timer alone, not at every line. */
  #refused = false

  /** Makes the file; throws DISK_REFUSED. `onRefused` hears of every later refusal but flush()'s own. */
  constructor(path: string, onRefused: (error: NslabError) => void) {
    this.path = path
    this.#onRefused = onRefused
    try {
      this.#fd = openSync(path, 'ax')
    } catch (error) {
      throw diskRefused(path, error)
    }
  }

  /** Lines given up because the disk refused for too long. */
  get droppedLines(): number {
    return this.#droppedLines
  }

  /** Adds a line; it is with the kernel a quarter of a second later at most. Never throws for the disk. */
  append(line: Line): void {
    if (this.#waitingBytes > REFUSED_BYTES_MAX) {
      this.#droppedLines += 1
      return
    }
    const text = `${toJson(line)}\n`
    this.#waiting.push(text)
    this.#waitingBytes += text.length
    if (this.#waitingBytes >= FLUSH_BYTES && !this.#refused) this.#flushOrTell()
    else this.#timer ??= setTimeout(() => this.#flushOrTell(), FLUSH_MS).unref()
  }

  /** Hands every waiting line to the kernel now. Throws DISK_REFUSED; the lines are kept for the next flush. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#waiting.length === 0) return
    if (this.#fd === -1) throw diskRefused(this.path, Object.assign(new Error('closed'), { code: 'EBADF' }))
    const bytes = Buffer.from(this.#waiting.join(''))
    try {
      writeAll(this.#fd, bytes)
    } catch (error) {
      this.#refused = true
      ftruncateSync(this.#fd, this.#written)
      throw diskRefused(this.path, error)
    }
    this.#refused = false
    this.#written += bytes.length
    this.#waiting = []
    this.#waitingBytes = 0
  }

  /**
   * Adds a line that is with the kernel when this returns, so that it outlives any death of this process (not a power
   * cut: what it announces would not outlive that either). Throws DISK_REFUSED; then the line is not in the file and
   * never will be.
   */
  appendNow(line: Line): void {
    const earlier = this.#waiting
    this.#waiting = [...earlier, `${toJson(line)}\n`]
    try {
      this.flush()
    } catch (error) {
      this.#waiting = earlier
      if (error instanceof NslabError) this.#onRefused(error)
      throw error
    }
  }

  /** Flushes and closes; a refusal goes to `onRefused`. Safe twice. */
  close(): void {
    if (this.#fd === -1) return
    this.#flushOrTell()
    closeSync(this.#fd)
    this.#fd = -1
  }

  #flushOrTell(): void {
    try {
      this.flush()
    } catch (error) {
      if (!(error instanceof NslabError)) throw error
      this.#onRefused(error)
    }
  }
}
