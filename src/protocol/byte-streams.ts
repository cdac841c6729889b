// Many byte streams over one channel of messages, in pieces, each with a window: a reader that stands still stops its
// own stream and no other. Used by both sides of a guest's port; pure but for Node's streams.

import { isUtf8 } from 'node:buffer'
import { Duplex } from 'node:stream'

/** One piece of stream `p`: text where the bytes are UTF-8 (the rule), else base64; or a word about the stream. */
export type PieceOfStream =
  | { readonly p: number; readonly text: string }
  | { readonly p: number; readonly base64: string }
  /** The reader has room for so many bytes more. */
  | { readonly p: number; readonly more: number }
  /** Nothing follows. */
  | { readonly p: number; readonly fin: true }
  /** Either side gives the stream up. */
  | { readonly p: number; readonly gone: true }

/** Bytes under way that nobody has read yet, at most: each stream's share of both sides' memory. */
const WINDOW_BYTES = 256 * 1024
/** A piece is no longer, so that a heartbeat never waits long behind one. */
const PIECE_BYTES = 32 * 1024

/** All streams of one channel, by number. */
export class ByteStreams {
  readonly #send: (piece: PieceOfStream) => void
  readonly #streams = new Map<number, ByteStream>()

  constructor(send: (piece: PieceOfStream) => void) {
    this.#send = send
  }

  get size(): number {
    return this.#streams.size
  }

  /**
   * The near end of stream `p`, which nobody writes to (`in`) or reads from (`out`) here, or both do both. The far side
   * is to be told of `p` in the same turn, and opens its own before it receives anything else.
   */
  open(p: number, way: 'in' | 'out' | 'both'): ByteStream {
    if (this.#streams.has(p)) throw new Error(`stream ${p} is open already`)
    const stream = new ByteStream(p, this.#send)
    this.#streams.set(p, stream)
    stream.once('close', () => this.#streams.delete(p))
    if (way === 'in') stream.end()
    if (way === 'out') stream.resume()
    return stream
  }

  /** Pieces of streams that are gone are late, and dropped. */
  receive(piece: PieceOfStream): void {
    this.#streams.get(piece.p)?.receive(piece)
  }

  /** The far side is gone, and with it every stream: closed, without an end and without an error. */
  destroy(): void {
    for (const stream of [...this.#streams.values()]) stream.lose()
  }
}

/** One end of a stream: an ordinary Duplex, each direction of which ends by itself. */
export class ByteStream extends Duplex {
  readonly #p: number
  readonly #send: (piece: PieceOfStream) => void
  /** Bytes that the far side will take. */
  #room = WINDOW_BYTES
  /** Bytes handed to the reader and not granted again. */
  #taken = 0
  #isFull = false
  #waiting: (() => void) | null = null
  #farGone = false
  #farEnded = false

  constructor(p: number, send: (piece: PieceOfStream) => void) {
    super({ allowHalfOpen: true, readableHighWaterMark: WINDOW_BYTES / 4, writableHighWaterMark: PIECE_BYTES })
    this.#p = p
    this.#send = send
  }

  receive(piece: PieceOfStream): void {
    if ('text' in piece) this.#take(Buffer.from(piece.text))
    else if ('base64' in piece) this.#take(Buffer.from(piece.base64, 'base64'))
    else if ('more' in piece) this.#grow(piece.more)
    else if ('fin' in piece) this.#end()
    else this.lose()
  }

  /** The far side is gone; nothing more is told to it. */
  lose(): void {
    this.#farGone = true
    this.destroy()
  }

  #take(bytes: Buffer): void {
    if (this.#farEnded || this.destroyed) return
    this.#taken += bytes.length
    this.#isFull = !this.push(bytes)
    if (!this.#isFull && this.#taken >= WINDOW_BYTES / 4) this.#grant()
  }

  #end(): void {
    if (this.#farEnded || this.destroyed) return
    this.#farEnded = true
    this.push(null)
  }

  #grant(): void {
    if (this.#taken === 0) return
    this.#send({ p: this.#p, more: this.#taken })
    this.#taken = 0
  }

  override _read(): void {
    if (!this.#isFull) return
    this.#isFull = false
    this.#grant()
  }

  #grow(bytes: number): void {
    this.#room += bytes
    const go = this.#waiting
    this.#waiting = null
    go?.()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let from = 0
    const go = (): void => {
      while (from < bytes.length) {
        const size = Math.min(PIECE_BYTES, this.#room, bytes.length - from)
        if (size === 0) {
          this.#waiting = go
          return
        }
        this.#room -= size
        this.#send(pieceOf(this.#p, bytes.subarray(from, from + size)))
        from += size
      }
      done()
    }
    go()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send({ p: this.#p, fin: true })
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#waiting = null
    // Ended in order on both sides: the far side knows.
    if (!this.#farGone && !(this.writableFinished && this.#farEnded)) this.#send({ p: this.#p, gone: true })
    done(error)
  }
}

function pieceOf(p: number, bytes: Buffer): PieceOfStream {
  return isUtf8(bytes) ? { p, text: bytes.toString('utf8') } : { p, base64: bytes.toString('base64') }
}
