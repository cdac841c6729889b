// A log of somebody else's program, of which no more is kept than a run folder bears: whoever writes megabytes a second
// would fill the disk within hours. Pure but for the time.

/** What comes at once, a start or a stack, is kept whole. */
const ROOM_BYTES = 16 * 1024 * 1024
/** And from then on: 42 MiB in 12 hours. */
const ROOM_BYTES_PER_S = 1024
/** After a gap, so that what follows it is more than a line. */
const ROOM_AGAIN_BYTES = 64 * 1024

export interface KeptLogOptions {
  readonly nowS: () => number
  readonly write: (line: string) => void
}

export class KeptLog {
  readonly #options: KeptLogOptions
  #room = ROOM_BYTES
  #lookedS: number
  #left = { lines: 0, bytes: 0 }

  constructor(options: KeptLogOptions) {
    this.#options = options
    this.#lookedS = options.nowS()
  }

  add(line: string): void {
    const { nowS, write } = this.#options
    const now = nowS()
    this.#room = Math.min(ROOM_BYTES, this.#room + (now - this.#lookedS) * ROOM_BYTES_PER_S)
    this.#lookedS = now
    const bytes = line.length + 1
    if (this.#room < bytes + (this.#left.lines === 0 ? 0 : ROOM_AGAIN_BYTES)) {
      if (this.#left.lines === 0) write('(it writes more than is kept: lines are left out here)')
      this.#left.lines += 1
      this.#left.bytes += bytes
      return
    }
    this.tellLeftOut()
    this.#room -= bytes
    write(line)
  }

  /** At the end, and before what comes after a gap. */
  tellLeftOut(): void {
    const { lines, bytes } = this.#left
    if (lines > 0) this.#options.write(`(${lines} lines, ${bytes} bytes, were left out)`)
    this.#left = { lines: 0, bytes: 0 }
  }
}
