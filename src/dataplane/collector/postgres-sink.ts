// Rows and events on their way into PostgreSQL.

import { copyLine, copyRows } from './copy-text.ts'
import { Outbox, type OutboxOptions, type Packer } from './outbox.ts'
import type { CopyLoad, PostgresPlace } from './postgres-place.ts'
import type { CopiedTable } from './postgres-schema.ts'
import type { EventLine, RowBatch, RowCounts, Sink } from './types.ts'

/** Some 2,500 rows: a transaction costs about as much as 100 of them. */
const LOAD_BYTES = 512 * 1024
const LINGER_MS = 100

export class PostgresSink implements Sink {
  readonly #packer: CopyPacker
  readonly #outbox: Outbox<CopyLoad>

  constructor(place: PostgresPlace, options: Omit<OutboxOptions, 'loadBytes' | 'lingerMs'>) {
    this.#packer = new CopyPacker(place.run)
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
    this.#packer.addRows(batch)
    this.#outbox.packed()
    return count
  }

  line(line: EventLine): void {
    // The run's row, which says this, is there already.
    if (line.is === 'start' || !this.#outbox.admitLine()) return
    this.#packer.addLine(line)
    this.#outbox.packed()
  }

  room(): Promise<void> | null {
    return this.#outbox.room()
  }

  close(deadlineMs: number): Promise<void> {
    return this.#outbox.close(deadlineMs)
  }
}

class CopyPacker implements Packer<CopyLoad> {
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
