// What one port of a segment says and hears, as a pcap file that Wireshark and tcpdump read.
// Source of the format: IETF draft-ietf-opsawg-pcap (nanosecond variant, LINKTYPE_ETHERNET).

import { createWriteStream, type WriteStream } from 'node:fs'
import { type Clock, systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'

const MAGIC_NANOSECONDS = 0xa1b23c4d
const VERSION_MAJOR = 2
const VERSION_MINOR = 4
const SNAP_BYTES = 262_144
const LINKTYPE_ETHERNET = 1
const FILE_HEADER_BYTES = 24
const RECORD_HEADER_BYTES = 16

/** What may wait for the disk; beyond it frames are missing in the file, and counted. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024

export class Capture {
  readonly path: string
  framesCount = 0
  /** Frames that the file lacks because the disk was too slow. */
  missedFramesCount = 0
  #error: Error | null = null
  readonly #file: WriteStream
  readonly #clock: Clock
  /** Wall clock less CLOCK_MONOTONIC at the start: the file's axis has the epoch's numbers and never goes back. */
  readonly #epochNs: bigint

  /** Makes a new file; what is wrong with it is told by close(). */
  constructor(path: string, clock: Clock = systemClock) {
    this.path = path
    this.#clock = clock
    this.#epochNs = BigInt(clock.wallDate().getTime()) * 1_000_000n - clock.nowNs()
    this.#file = createWriteStream(path)
    this.#file.on('error', error => {
      this.#error = error
    })
    const header = Buffer.alloc(FILE_HEADER_BYTES)
    header.writeUInt32LE(MAGIC_NANOSECONDS, 0)
    header.writeUInt16LE(VERSION_MAJOR, 4)
    header.writeUInt16LE(VERSION_MINOR, 6)
    header.writeUInt32LE(SNAP_BYTES, 16)
    header.writeUInt32LE(LINKTYPE_ETHERNET, 20)
    this.#file.write(header)
  }

  /** Takes a copy of the frame at `bytes[start]` to `bytes[end - 1]`. */
  add(bytes: Buffer, start: number, end: number): void {
    const size = end - start
    if (this.#error !== null || this.#file.writableLength + size > WAITING_BYTES_MAX) {
      this.missedFramesCount++
      return
    }
    const atNs = this.#epochNs + this.#clock.nowNs()
    const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + size)
    record.writeUInt32LE(Number(atNs / 1_000_000_000n), 0)
    record.writeUInt32LE(Number(atNs % 1_000_000_000n), 4)
    record.writeUInt32LE(size, 8)
    record.writeUInt32LE(size, 12)
    bytes.copy(record, RECORD_HEADER_BYTES, start, end)
    this.#file.write(record)
    this.framesCount++
  }

  /** Resolves when all is in the file; rejects with DISK_REFUSED where some of it could not be written. */
  async close(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#file.once('close', resolve)
      if (this.#file.closed) resolve()
      else this.#file.end()
    })
    if (this.#error !== null) {
      const reason = (this.#error as NodeJS.ErrnoException).code ?? this.#error.message
      throw new NslabError('DISK_REFUSED', { path: this.path, reason }, { cause: this.#error })
    }
  }
}
