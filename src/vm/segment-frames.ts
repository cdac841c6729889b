// Frames in a byte stream as QEMU's `-netdev stream` speaks it: length (u32, big-endian), frame, length, frame, …
// Source: QEMU, net/stream.c and net/net.c (net_fill_rstate).

/** Bytes of the length before each frame. */
export const LENGTH_BYTES = 4

/** Destination, source, type. */
const FRAME_BYTES_MIN = 14

/** QEMU's own limit for a packet, NET_BUFSIZE: 64 KiB and its headers. */
const FRAME_BYTES_MAX = 4096 + 65_536

/** Why a stream can't be read on. */
export type FrameFault = 'frame_too_long' | 'frame_too_short' | 'truncated_frame'

/** Called for each whole frame: `bytes[start]` is the first byte of its length, `bytes[end - 1]` the frame's last. */
export type FrameSink = (bytes: Buffer, start: number, end: number) => void

/**
 * Cuts a stream into frames. Frames are handed on where they lie; only one that spans two chunks is copied. Holds at
 * most one frame.
 */
export class FrameReader {
  readonly #sink: FrameSink
  /** A length of which only some bytes came. */
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  #lengthHave = 0
  /** A frame with its length, of which only some bytes came. */
  #frame: Buffer | null = null
  #frameHave = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Hands on every frame that is whole now. After a fault the reader is of no more use. */
  feed(chunk: Buffer): FrameFault | null {
    const first = this.#lengthHave + this.#frameHave > 0 ? this.#complete(chunk) : 0
    if (typeof first === 'string') return first
    let at = first
    while (chunk.length - at >= LENGTH_BYTES) {
      const frameBytes = chunk.readUInt32BE(at)
      const fault = faultOf(frameBytes)
      if (fault !== null) return fault
      const end = at + LENGTH_BYTES + frameBytes
      if (end > chunk.length) {
        this.#startFrame(frameBytes, chunk, at)
        return null
      }
      this.#sink(chunk, at, end)
      at = end
    }
    this.#lengthHave += chunk.copy(this.#length, this.#lengthHave, at)
    return null
  }

  /** The stream has ended: a fault where it did so within a frame. */
  end(): FrameFault | null {
    return this.#lengthHave + this.#frameHave > 0 ? 'truncated_frame' : null
  }

  /** Goes on with what an earlier chunk left unfinished. Returns where the next frame starts in `chunk`. */
  #complete(chunk: Buffer): number | FrameFault {
    let at = 0
    if (this.#frame === null) {
      at = chunk.copy(this.#length, this.#lengthHave)
      this.#lengthHave += at
      if (this.#lengthHave < LENGTH_BYTES) return at
      const frameBytes = this.#length.readUInt32BE()
      const fault = faultOf(frameBytes)
      if (fault !== null) return fault
      this.#lengthHave = 0
      this.#startFrame(frameBytes, this.#length, 0)
    }
    const frame = this.#frame as unknown as Buffer
    const copied = chunk.copy(frame, this.#frameHave, at)
    this.#frameHave += copied
    if (this.#frameHave === frame.length) {
      this.#frame = null
      this.#frameHave = 0
      this.#sink(frame, 0, frame.length)
    }
    return at + copied
  }

  #startFrame(frameBytes: number, from: Buffer, at: number): void {
    this.#frame = Buffer.allocUnsafe(LENGTH_BYTES + frameBytes)
    this.#frameHave = from.copy(this.#frame, 0, at)
  }
}

/** A copy that keeps nothing else alive, as one from Node's pool would: for frames that have to wait. */
export function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

function faultOf(frameBytes: number): FrameFault | null {
  if (frameBytes > FRAME_BYTES_MAX) return 'frame_too_long'
  return frameBytes < FRAME_BYTES_MIN ? 'frame_too_short' : null
}
