// What waits between a sink's callers and its place: loads in order, in bounded memory, each tried until it is stored.
// Every row that was handed over is in exactly one of four numbers: stored, dropped, refused, pending.

import type { NslabError } from '../../base/errors.ts'
import type { RowCounts } from './types.ts'

/** What is stored at a time, whole. */
export interface Load {
  readonly rows: number
  readonly bytes: number
}

/** Collects a load. */
export interface Packer<L extends Load> {
  readonly rows: number
  readonly bytes: number
  /** The load so far, if there is any; the next begins. */
  take(): L | null
}

/** Of a load, what its place will never take, whatever is tried. */
export interface Refused {
  readonly rows: number
  readonly lines: number
  /** What was said of one of them. */
  readonly error: Error
}

/** Where loads are kept for good. One at a time. */
export interface Place<L extends Load> {
  /**
   * Resolves when the load is kept for good, but for what is refused. Rejects when it can't be just now: the same load
   * is given again, and must not be kept twice. `signal`: give up, the sink is being closed.
   */
  store(load: L, signal: AbortSignal): Promise<Refused | null>
  /** What to tell the user who ends a collector while this place neither takes what is left nor says why. */
  stalled(limitS: number): NslabError
  close(): Promise<void>
}

/** Thrown by a place that will take nothing any more: the reader of a pipe is gone. */
export class PlaceGone extends Error {}

/** wait: whoever has rows waits for room(). drop: rows without room are dropped and counted. */
export type WhenFull = 'wait' | 'drop'

export interface OutboxOptions {
  readonly whenFull: WhenFull
  /** Pending bytes from which on there is no room. */
  readonly limitBytes: number
  /** A load is stored when it has so many bytes, or when it is so old. */
  readonly loadBytes: number
  readonly lingerMs: number
  /** A load could not be stored; told once until one can be again. It is tried again after a pause. */
  readonly onTrouble: (error: Error) => void
  readonly onRecovered: () => void
  /** So many rows and lines were refused so far; told at the first, and each time that they are twice as many. */
  readonly onRefused: (refused: Refused) => void
  /** The place takes nothing any more. */
  readonly onGone: (error: PlaceGone) => void
}

/** Pauses between tries double from the first to the last. */
const PAUSE_MS = { first: 20, last: 1_000 } as const

export class Outbox<L extends Load> {
  readonly #packer: Packer<L>
  readonly #place: Place<L>
  readonly #options: OutboxOptions
  readonly #end = new AbortController()
  /** Loads that are whole, the first of which is being stored. */
  #loads: L[] = []
  #loadsRows = 0
  #loadsBytes = 0
  #sent = 0
  #stored = 0
  #dropped = 0
  #linesDropped = 0
  #refused = 0
  #linesRefused = 0
  #refusedTold = 0
  #linger: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #isGone = false
  #trouble: Error | undefined
  #waiters: (() => void)[] = []

  constructor(packer: Packer<L>, place: Place<L>, options: OutboxOptions) {
    this.#packer = packer
    this.#place = place
    this.#options = options
  }

