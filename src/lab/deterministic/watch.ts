// Follows what a deterministic guest says on its console, its only sign of life: lines as they come, and the time since
// the last one.

import { closeSync, openSync, readSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'

const POLL_MS = 100
/** More between two looks, and this process stood still itself, maybe with the VM: as when a shell stops them. */
const STILL_MS = 1000
const PIECE_BYTES = 64 * 1024

export interface ConsoleWatchOptions {
  readonly path: string
  readonly onLine: (line: string) => void
  /** Called once when nothing was said for so long. */
  readonly silentAfterS: number
  readonly onSilent: () => void
}

export class ConsoleWatch {
  readonly #options: ConsoleWatchOptions
  readonly #fd: number
  readonly #decoder = new StringDecoder('utf8')
  readonly #piece = Buffer.alloc(PIECE_BYTES)
  #timer: NodeJS.Timeout | null
  #offset = 0
  #rest = ''
  #heardMs = performance.now()
  #lookedMs = performance.now()

  /** The file is there already. */
  constructor(options: ConsoleWatchOptions) {
    this.#options = options
    this.#fd = openSync(options.path, 'r')
    this.#timer = setInterval(() => this.#look(), POLL_MS)
  }

  /** Hands out what there still is, and ends. */
  close(): void {
    if (this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
    this.#read()
    closeSync(this.#fd)
  }

  #look(): void {
    const { silentAfterS, onSilent } = this.#options
    const nowMs = performance.now()
    this.#heardMs += Math.max(0, nowMs - this.#lookedMs - STILL_MS)
    this.#lookedMs = nowMs
    if (this.#read()) this.#heardMs = nowMs
    else if (nowMs - this.#heardMs > silentAfterS * 1000) {
      this.#heardMs = Number.POSITIVE_INFINITY
      onSilent()
    }
  }

  /** Whether there was anything. */
  #read(): boolean {
    const before = this.#offset
    for (;;) {
      const count = readSync(this.#fd, this.#piece, 0, PIECE_BYTES, this.#offset)
      if (count === 0) return this.#offset > before
      this.#offset += count
      const lines = (this.#rest + this.#decoder.write(this.#piece.subarray(0, count))).split(/\r?\n/)
      this.#rest = lines.pop() ?? ''
      for (const line of lines) this.#options.onLine(line)
    }
  }
}
