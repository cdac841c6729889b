// Lines of a churn put together, so that a line is not a message of its own: hundreds come a second.

import type { ChurnLine } from '../../protocol/churn.ts'

/** How long a line may wait for company. */
const LINGER_MS = 50
/** Lines and sockets of one message: some 100 bytes each, and a message has a limit of 16 MiB. */
const WEIGHT_MAX = 20_000

export class LineBatch {
  readonly #send: (lines: readonly ChurnLine[]) => void
  #lines: ChurnLine[] = []
  #weight = 0
  #timer: NodeJS.Timeout | null = null

  constructor(send: (lines: readonly ChurnLine[]) => void) {
    this.#send = send
  }

  add(lines: readonly ChurnLine[]): void {
    for (const line of lines) {
      this.#lines.push(line)
      this.#weight += line.is === 'made' ? 1 + line.sockets.length : 1
      if (this.#weight >= WEIGHT_MAX) this.flush()
    }
    if (this.#lines.length > 0) this.#timer ??= setTimeout(() => this.flush(), LINGER_MS)
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#lines.length === 0) return
    const lines = this.#lines
    this.#lines = []
    this.#weight = 0
    this.#send(lines)
  }
}
