// Rows and lines as text, for standard output and files.

import { encodeLine, encodeRows } from './lines.ts'
import type { Load } from './outbox.ts'
import type { SinkPacker } from './packed-sink.ts'
import type { EventLine, RowBatch } from './types.ts'

/** Whole lines. */
export interface TextLoad extends Load {
  readonly text: Buffer
}

/** A pipe takes 64 KiB at once; a write costs more than a copy of so much. */
const LOAD_BYTES = 64 * 1024
const LINGER_MS = 10

export class TextPacker implements SinkPacker<TextLoad> {
  readonly sizes = { loadBytes: LOAD_BYTES, lingerMs: LINGER_MS }
  rows = 0
  /** Of text that is nearly all ASCII. */
  bytes = 0
  #pieces: string[] = []

  addRows(batch: RowBatch): void {
    this.#add(encodeRows(batch))
    this.rows += batch.rows.length
  }

  addLine(line: EventLine): void {
    this.#add(encodeLine(line))
  }

  wants(): boolean {
    return true
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

  #add(text: string): void {
    this.#pieces.push(text)
    this.bytes += text.length
  }
}
