// Lines of which there may be any number: the first are told one by one, of those that follow the last from time to
// time, with how many there were.

export type Count = { readonly count?: number }

export class ToldLines<Line> {
  readonly #most: number
  readonly #tell: (last: Line, count: Count) => void
  #told = 0
  #more = 0
  #last: Line | null = null

  /** `most`: how many are told at once, each alone. */
  constructor(most: number, tell: (last: Line, count: Count) => void) {
    this.#most = most
    this.#tell = tell
  }

  /** All, told or not. */
  get count(): number {
    return this.#told + this.#more
  }

  add(line: Line): void {
    this.#more += 1
    this.#last = line
    if (this.#told < this.#most) this.tell()
  }

  /** Those that were not told yet. */
  tell(): void {
    if (this.#more === 0) return
    this.#tell(this.#last as Line, this.#more === 1 ? {} : { count: this.#more })
    this.#told += this.#more
    this.#more = 0
  }
}
