// Work for many, a little in each turn of the event loop: keep-alives, joins and whatever else comes go on between.

import type { Clock } from '../../base/clock.ts'

export interface TurnsOptions<Item> {
  readonly clock: Pick<Clock, 'nowNs'>
  /** The longest that one turn may take, ms; one item's work is never cut. */
  readonly turnMs: number
  /** Null: done. Rejects never. */
  readonly work: (item: Item) => Promise<unknown> | null
  /** Nothing waits, and all that was begun is done. */
  readonly onIdle?: () => void
}

export class Turns<Item> {
  readonly #options: TurnsOptions<Item>
  readonly #waiting = new Set<Item>()
  #begun = 0
  #next: NodeJS.Immediate | null = null

  constructor(options: TurnsOptions<Item>) {
    this.#options = options
  }

  /** One that waits already waits no longer for it. */
  add(item: Item): void {
    this.#waiting.add(item)
    this.#next ??= setImmediate(() => this.#turn())
  }

  /** Rests once what there is has been done, be it nothing. */
  wake(): void {
    this.#next ??= setImmediate(() => this.#turn())
  }

  delete(item: Item): void {
    this.#waiting.delete(item)
  }

  /** What waits is forgotten. */
  clear(): void {
    this.#waiting.clear()
    if (this.#next !== null) clearImmediate(this.#next)
    this.#next = null
  }

  #turn(): void {
    this.#next = null
    const { clock, turnMs, work } = this.#options
    const until = clock.nowNs() + BigInt(turnMs) * 1_000_000n
    for (const item of this.#waiting) {
      this.#waiting.delete(item)
      const done = work(item)
      if (done !== null) {
        this.#begun++
        done.then(() => {
          this.#begun--
          this.#restIfIdle()
        })
      }
      if (clock.nowNs() > until) break
    }
    if (this.#waiting.size > 0) this.#next ??= setImmediate(() => this.#turn())
    this.#restIfIdle()
  }

  #restIfIdle(): void {
    if (this.#begun === 0 && this.#waiting.size === 0) this.#options.onIdle?.()
  }
}
