// Writes what has been noted, off the path of wiring: in batches, at a pace, again and again until the server has it.

import type { Pile, Query } from './row-piles.ts'
import { WRITE_QUIET_MS, WritePace } from './write-pace.ts'

export interface RowWriterOptions {
  readonly piles: readonly Pile[]
  readonly query: Query
  /** Whether anything can be written now; when that begins again, `resume` is called. */
  readonly isUp: () => boolean
  readonly onWarning: (message: string) => void
}

export class RowWriter {
  readonly #options: RowWriterOptions
  readonly #pace = new WritePace()
  #timer: NodeJS.Timeout | undefined
  #isWriting = false
  #isClosed = false
  #hasWarned = false
  #flushed: (() => void)[] = []

  constructor(options: RowWriterOptions) {
    this.#options = options
  }

  /** Rows that are not known to be written. */
  get unwrittenCount(): number {
    return this.#options.piles.reduce((sum, { count }) => sum + count, 0)
  }

  /** Something is about to be noted. */
  noting(): void {
    this.#pace.noted(performance.now(), this.unwrittenCount === 0)
    this.#schedule(WRITE_QUIET_MS)
  }

  /** There is somebody to write to again. */
  resume(): void {
    this.#schedule(0)
  }

  /** Resolves once all is written. */
  written(): Promise<void> {
    if (this.unwrittenCount === 0) return Promise.resolve()
    const written = new Promise<void>(resolve => this.#flushed.push(resolve))
    this.#schedule(0)
    return written
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed || this.#isWriting || !this.#options.isUp()) return
    if (delayMs === 0) clearTimeout(this.#timer)
    else if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const waitMs = this.#flushed.length > 0 ? 0 : this.#pace.waitMs(performance.now())
      if (waitMs > 0) this.#schedule(waitMs)
      else void this.#write()
    }, delayMs)
  }

  async #write(): Promise<void> {
    if (this.#isWriting || !this.#options.isUp()) return
    this.#isWriting = true
    for (const pile of this.#options.piles) await pile.write(this.#options.query).catch(error => this.#refused(error))
    this.#isWriting = false
    if (this.unwrittenCount > 0) this.#schedule(WRITE_QUIET_MS)
    else for (const resolve of this.#flushed.splice(0)) resolve()
  }

  /** A server that is there and says no is worth one warning; a lost connection is reported as such. */
  #refused(error: unknown): void {
    const { severity, message } = error as { readonly severity?: string; readonly message: string }
    if (severity !== 'ERROR' || this.#hasWarned) return
    this.#hasWarned = true
    this.#options.onWarning(`the database refuses rows, they are kept and tried again: ${message}`)
  }
}
