// Rows and lines as text, for standard output and files.

import { encodeLine, encodeRows } from './lines.ts'
import { type Load, Outbox, type OutboxOptions, type Packer, type Place } from './outbox.ts'
import type { EventLine, RowBatch, RowCounts, Sink } from './types.ts'

/** Whole lines. */
export interface TextLoad extends Load {
  readonly text: Buffer
}

/** A pipe takes 64 KiB at once; a write costs more than a copy of so much. */
const LOAD_BYTES = 64 * 1024
const LINGER_MS = 10

export class LineSink implements Sink {
  readonly #packer = new TextPacker()
  readonly #outbox: Outbox<TextLoad>

  constructor(place: Place<TextLoad>, options: Omit<OutboxOptions, 'loadBytes' | 'lingerMs'>) {
    this.#outbox = new Outbox(this.#packer, place, { ...options, loadBytes: LOAD_BYTES, lingerMs: LINGER_MS })
  }

  get counts(): RowCounts {
    return this.#outbox.counts
  }

  get linesDropped(): number {
    return this.#outbox.linesDropped
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes
  }

  rows(batch: RowBatch): number {
    const count = batch.rows.length
    if (count === 0) return 0
    if (!this.#outbox.admitRows(count)) return 0
    this.#packer.add(encodeRows(batch), count)
    this.#outbox.packed()
    return count
  }

  line(line: EventLine): void {
    if (!this.#outbox.admitLine()) return
    this.#packer.add(encodeLine(line), 0)
    this.#outbox.packed()
  }

  room(): Promise<void> | null {
    return this.#outbox.room()
  }

  close(deadlineMs: number): Promise<void> {
    return this.#outbox.close(deadlineMs)
  }
}

class TextPacker implements Packer<TextLoad> {
  rows = 0
  /** Of text that is nearly all ASCII. */
  bytes = 0
  #pieces: string[] = []

  add(text: string, rows: number): void {
    this.#pieces.push(text)
    this.bytes += text.length
    this.rows += rows
  }

  take(): TextLoad | null {
    if (this.#pieces.length === 0) return null
    const text = Buffer.from(this.#pieces.join(''))
    const load = { text, rows: this.rows, bytes: this.bytes }
    this.#pieces = []
    this.rows = 0
    this.bytes = 0
    return load
  }
}
