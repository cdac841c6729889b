// The guest's CLOCK_MONOTONIC on this machine's: the agent is asked for its time again and again, and a line is laid
// through the answers that took the least time. A guest's clock runs evenly, by a rate of its own, but for moments at
// which its VM was stopped: the line then begins anew.

import type { Clock } from '../base/clock.ts'

/** One question: when it left, what the guest said, when the answer was here. All in ns of the two clocks. */
export interface ClockReading {
  readonly askedNs: bigint
  readonly guestNs: bigint
  readonly answeredNs: bigint
}

/** Readings that the line is laid through: twenty seconds' worth, later a minute's. */
const POINTS_MAX = 20
/** A shorter line says nothing about the rate. */
const SPAN_MIN_NS = 1e9
/** Emulated guests were measured to run 0.15 % slow to 0.25 % fast. */
const RATE_ERROR_MAX = 0.005
/** A reading this far off the line, beyond its own error: the VM was stopped. Twice in a row, so that it was. */
const JUMP_NS = 2e6

/** The guest read its clock within `halfNs` of `hostNs`. Both count from the model's first reading. */
interface Point {
  readonly guestNs: number
  readonly hostNs: number
  readonly halfNs: number
}

interface Line {
  /** Host ns of a guest ns: hostNs + rate · (guestNs - this.guestNs). */
  readonly guestNs: number
  readonly hostNs: number
  readonly rate: number
}

/** A stretch of the guest's time in which its clock ran evenly. */
class Stretch {
  readonly points: Point[] = []
  /** When it began, by the guest's clock. */
  readonly sinceNs: number
  #line: Line = { guestNs: 0, hostNs: 0, rate: 1 }
  #bounds: readonly Bound[] = []

  constructor(sinceNs: number) {
    this.sinceNs = sinceNs
  }

  add(point: Point): void {
    this.points.push(point)
    if (this.points.length > POINTS_MAX) this.points.shift()
    this.#line = lineThrough(this.points)
    this.#bounds = this.points.map(({ guestNs, hostNs, halfNs }) => {
      return { guestNs, boundNs: halfNs + Math.abs(this.hostNs(guestNs) - hostNs) }
    })
  }

  hostNs(guestNs: number): number {
    const { guestNs: from, hostNs, rate } = this.#line
    return hostNs + rate * (guestNs - from)
  }

  guestNs(hostNs: number): number {
    const { guestNs, hostNs: from, rate } = this.#line
    return guestNs + (hostNs - from) / rate
  }

  /**
   * How far hostNs() may be off. The true line passes through every point's uncertainty, so what is known at two points
   * bounds it everywhere: between them by what it is at either, beyond them growing. The best pair counts; until there
   * is one, the best point, with what a guest's rate was seen to be.
   */
  errorNs(guestNs: number): number {
    let least = Number.POSITIVE_INFINITY
    for (const [index, late] of this.#bounds.entries()) {
      const fromLateNs = Math.abs(guestNs - late.guestNs)
      least = Math.min(least, late.boundNs + RATE_ERROR_MAX * fromLateNs)
      for (let before = 0; before < index; before++) {
        const early = this.#bounds[before] as Bound
        const spanNs = late.guestNs - early.guestNs
        const sum = fromLateNs * early.boundNs + Math.abs(guestNs - early.guestNs) * late.boundNs
        least = Math.min(least, sum / spanNs)
      }
    }
    return least
  }
}

/** How far off a point the line may be: the point's own uncertainty, and how far the line passes from its middle. */
interface Bound {
  readonly guestNs: number
  readonly boundNs: number
}

/** Least squares, each point weighted by how sure it is; through the surest alone while the span is short. */
function lineThrough(points: readonly Point[]): Line {
  const surest = points.reduce((best, point) => (point.halfNs < best.halfNs ? point : best))
  const spanNs = (points.at(-1) as Point).guestNs - (points[0] as Point).guestNs
  if (spanNs < SPAN_MIN_NS) return { ...surest, rate: 1 }
  let weights = 0
  let guest = 0
  let host = 0
  for (const { guestNs, hostNs, halfNs } of points) {
    const weight = weightOf(halfNs)
    weights += weight
    guest += weight * guestNs
    host += weight * hostNs
  }
  guest /= weights
  host /= weights
  let together = 0
  let alone = 0
  for (const { guestNs, hostNs, halfNs } of points) {
    const weight = weightOf(halfNs)
    together += weight * (guestNs - guest) * (hostNs - host)
    alone += weight * (guestNs - guest) ** 2
  }
  const rate = Math.min(1 + RATE_ERROR_MAX, Math.max(1 - RATE_ERROR_MAX, together / alone))
  return { guestNs: guest, hostNs: host, rate }
}

/** No reading is trusted to better than 10 µs: the two ways of a message are never equally long. */
const weightOf = (halfNs: number): number => 1 / (halfNs + 1e4) ** 2

