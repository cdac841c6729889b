// The end of a run's traffic: sources stop, what is under way arrives, and every fleet says what became of its packets.
// Meanwhile, while the run holds, their totals over time. Both are saved; whether they add up is judged from there.

import type { TrafficLine } from '../../judge/types.ts'
import type { RunContext } from '../run/context.ts'
import { DEADLINE_SCALE } from '../run/deadlines.ts'
import type { ProvingFleet } from '../run/proof.ts'
import type { LineWriter } from '../run-folder/disk.ts'
import { askForTraffic, isHeard, isSettled, runningIn, type TrafficAnswer, totalsOf } from './ask.ts'

/** Packets that are not there by then wait for somebody who does not take them, and are told as they are. */
const SETTLE_LIMIT_S = 5
/** A fleet that is well says what it has counted in some milliseconds, one of thousands of nodes in a second. */
const ANSWER_LIMIT_S = 30
/** Between questions: sources end by themselves within a quarter of a second. */
const PAUSE_FIRST_S = 0.05
const PAUSE_MOST_S = 0.5

const WATCH_INTERVAL_S = 1
/** Share of the time that may go into telling totals: what is measured is the fleets, not their telling. */
const WATCH_SHARE_MAX = 0.02

export class TrafficWatch {
  readonly #context: RunContext
  readonly #fleets: () => readonly ProvingFleet[]
  readonly #lines: LineWriter<TrafficLine>
  readonly #over = new AbortController()
  #timer: NodeJS.Timeout | undefined

  /** `fleets`: those that are there when they are asked. */
  constructor(context: RunContext, fleets: () => readonly ProvingFleet[]) {
    this.#context = context
    this.#fleets = fleets
    this.#lines = context.folder.addLines<TrafficLine>('traffic.ndjson')
  }

  /** Notes totals every second or so until drain() or end(). */
  begin(): void {
    this.#timer = setTimeout(() => void this.#look(), WATCH_INTERVAL_S * 1000)
  }

  /** Safe twice. */
  end(): void {
    this.#over.abort()
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    const startedS = this.#context.nowS()
    try {
      const over = this.#over.signal
      const question = { stopSources: false, limitS: this.#answerLimitS, over }
      const answer = await askForTraffic(this.#context, this.#fleets(), question)
      for (const fleet of answer.fleets)
        this.#lines.append({ t_s: answer.atS, ask: answer.ask, host: fleet.host, totals: totalsOf(fleet) })
    } catch {
      // A fleet that a fault has taken away does not answer; why the run ends, if it does, is told by others.
    }
    if (this.#over.signal.aborted) return
    const spentS = this.#context.nowS() - startedS
    const pauseS = Math.max(WATCH_INTERVAL_S, spentS / WATCH_SHARE_MAX)
    this.#timer = setTimeout(() => void this.#look(), pauseS * 1000)
  }

  /**
   * Notes which flows have not sent all, stops all sources and asks until nothing is under way any more, or for
   * SETTLE_LIMIT_S. Saves the last answer, also where the run is ended meanwhile. Throws DEADLINE where a fleet does
   * not answer.
   */
  async drain(): Promise<void> {
    this.end()
    const context = this.#context
    let last: TrafficAnswer | null = null
    try {
      last = await askForTraffic(context, this.#fleets(), { stopSources: false, limitS: this.#answerLimitS })
      for (const fleet of last.fleets)
        this.#lines.append({ t_s: last.atS, ask: last.ask, host: fleet.host, running: runningIn(fleet) })
      const endS = context.nowS() + SETTLE_LIMIT_S * DEADLINE_SCALE[context.level]
      for (let pauseS = PAUSE_FIRST_S; ; pauseS = Math.min(PAUSE_MOST_S, pauseS * 2)) {
        const startedS = context.nowS()
        last = await askForTraffic(context, this.#fleets(), { stopSources: true, limitS: this.#answerLimitS })
        const nowS = context.nowS()
        if ((isSettled(last) && isHeard(last)) || nowS >= endS) return
        await context.hold(Math.max(pauseS, nowS - startedS))
      }
    } finally {
      if (last !== null) this.#save(last)
    }
  }

  get #answerLimitS(): number {
    return ANSWER_LIMIT_S * DEADLINE_SCALE[this.#context.level]
  }

  #save({ ask, atS, fleets }: TrafficAnswer): void {
    for (const { host, parts } of fleets)
      for (const [index, part] of parts.entries())
        this.#lines.append({ t_s: atS, ask, host, more: index < parts.length - 1, part })
  }
}
