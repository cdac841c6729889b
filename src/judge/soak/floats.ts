// Many numbers in little memory, and exact order statistics of them.

const FIRST_LENGTH = 1024

/** A list of numbers that grows by doubling: 8 bytes each, at most 16 while it grows. */
export class Floats {
  #values = new Float64Array(FIRST_LENGTH)
  #length = 0
  #sorted = true

  get length(): number {
    return this.#length
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(2 * this.#length)
      grown.set(this.#values)
      this.#values = grown
    }
    if (this.#length > 0 && value < (this.#values[this.#length - 1] as number)) this.#sorted = false
    this.#values[this.#length++] = value
  }

  /** The numbers in rising order: a view, valid until the next push. */
  sorted(): Float64Array {
    const view = this.#values.subarray(0, this.#length)
    if (!this.#sorted) view.sort()
    this.#sorted = true
    return view
  }

  /** The least number that at least `share` of all are not above (nearest rank); null of none. */
  quantile(share: number): number | null {
    if (this.#length === 0) return null
    const rank = Math.max(1, Math.ceil(share * this.#length - 1e-9))
    return this.sorted()[rank - 1] as number
  }

  /** The most; null of none. */
  most(): number | null {
    return this.quantile(1)
  }
}

/** The middle of a list, the mean of the two middle ones of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const half = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[half] as number
  return ((sorted[half - 1] as number) + (sorted[half] as number)) / 2
}
