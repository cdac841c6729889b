// Lines on their way to `nslab run`: many to a message, since a message costs more than a line, in a guest above all.

/** Of one message; a namespace with its sockets is some 2 kB. */
const LINES_A_MESSAGE = 200
const LINGER_MS = 100

export class Outbox<Line> {
  readonly #send: (lines: readonly Line[]) => void
  #waiting: Line[] = []
  #timer: NodeJS.Timeout | null = null

  constructor(send: (lines: readonly Line[]) => void) {
    this.#send = send
  }

  add(line: Line): void {
    this.#waiting.push(line)
    if (this.#waiting.length >= LINES_A_MESSAGE) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), LINGER_MS)
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const lines = this.#waiting
    if (lines.length === 0) return
    this.#waiting = []
    this.#send(lines)
  }
}