  get counts(): RowCounts {
    const [sent, stored, dropped, refused] = [this.#sent, this.#stored, this.#dropped, this.#refused]
    return { sent, stored, dropped, refused, pending: this.#pendingRows }
  }

  get linesDropped(): number {
    return this.#linesDropped
  }

  get linesRefused(): number {
    return this.#linesRefused
  }

  get pendingBytes(): number {
    return this.#packer.bytes + this.#loadsBytes
  }

  get #pendingRows(): number {
    return this.#packer.rows + this.#loadsRows
  }

  /** Whether `rows` may be packed now; where not, they are counted as dropped. Then pack them, and call packed(). */
  admitRows(rows: number): boolean {
    this.#sent += rows
    const isFull = this.#options.whenFull === 'drop' && this.pendingBytes >= this.#options.limitBytes
    if (!this.#isClosed && !isFull) return true
    this.#dropped += rows
    return false
  }

  /** The same for a line that is no row. Such are few: rows leave them as much again, and the last has its place. */
  admitLine(isLast = false): boolean {
    if (!this.#isClosed && (isLast || this.pendingBytes < 2 * this.#options.limitBytes)) return true
    this.#linesDropped++
    return false
  }

  /** Something was packed. */
  packed(): void {
    if (this.#packer.bytes >= this.#options.loadBytes) {
      this.#closeLoad()
      this.#write()
    } else if (this.#writing === undefined) this.#linger ??= setTimeout(() => this.#flush(), this.#options.lingerMs)
  }

  /** Null while there is room; else resolves when there is. */
  room(): Promise<void> | null {
    if (this.#options.whenFull === 'drop' || !this.#isFull) return null
    return new Promise(resolve => this.#waiters.push(resolve))
  }

  /** Stores what is pending, at most for `deadlineMs`; drops the rest, and throws what kept it from being stored. */
  async close(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.#end.abort(), deadlineMs)
    do {
      this.#flush()
      await this.#writing
    } while (!this.#isClosed && this.pendingBytes > 0)
    clearTimeout(timer)
    const isWhole = this.#isGone || this.pendingBytes === 0
    this.#end.abort()
    this.#dropPending()
    await this.#place.close()
    if (!isWhole) throw this.#trouble ?? this.#place.stalled(deadlineMs / 1000)
  }

  get #isClosed(): boolean {
    return this.#isGone || this.#end.signal.aborted
  }

  get #isFull(): boolean {
    return !this.#isClosed && this.pendingBytes >= this.#options.limitBytes
  }

  #closeLoad(): void {
    const load = this.#packer.take()
    if (load === null) return
    this.#loads.push(load)
    this.#loadsRows += load.rows
    this.#loadsBytes += load.bytes
  }

  #flush(): void {
    this.#closeLoad()
    this.#write()
  }

  #write(): void {
    clearTimeout(this.#linger)
    this.#linger = undefined
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
      // Packed meanwhile, and too little for a load.
      if (!this.#isClosed && this.#packer.bytes > 0) this.packed()
    })
  }

  /** Until no load is left. */
  async #writeAll(): Promise<void> {
    for (let load = this.#loads[0]; load !== undefined; load = this.#loads[0]) {
      if (!(await this.#store(load))) return
      this.#wake()
    }
  }

  /** False: it was not stored, and never will be. */
  async #store(load: L): Promise<boolean> {
    for (
      let pauseMs: number = PAUSE_MS.first;
      !this.#end.signal.aborted;
      pauseMs = Math.min(PAUSE_MS.last, pauseMs * 2)
    ) {
      try {
        this.#book(load, await this.#place.store(load, this.#end.signal))
        if (this.#trouble !== undefined) this.#options.onRecovered()
        this.#trouble = undefined
        return true
      } catch (error) {
        if (error instanceof PlaceGone) return this.#goAway(error)
        if (this.#end.signal.aborted) break
        if (this.#trouble === undefined) this.#options.onTrouble(error as Error)
        this.#trouble = error as Error
        await pause(pauseMs, this.#end.signal)
      }
    }
    return false
  }

  #book(load: L, refused: Refused | null): void {
    this.#loads.shift()
    this.#loadsRows -= load.rows
    this.#loadsBytes -= load.bytes
    this.#stored += load.rows - (refused?.rows ?? 0)
    if (refused === null) return
    this.#refused += refused.rows
    this.#linesRefused += refused.lines
    const [rows, lines] = [this.#refused, this.#linesRefused]
    if (rows + lines < 2 * this.#refusedTold) return
    this.#refusedTold = rows + lines
    this.#options.onRefused({ rows, lines, error: refused.error })
  }

  #goAway(error: PlaceGone): false {
    this.#isGone = true
    this.#dropPending()
    this.#options.onGone(error)
    return false
  }

  #dropPending(): void {
    this.#dropped += this.#pendingRows
    this.#packer.take()
    this.#loads = []
    this.#loadsRows = 0
    this.#loadsBytes = 0
    this.#wake()
  }

  /** Everybody who waits looks again. */
  #wake(): void {
    if (this.#isFull) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}

/** Resolves after `ms`, or when `signal` says so. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}
