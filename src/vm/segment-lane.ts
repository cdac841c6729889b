// One lane of a segment, from one port to another: its conditions, its chances, its delay line and its ledger.

import { Random } from '../base/random.ts'
import type { Effect } from './segment-conditions.ts'
import { copyOf, LENGTH_BYTES } from './segment-frames.ts'
import { type DropReason, LaneLedger } from './segment-ledger.ts'
import { type Port, QUEUE_FRAMES_MAX } from './segment-port.ts'

interface Delayed {
  readonly bytes: Buffer
  readonly dueMs: number
}

const CLEAR: Effect = { cut: false, lossRatio: 0, delayMs: 0, jitterMs: 0, limiters: [], clear: true }

const isUndelayed = ({ delayMs, jitterMs, limiters }: Effect): boolean =>
  delayMs === 0 && jitterMs === 0 && limiters.length === 0

export interface LaneOptions {
  /** Of this lane alone, so that what happens on one does not change another's chances. */
  readonly seed: number
  /** Most bytes in the delay line. */
  readonly queueBytesMax: number
  /** Milliseconds on a clock that never goes back. */
  readonly nowMs: () => number
}

/** A frame's fate depends on the seed and on how many frames took this lane before it, on nothing else. */
export class Lane {
  readonly to: Port
  readonly ledger = new LaneLedger()
  readonly #options: LaneOptions
  readonly #loss: Random
  readonly #jitter: Random
  #effect: Effect = CLEAR
  #line: Delayed[] = []
  #lineBytes = 0
  #lastDueMs = 0
  #timer: NodeJS.Timeout | null = null

  constructor(to: Port, options: LaneOptions) {
    this.to = to
    this.#options = options
    this.#loss = new Random(options.seed)
    // A generator of its own: whether there is jitter does not change which frames are lost.
    this.#jitter = new Random(options.seed ^ 0x6a177e12)
  }

  /** New conditions. A cut loses what is on its way; a delay that is taken back lets it through at once. */
  setEffect(effect: Effect): void {
    this.#effect = effect
    if (effect.cut) this.#empty('cut')
    else if (isUndelayed(effect)) this.#release(Number.POSITIVE_INFINITY)
  }

  /** One frame with its length. It leaves by the port's flush(), or later by itself. */
  offer(bytes: Buffer, start: number, end: number): void {
    const frameBytes = end - start - LENGTH_BYTES
    this.ledger.offered.add(1, frameBytes)
    this.ledger.queued.add(1, frameBytes)
    const fate = this.#effect.clear ? 'pass' : this.#fate(end - start)
    if (fate === 'pass') this.#pass(bytes, start, end)
    else if (fate === 'wait') this.#delay(copyOf(bytes.subarray(start, end)))
    else this.ledger.settle(1, frameBytes, fate)
  }

  /** The port is gone, or the segment: nothing of the delay line can arrive. */
  abandon(): void {
    this.#empty('port_gone')
  }

  #fate(bytes: number): 'pass' | 'wait' | DropReason {
    const { cut, lossRatio } = this.#effect
    if (cut) return 'cut'
    if (lossRatio > 0 && this.#loss.float() < lossRatio) return 'loss'
    if (isUndelayed(this.#effect)) return 'pass'
    const isFull = this.#lineBytes + bytes > this.#options.queueBytesMax || this.#line.length >= QUEUE_FRAMES_MAX
    return isFull ? 'queue_full' : 'wait'
  }

  #pass(bytes: Buffer, start: number, end: number): void {
    const drop = this.to.append(this.ledger, bytes, start, end)
    if (drop !== null) this.ledger.settle(1, end - start - LENGTH_BYTES, drop)
  }

  #delay(bytes: Buffer): void {
    const { delayMs, jitterMs, limiters } = this.#effect
    this.ledger.delayed.add(1, bytes.length - LENGTH_BYTES)
    let dueMs = this.#options.nowMs()
    for (const rule of limiters) {
      const bitsPerMs = (rule.conditions.rateBitsPerS as number) / 1000
      rule.freeAtMs = Math.max(dueMs, rule.freeAtMs) + ((bytes.length - LENGTH_BYTES) * 8) / bitsPerMs
      dueMs = rule.freeAtMs
    }
    if (jitterMs > 0) dueMs += jitterMs * (2 * this.#jitter.float() - 1)
    // Frames of a lane keep their order: to TCP, reordering looks like loss.
    this.#lastDueMs = Math.max(this.#lastDueMs, dueMs + delayMs)
    this.#line.push({ bytes, dueMs: this.#lastDueMs })
    this.#lineBytes += bytes.length
    this.#wake()
  }

  #empty(reason: 'cut' | 'port_gone'): void {
    for (const { bytes } of this.#line.splice(0)) this.ledger.settle(1, bytes.length - LENGTH_BYTES, reason)
    this.#rest()
  }

  /** Passes on what is due by `nowMs`. */
  #release(nowMs: number): void {
    let due = 0
    while (due < this.#line.length && (this.#line[due] as Delayed).dueMs <= nowMs) due++
    if (due === 0) return
    for (const { bytes } of this.#line.splice(0, due)) {
      this.#lineBytes -= bytes.length
      this.#pass(bytes, 0, bytes.length)
    }
    this.to.flush()
    if (this.#line.length === 0) this.#rest()
  }

  /** Nothing waits: the next frame's time depends on no earlier one's. */
  #rest(): void {
    this.#lineBytes = 0
    this.#lastDueMs = 0
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #wake(): void {
    const next = this.#line[0]
    if (this.#timer !== null || next === undefined) return
    // Timers have whole milliseconds: rounded up, so that one wake-up finds the frame due.
    const waitMs = Math.min(Math.max(Math.ceil(next.dueMs - this.#options.nowMs()), 1), 2 ** 31 - 1)
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#release(this.#options.nowMs())
      this.#wake()
    }, waitMs)
  }
}
