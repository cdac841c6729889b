// Rows and events on their way into PostgreSQL.

import { copyLine, copyRows } from './copy-text.ts'
import type { Load } from './outbox.ts'
import type { SinkPacker } from './packed-sink.ts'
import type { CopiedTable } from './postgres-schema.ts'
import type { EventLine, RowBatch } from './types.ts'

/** Texts of COPY, all of one batch. */
export interface CopyLoad extends Load {
  readonly batch: number
  readonly texts: ReadonlyMap<CopiedTable, string>
  /** The collector's last line. */
  readonly stop?: Extract<EventLine, { is: 'stop' }>
}

/** Some 2,500 rows: a transaction costs about as much as 100 of them. */
const LOAD_BYTES = 512 * 1024
const LINGER_MS = 100

export class CopyPacker implements SinkPacker<CopyLoad> {
  readonly sizes = { loadBytes: LOAD_BYTES, lingerMs: LINGER_MS }
  rows = 0
  bytes = 0
  readonly #run: number
  #batch = 1
  #prefix = ''
  #texts = new Map<CopiedTable, string[]>()
  #stop: CopyLoad['stop']

  constructor(run: number) {
    this.#run = run
    this.#begin()
  }

  addRows(batch: RowBatch): void {
    this.#add('sockets', copyRows(batch, this.#prefix))
    this.rows += batch.rows.length
  }

  addLine(line: EventLine): void {
    if (line.is === 'stop') {
      this.#stop = line
      this.bytes++
      return
    }
    const copy = copyLine(line, this.#prefix)
    if (copy !== null) this.#add(copy.table, copy.text)
  }

  /** What the start line says stands in the run's row already. */
  wants(line: EventLine): boolean {
    return line.is !== 'start'
  }

  take(): CopyLoad | null {
    if (this.bytes === 0) return null
    const texts = new Map([...this.#texts].map(([table, pieces]) => [table, pieces.join('')]))
    const load = { batch: this.#batch, texts, rows: this.rows, bytes: this.bytes }
    const stop = this.#stop
    this.#batch++
    this.#begin()
    return stop === undefined ? load : { ...load, stop }
  }

  #begin(): void {
    this.#prefix = `${this.#run}\t${this.#batch}\t`
    this.#texts = new Map()
    this.#stop = undefined
    this.rows = 0
    this.bytes = 0
  }

  #add(table: CopiedTable, text: string): void {
    const pieces = this.#texts.get(table)
    if (pieces === undefined) this.#texts.set(table, [text])
    else pieces.push(text)
    this.bytes += text.length
  }
}
