// One port of a segment: a stream, what is read from it, and what waits to be written to it.

import type { Duplex } from 'node:stream'
import { copyOf, type FrameFault, FrameReader, type FrameSink, LENGTH_BYTES } from './segment-frames.ts'
import { Counter, type DropReason, type LaneLedger } from './segment-ledger.ts'
import type { Capture } from './segment-pcap.ts'

/** Why a port isn't there any more: an errno, a bad frame, or in order. */
export type LeaveReason = FrameFault | 'ended' | 'replaced' | 'disconnected' | 'closed' | (string & {})

/** Bytes of `bytes` from `start` to `end` that go to the port together: whole frames of one lane. */
interface Stretch {
  readonly bytes: Buffer
  readonly start: number
  end: number
  frames: number
  readonly ledger: LaneLedger
}

/**
 * Most frames that wait for a port. It bounds what they cost beside their bytes, which is some 300 bytes each.
 */
export const QUEUE_FRAMES_MAX = 16_384

/**
 * What the segment knows of a port for as long as the segment lives; the stream comes and goes.
 *
 * A port that doesn't read is nobody else's trouble: beyond a bounded queue frames to it are dropped and counted, as a
 * real switch does. Senders are never made to wait, or one VM that stands still would hold up each that broadcasts.
 */
export class Port {
  readonly name: string
  /** Whole frames that came from the VM. */
  readonly received = new Counter()
  readonly unicast = new Counter()
  readonly flooded = new Counter()
  /** Frames that had nowhere to go: the address is on this port itself, or no other port is there. */
  readonly unaddressed = new Counter()
  /** Frames whose source is no station's address. */
  readonly badSource = new Counter()
  /** Source addresses that were not learned because the port has too many; counted each time. */
  notLearned = 0
  /** MAC addresses learned here. */
  readonly macs = new Set<number>()
  capture: Capture | null = null
  #stream: Duplex | null = null
  #outbox: Stretch[] = []
  #outboxBytes = 0
  #queuedFrames = 0
  readonly #queueBytesMax: number

  constructor(name: string, queueBytesMax: number) {
    this.name = name
    this.#queueBytesMax = queueBytesMax
  }

  get connected(): boolean {
    return this.#stream !== null
  }

  /**
   * Takes `stream` over. `onFrame` gets each whole frame, `onTurn` is called after all of one chunk, `onLeave` once,
   * when the stream has ended, broken, or brought what is no frame; the stream is destroyed then.
   */
  attach(stream: Duplex, onFrame: FrameSink, onTurn: () => void, onLeave: (reason: LeaveReason) => void): void {
    this.#stream = stream
    const reader = new FrameReader(onFrame)
    const leave = (reason: LeaveReason): void => {
      if (this.#stream !== stream) return
      this.detach()
      onLeave(reason)
    }
    stream.on('data', (chunk: Buffer) => {
      // Chunks may still come from a stream that was detached within this turn.
      if (this.#stream !== stream) return
      const fault = reader.feed(chunk)
      onTurn()
      if (fault !== null) leave(fault)
    })
    stream.on('end', () => leave(reader.end() ?? 'ended'))
    stream.on('error', (error: NodeJS.ErrnoException) => leave(error.code ?? error.message))
    stream.on('close', () => leave(reader.end() ?? 'ended'))
  }

  /** Lets go of the stream, without telling anybody. What was not written is settled by its callbacks. */
  detach(): void {
    const stream = this.#stream
    this.#stream = null
    for (const { ledger, frames, start, end } of this.#outbox.splice(0)) {
      ledger.settle(frames, end - start - frames * LENGTH_BYTES, 'port_gone')
      this.#queuedFrames -= frames
    }
    this.#outboxBytes = 0
    stream?.destroy()
  }

  /** Queues one frame with its length, which leaves with flush(); or says why it can't be. */
  append(ledger: LaneLedger, bytes: Buffer, start: number, end: number): DropReason | null {
    if (this.#stream === null) return 'port_gone'
    const waitingBytes = this.#stream.writableLength + this.#outboxBytes
    if (waitingBytes + end - start > this.#queueBytesMax || this.#queuedFrames >= QUEUE_FRAMES_MAX) return 'queue_full'
    this.capture?.add(bytes, start + LENGTH_BYTES, end)
    this.#outboxBytes += end - start
    this.#queuedFrames++
    const last = this.#outbox.at(-1)
    // Frames to the same port mostly follow each other in a chunk: one write, whatever their number.
    if (last !== undefined && last.bytes === bytes && last.end === start && last.ledger === ledger) {
      last.end = end
      last.frames++
    } else {
      this.#outbox.push({ bytes, start, end, frames: 1, ledger })
    }
    return null
  }

  /** Writes what was queued. */
  flush(): void {
    const stream = this.#stream
    if (stream === null || this.#outbox.length === 0) return
    const stretches = this.#outbox
    this.#outbox = []
    this.#outboxBytes = 0
    const isIdle = stream.writableLength === 0
    if (stretches.length > 1) stream.cork()
    for (const { bytes, start, end, frames, ledger } of stretches) {
      // What can't leave at once must not keep a far larger chunk alive.
      const keeps = isIdle || (end - start) * 2 > bytes.buffer.byteLength
      const part = bytes.subarray(start, end)
      stream.write(keeps ? part : copyOf(part), this.#settler(ledger, frames, end - start))
    }
    if (stretches.length > 1) stream.uncork()
  }
  /** What is called when a write has ended. It must not know the bytes: they would live as long as it waits. */
  #settler(ledger: LaneLedger, frames: number, bytes: number): (error?: Error | null) => void {
    return error => {
      this.#queuedFrames -= frames
      ledger.settle(frames, bytes - frames * LENGTH_BYTES, error ? 'port_gone' : null)
    }
  }
}