/** What is known of a guest's clock from readings of it. */
export class ClockModel {
  readonly #stretches: Stretch[] = []
  #guestBase = 0n
  #hostBase = 0n
  #stray: Point | null = null

  /** Readings made at one moment: the fastest counts. */
  add(readings: readonly ClockReading[]): void {
    const fastest = readings.reduce<ClockReading | null>(
      (best, reading) => (best === null || tripNs(reading) < tripNs(best) ? reading : best),
      null,
    )
    if (fastest === null) return
    if (this.#stretches.length === 0) {
      this.#guestBase = fastest.guestNs
      this.#hostBase = fastest.askedNs
      this.#stretches.push(new Stretch(0))
    }
    const halfNs = tripNs(fastest) / 2
    const hostNs = Number(fastest.askedNs - this.#hostBase) + halfNs
    this.#place({ guestNs: Number(fastest.guestNs - this.#guestBase), hostNs, halfNs })
  }

  #place(point: Point): void {
    const stretch = this.#stretches.at(-1) as Stretch
    const offNs = Math.abs(stretch.hostNs(point.guestNs) - point.hostNs)
    const isStray = stretch.points.length > 0 && offNs > point.halfNs + stretch.errorNs(point.guestNs) + JUMP_NS
    if (!isStray) {
      this.#stray = null
      stretch.add(point)
      return
    }
    const first = this.#stray
    this.#stray = point
    if (first === null) return
    this.#stray = null
    const next = new Stretch(first.guestNs)
    next.add(first)
    next.add(point)
    this.#stretches.push(next)
  }

  get isKnown(): boolean {
    return this.#stretches.length > 0
  }

  /** Host ns at which the guest's clock showed `guestNs`. */
  hostNs(guestNs: bigint): bigint {
    const guest = Number(guestNs - this.#guestBase)
    return this.#hostBase + BigInt(Math.round(this.#stretchOf(guest).hostNs(guest)))
  }

  /** What the guest's clock showed, or will show, at `hostNs`, by the newest line. */
  guestNs(hostNs: bigint): bigint {
    const stretch = this.#stretches.at(-1) as Stretch
    return this.#guestBase + BigInt(Math.round(stretch.guestNs(Number(hostNs - this.#hostBase))))
  }

  /** How far off hostNs(guestNs) may be. */
  errorS(guestNs: bigint): number {
    const guest = Number(guestNs - this.#guestBase)
    return this.#stretchOf(guest).errorNs(guest) / 1e9
  }

  /** The newest stretch that had begun by then. */
  #stretchOf(guest: number): Stretch {
    for (let at = this.#stretches.length - 1; at > 0; at--) {
      const stretch = this.#stretches[at] as Stretch
      if (guest >= stretch.sinceNs) return stretch
    }
    return this.#stretches[0] as Stretch
  }
}

const tripNs = ({ askedNs, answeredNs }: ClockReading): number => Number(answeredNs - askedNs)

/** Questions of one measurement: the first wakes the guest, the next find it awake. */
const QUESTIONS = 3
/** The rate is not known yet: so many measurements are made four times as often. */
const EARLY_MEASUREMENTS = 8
/** The rate is well known by now: from here on measurements are made a third as often, which idle guests can afford. */
const LATE_MEASUREMENTS = 30

/** Keeps a model of one guest's clock up to date. */
export class GuestClock {
  readonly model = new ClockModel()
  readonly #ask: () => Promise<bigint>
  readonly #clock: Clock
  #timer: NodeJS.Timeout | null = null

  /** `ask` asks the guest for its CLOCK_MONOTONIC. */
  constructor(ask: () => Promise<bigint>, clock: Clock) {
    this.#ask = ask
    this.#clock = clock
  }

  /** Asks `times` times now. Rejects as `ask` does. */
  async measure(times = QUESTIONS): Promise<void> {
    const readings: ClockReading[] = []
    for (let count = 0; count < times; count++) {
      const askedNs = this.#clock.nowNs()
      const guestNs = await this.#ask()
      readings.push({ askedNs, guestNs, answeredNs: this.#clock.nowNs() })
    }
    this.model.add(readings)
  }

  /**
   * Measures about every `intervalS` from now on, at first more often; a guest that does not answer is left to others to
   * notice.
   */
  start(intervalS: number): void {
    this.stop()
    let count = 0
    const next = (): void => {
      count += 1
      const factor = count <= EARLY_MEASUREMENTS ? 1 / 4 : count <= LATE_MEASUREMENTS ? 1 : 3
      const timer = setTimeout(
        async () => {
          await this.measure().catch(() => {})
          if (this.#timer === timer) next()
        },
        factor * intervalS * 1000,
      ).unref()
      this.#timer = timer
    }
    next()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
