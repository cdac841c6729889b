// A seeded pseudo-random number generator for plans and tests. Not for secrets.

/**
 * xoshiro128**, seeded through splitmix32. Source: Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators".
 */
export class Random {
  #s0: number
  #s1: number
  #s2: number
  #s3: number

  /** `seed`: any integer; equal seeds give equal sequences. */
  constructor(seed: number) {
    let state = seed >>> 0
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) >>> 0
    }
    this.#s0 = next()
    this.#s1 = next()
    this.#s2 = next()
    this.#s3 = next() | 1
  }

  /** A uniform 32-bit unsigned integer. */
  uint32(): number {
    const product = Math.imul(this.#s1, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = this.#s1 << 9
    this.#s2 ^= this.#s0
    this.#s3 ^= this.#s1
    this.#s1 ^= this.#s2
    this.#s0 ^= this.#s3
    this.#s2 ^= shifted
    this.#s3 = (this.#s3 << 11) | (this.#s3 >>> 21)
    return result
  }

  /** A uniform number in [0, 1). */
  float(): number {
    return this.uint32() / 0x1_0000_0000
  }

  /** A uniform integer in [0, bound); `bound` from 1 to 2^32. */
  below(bound: number): number {
    return Math.floor(this.float() * bound)
  }
}
