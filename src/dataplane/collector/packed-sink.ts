// A sink that packs what it is given and puts loads of it in order into a place.

import { type Load, Outbox, type OutboxOptions, type Packer, type Place } from './outbox.ts'
import type { EventLine, RowBatch, RowCounts, Sink } from './types.ts'

/** Rows and lines in the form of a place. */
export interface SinkPacker<L extends Load> extends Packer<L> {
  /** When a load is large enough, and when old enough. */
  readonly sizes: Pick<OutboxOptions, 'loadBytes' | 'lingerMs'>
  addRows(batch: RowBatch): void
  addLine(line: EventLine): void
  /** Whether the place has a use for the line. */
  wants(line: EventLine): boolean
}

/** How its queue behaves. */
export type QueueOptions = Omit<OutboxOptions, 'loadBytes' | 'lingerMs'>

export class PackedSink<L extends Load> implements Sink {
  readonly #packer: SinkPacker<L>
  readonly #outbox: Outbox<L>

  constructor(packer: SinkPacker<L>, place: Place<L>, options: QueueOptions) {
    this.#packer = packer
    this.#outbox = new Outbox(packer, place, { ...options, ...packer.sizes })
  }

  get counts(): RowCounts {
    return this.#outbox.counts
  }

  get linesDropped(): number {
    return this.#outbox.linesDropped
  }

  get linesRefused(): number {
    return this.#outbox.linesRefused
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes
  }

  rows(batch: RowBatch): number {
    const count = batch.rows.length
    if (count === 0 || !this.#outbox.admitRows(count)) return 0
    this.#packer.addRows(batch)
    this.#outbox.packed()
    return count
  }

  line(line: EventLine): void {
    if (!this.#packer.wants(line) || !this.#outbox.admitLine(line.is === 'stop')) return
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
