// The native socket poller with names for what it answers by numbers.

import { getSystemErrorName } from 'node:util'
import { native } from '../../native/addon.ts'
import type { DiagPoller, DiagPollerOptions } from '../../native/diag.ts'
import type { NetnsIdentity } from '../../native/netns.ts'
import { SocketRows, stateMask } from '../../protocol/socket-row.ts'

/** Some sockets, in place: read them, then release() them. Until then one of the poller's few buffers is not free. */
export interface SocketBatch extends Pick<SocketRows, keyof SocketRows> {
  /** The poller may write over the rows from now on. A second time it is nothing. */
  release(): void
}

/**
 * Why not all sockets of a namespace were seen. removed: by remove(). deadline: its dump took too long. interrupted,
 * overrun, truncated, malformed: so was every attempt. Else the errno name that the kernel refused it with.
 */
export type IncompleteReason =
  | 'removed'
  | 'deadline'
  | 'interrupted'
  | 'overrun'
  | 'truncated'
  | 'malformed'
  | `E${string}`

/** What a poll saw of one namespace. */
export interface SlotResult {
  readonly slot: number
  /** CLOCK_MONOTONIC, s; 0 where it never began. */
  readonly startedS: number
  readonly endedS: number
  readonly rowsCount: number
  /** Sockets that the kernel named more than once: a row each all the same. */
  readonly doubledCount: number
  /** Dumps that were interrupted or cut short, and made again. */
  readonly repeatedCount: number
  readonly incomplete: IncompleteReason | null
}

export interface SocketFilter {
  /** Names of namedStates; none: all. */
  readonly states: readonly string[]
  /** Ports at either end, at most 64; none: all. */
  readonly ports: readonly number[]
}

/** Ports that a filter may have: the kernel checks it anew at each dump. */
export const FILTER_PORTS_MAX = 64

const NUMBERS_PER_SLOT = 8
const reasons = [null, 'removed', 'deadline', 'interrupted', 'overrun', 'truncated', 'malformed'] as const

class Batch extends SocketRows implements SocketBatch {
  #release: (() => void) | undefined

  constructor(buffer: ArrayBuffer, count: number, release: () => void) {
    super(buffer, count)
    this.#release = release
  }
  release(): void {
    this.#release?.()
    this.#release = undefined
  }
}

/** Polls the TCP sockets of many namespaces on one native thread. See DiagPoller of src/native/diag.ts for errors. */
export class SocketPoller {
  readonly #poller: DiagPoller

  /** `onRows` gets every row, in batches. It may keep a batch as long as it wants: that slows polling down. */
  constructor(onRows: (batch: SocketBatch) => void, options: DiagPollerOptions = {}) {
    this.#poller = new native.DiagPoller(
      (rows, count, buffer) => onRows(new Batch(rows, count, () => this.#poller.giveBack(buffer))),
      options,
    )
  }

  /** Takes a namespace in; `fd` stays the caller's. With `cookie`, only if it is that one (ESTALE). */
  add(fd: number, cookie?: bigint): Promise<{ readonly slot: number; readonly identity: NetnsIdentity }> {
    return this.#poller.add(fd, cookie)
  }

  /** Lets go of a namespace, also in the middle of a poll, whose result then says `removed`. */
  remove(slot: number): void {
    this.#poller.remove(slot)
  }

  /** From the next dump on. Throws EINVAL for unknown states, ports out of range, or too many of them. */
  setFilter({ states, ports }: SocketFilter): void {
    this.#poller.setFilter(stateMask(states) ?? 0, ports)
  }

  /** Resolves after all rows were given to `onRows`. `number` stands in the rows. */
  async poll(number: number, slots?: readonly number[]): Promise<SlotResult[]> {
    const numbers = await this.#poller.poll(number, slots)
    return Array.from({ length: numbers.length / NUMBERS_PER_SLOT }, (_, i) =>
      resultOf(numbers.subarray(i * NUMBERS_PER_SLOT, (i + 1) * NUMBERS_PER_SLOT)),
    )
  }

  close(): Promise<void> {
    return this.#poller.close()
  }
}

function resultOf(numbers: Float64Array): SlotResult {
  const [slot = 0, startedNs = 0, endedNs = 0, rowsCount = 0, doubledCount = 0, repeatedCount = 0, reason = 0] = numbers
  const incomplete = reasons[reason]
  return {
    slot,
    startedS: startedNs / 1e9,
    endedS: endedNs / 1e9,
    rowsCount,
    doubledCount,
    repeatedCount,
    incomplete: incomplete === undefined ? (getSystemErrorName(-(numbers[7] ?? 0)) as IncompleteReason) : incomplete,
  }
}
