// Values against time in bounded memory, whatever the length of the run: the extremes of each stretch are kept, and the
// stretches double when they become too many. For curves, and for finding when something first went beyond a limit.

export type Moment = readonly [t_s: number, value: number]

const STRETCHES_MAX = 1000
const FIRST_WIDTH_S = 0.05

interface Stretch {
  least: Moment
  most: Moment
}

/** Keeps the least and the most of each stretch of time: at most 2,000 moments. */
export class Extremes {
  #widthS = FIRST_WIDTH_S
  #stretches = new Map<number, Stretch>()

  add(timeS: number, value: number): void {
    const at = Math.floor(timeS / this.#widthS)
    const stretch = this.#stretches.get(at)
    const moment: Moment = [timeS, value]
    if (stretch) widen(stretch, moment)
    else this.#stretches.set(at, { least: moment, most: moment })
    while (this.#stretches.size > STRETCHES_MAX) this.#double()
  }

  /** In the order of their times, each once. */
  moments(): Moment[] {
    return [...this.#stretches.values()]
      .flatMap(({ least, most }) => (least === most ? [least] : [least, most]))
      .sort(([one], [other]) => one - other)
  }

  #double(): void {
    const before = this.#stretches
    this.#widthS *= 2
    this.#stretches = new Map()
    for (const [at, stretch] of before) {
      const into = this.#stretches.get(at >> 1)
      if (into === undefined) this.#stretches.set(at >> 1, stretch)
      else for (const moment of [stretch.least, stretch.most]) widen(into, moment)
    }
  }
}

/** Of equal values the earlier moment stays, in whatever order they come. */
function widen(stretch: Stretch, moment: Moment): void {
  const [timeS, value] = moment
  const { least, most } = stretch
  if (value < least[1] || (value === least[1] && timeS < least[0])) stretch.least = moment
  if (value > most[1] || (value === most[1] && timeS < most[0])) stretch.most = moment
}

/** How often something happened, against time, in at most 1,000 stretches. */
export class Rates {
  #widthS = FIRST_WIDTH_S
  #counts = new Map<number, number>()

  add(timeS: number): void {
    this.#count(Math.floor(timeS / this.#widthS), 1)
    while (this.#counts.size > STRETCHES_MAX) this.#double()
  }

  /**
   * Each stretch's middle and its rate (1/s), between the first event and the last. No stretch is shorter than asked.
   */
  moments(leastWidthS = 1): Moment[] {
    while (this.#widthS < leastWidthS) this.#double()
    while (this.#span() > STRETCHES_MAX) this.#double()
    const [first, last] = this.#ends()
    const moments: Moment[] = []
    for (let at = first; at <= last; at++)
      moments.push([(at + 0.5) * this.#widthS, (this.#counts.get(at) ?? 0) / this.#widthS])
    return moments
  }

  #count(at: number, count: number): void {
    this.#counts.set(at, (this.#counts.get(at) ?? 0) + count)
  }

  #ends(): [first: number, last: number] {
    let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const at of this.#counts.keys()) {
      first = Math.min(first, at)
      last = Math.max(last, at)
    }
    return [first, last]
  }

  #span(): number {
    const [first, last] = this.#ends()
    return last - first + 1
  }

  #double(): void {
    const before = this.#counts
    this.#widthS *= 2
    this.#counts = new Map()
    for (const [at, count] of before) this.#count(at >> 1, count)
  }
}
