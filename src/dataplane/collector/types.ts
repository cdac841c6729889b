// What the collector's parts say to each other: rows of one dump, and the places that take them.

import type { CollectedLine, CollectedSocket } from '../../protocol/collected.ts'

/** A socket as a dump has it, without what it shares with all rows of that dump. */
export type SocketRow = Omit<CollectedSocket, 'is' | 'poll' | 'at_s' | 'mono_s' | 'netns'>

/** All sockets of one namespace in one poll. */
export interface RowBatch {
  readonly poll: number
  readonly at_s: number
  readonly mono_s: number
  /** Cookie of the namespace, decimal. */
  readonly netns: string
  readonly rows: readonly SocketRow[]
}

/** Lines that are not rows: few, and never dropped before rows are. */
export type EventLine = Exclude<CollectedLine, CollectedSocket>

/** What became of all rows that were handed to a sink: sent = stored + dropped + refused + pending, at any time. */
export interface RowCounts {
  readonly sent: number
  readonly stored: number
  /** Without room. */
  readonly dropped: number
  /** That the place will never take. */
  readonly refused: number
  readonly pending: number
}

/** Takes rows and lines, in order, with bounded memory. */
export interface Sink {
  readonly counts: RowCounts
  /** Lines other than rows that found no room, which takes a sink that is away for hours. */
  readonly linesDropped: number
  /** Lines other than rows that the place will never take. */
  readonly linesRefused: number
  readonly pendingBytes: number
  /** Takes rows, or drops them and counts that; returns how many it took. */
  rows(batch: RowBatch): number
  line(line: EventLine): void
  /** Null while there is room; else resolves when there is again, or the sink has been closed. */
  room(): Promise<void> | null
  /** Writes what is pending, at most for `deadlineMs`; drops and counts the rest. Throws what kept it from that. */
  close(deadlineMs: number): Promise<void>
}
