// The barrier: who of the plan is connected, and whose links are all up. Pure: ids in, moments out.
// Both sets shrink when a node leaves and grow when it comes back; a moment happens each time its set becomes full.

export interface Missing {
  readonly notConnected: readonly number[]
  /** Connected, but not all links up. */
  readonly notReady: readonly number[]
}

/** `expectedCount` ids, 1 to expectedCount; 0 means the plan does not say, and no moment ever happens. */
export class Barrier {
  readonly expectedCount: number
  readonly #connected = new Set<number>()
  readonly #ready = new Set<number>()

  constructor(expectedCount: number) {
    if (!Number.isInteger(expectedCount) || expectedCount < 0) throw new RangeError(`expected count ${expectedCount}`)
    this.expectedCount = expectedCount
  }

  get connectedCount(): number {
    return this.#connected.size
  }

  get readyCount(): number {
    return this.#ready.size
  }

  get allConnected(): boolean {
    return this.expectedCount > 0 && this.#connected.size === this.expectedCount
  }

  get allWired(): boolean {
    return this.expectedCount > 0 && this.#ready.size === this.expectedCount
  }

  isReady(id: number): boolean {
    return this.#ready.has(id)
  }

  /** True when this id was the last one missing. */
  connect(id: number): boolean {
    this.#check(id)
    if (this.#connected.has(id)) throw new Error(`node ${id} is connected already`)
    this.#connected.add(id)
    return this.allConnected
  }

  /** True when the ready set is full now and was not before. */
  ready(id: number): boolean {
    if (!this.#connected.has(id)) throw new Error(`node ${id} is ready and not connected`)
    if (this.#ready.has(id)) return false
    this.#ready.add(id)
    return this.allWired
  }

  /** A link of the node went down. */
  notReady(id: number): void {
    this.#ready.delete(id)
  }

  leave(id: number): void {
    this.#connected.delete(id)
    this.#ready.delete(id)
  }

  /** Ids in rising order. Without an expected count only `notReady` can be known. */
  missing(): Missing {
    const notConnected: number[] = []
    for (let id = 1; id <= this.expectedCount; id++) if (!this.#connected.has(id)) notConnected.push(id)
    const notReady = [...this.#connected].filter(id => !this.#ready.has(id)).sort((a, b) => a - b)
    return { notConnected, notReady }
  }

  #check(id: number): void {
    if (!Number.isInteger(id) || id < 1 || (this.expectedCount > 0 && id > this.expectedCount)) {
      throw new RangeError(`node id ${id} of ${this.expectedCount}`)
    }
  }
}
