// The socket poller of the addon: types of what native/binding/diag.cc exports.

import type { NetnsIdentity } from './netns.ts'

export interface DiagPollerOptions {
  /**
   * Buffers that rows are handed over in, 1 to 64; default 8. While all of them are with the reader, polling waits.
   */
  readonly buffersCount?: number
  /** Rows of a buffer, 512 or more; default 1024. One takes 384 bytes, see src/protocol/socket-row.ts. */
  readonly bufferRows?: number
  /** A namespace's dump is given up after so long, default 5000; time that the reader lets it wait does not count. */
  readonly deadlineMs?: number
  /** How often a dump that was interrupted or cut short is made at most, 1 to 100; default 4. */
  readonly attemptsMax?: number
  /**
   * One dump for each family instead of one for both: twice the walks through the kernel's table. Kernels that know no
   * other are found out by themselves.
   */
  readonly familiesApart?: boolean
}

/**
 * The TCP sockets of many network namespaces, by inet_diag dumps: one native thread, one netlink socket a namespace.
 * src/dataplane/collector/poller.ts is its better outside.
 */
export interface DiagPoller {
  /**
   * Opens a socket in the namespace behind `fd` (borrowed for this call) and keeps nothing else of it. That socket keeps
   * the namespace alive until remove(). Rejects with EINVAL (no network namespace), EPERM (no CAP_SYS_ADMIN there),
   * ESTALE (another cookie than `cookie`), EMFILE, EBADF, ECANCELED (closed meanwhile).
   */
  add(fd: number, cookie?: bigint): Promise<{ readonly slot: number; readonly identity: NetnsIdentity }>
  /** Lets go of a namespace, also in the middle of a poll. Does nothing where there is no such slot. */
  remove(slot: number): void
  /**
   * What the kernel itself chooses by, from the next dump on: states (a bit each, 1 << TCP_ESTABLISHED and so on, 1 to
   * 12), and ports, at either end, at most 64 (none: any).
   */
  setFilter(states: number, ports: readonly number[]): void
  /**
   * Dumps these slots, or all that there are now, and resolves after the last of their rows was handed over. Eight
   * numbers a slot: slot, CLOCK_MONOTONIC ns when its dump began and ended, rows, sockets named more than once, dumps
   * repeated, reason (0 whole, 1 removed, 2 deadline, 3 interrupted, 4 overrun, 5 truncated, 6 malformed, 7 error),
   * errno. Several polls may go on at a time; the one with the fewest slots left comes first. Rejects with ECANCELED.
   */
  poll(number: number, slots?: readonly number[]): Promise<Float64Array>
  /** The reader is done with a buffer: its bytes are written anew from now on. */
  giveBack(buffer: number): void
  /** Ends the thread, at any time. What is pending is rejected with ECANCELED, and no more rows are handed over. */
  close(): Promise<void>
}

export interface DiagPollerConstructor {
  /**
   * `onRows`: there are `rowsCount` rows at the start of `rows`. The same few ArrayBuffers come again and again: they
   * may be read until giveBack(buffer), and never be transferred.
   */
  new (onRows: (rows: ArrayBuffer, rowsCount: number, buffer: number) => void, options?: DiagPollerOptions): DiagPoller
}
