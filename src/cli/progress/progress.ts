// Draws a run's progress on standard error: a bar on a terminal, a line a phase (and every few seconds) elsewhere. A
// soak has its figures in the bar, or in a heartbeat line each minute, which comes also when nothing is heard of it.

import { Presets, SingleBar } from 'cli-progress'
import type { Progress } from '../../lab/run/progress.ts'
import { pulseLine, silence } from './pulse-line.ts'

const REDRAW_MS = 100
const LINE_EVERY_MS = 5000
const HEARTBEAT_MS = 60_000
/** A soak as short as this says something as often as any other run. */
const SHORT_S = 120
const CHECK_MS = 1000

export interface ProgressView {
  update(progress: Progress): void
  /** A line that stays, above the bar. */
  note(line: string): void
  end(): void
}

function describe(progress: Progress): string {
  if (progress.pulse !== undefined) return pulseLine(progress, progress.pulse)
  if (progress.total === 0) return progress.phase
  const rate = progress.ratePerS > 0 ? `, ${progress.ratePerS.toFixed(0)}/s` : ''
  const left = progress.remainingS === null ? '' : `, ${progress.remainingS.toFixed(1)} s left`
  return `${progress.phase}: ${progress.done} of ${progress.total} ${progress.what}${rate}${left}`
}

/** What a view needs of the world. */
export interface Surroundings {
  readonly nowMs: () => number
  readonly write: (text: string) => void
}

const here: Surroundings = {
  nowMs: () => performance.now(),
  write: text => {
    process.stderr.write(text)
  },
}

/** Lines, for where there is no terminal. */
export class LineView implements ProgressView {
  readonly #around: Surroundings
  #last: Progress | null = null
  #heardMs = 0
  #printedMs = 0
  #timer: NodeJS.Timeout | null = null

  constructor(around: Surroundings = here) {
    this.#around = around
  }

  update(progress: Progress): void {
    const isNew = progress.phase !== this.#last?.phase
    // A phase says that it begins, and then, at its first figures, what they are.
    const isFirst = progress.pulse !== undefined && this.#last?.pulse === undefined
    this.#last = progress
    this.#heardMs = this.#around.nowMs()
    if (progress.pulse !== undefined) this.#watch()
    if (isNew || isFirst) this.#print()
    else this.check()
  }

  note(line: string): void {
    this.#around.write(`${line}\n`)
  }

  end(): void {
    clearInterval(this.#timer ?? undefined)
    this.#timer = null
  }

  /** Prints where that is due, whether or not anything was heard. */
  check(): void {
    const { pulse } = this.#last ?? {}
    const isLong = pulse !== undefined && (pulse.durationS ?? 0) > SHORT_S
    const everyMs = isLong ? HEARTBEAT_MS : LINE_EVERY_MS
    if (this.#last !== null && this.#around.nowMs() - this.#printedMs >= everyMs) this.#print()
  }

  #print(): void {
    if (this.#last === null) return
    this.#printedMs = this.#around.nowMs()
    const words = this.#last.pulse === undefined ? '' : silence((this.#printedMs - this.#heardMs) / 1000)
    this.#around.write(`nslab: ${describe(this.#last)}${words}\n`)
  }

  #watch(): void {
    this.#timer ??= setInterval(() => this.check(), CHECK_MS).unref()
  }
}

class BarView implements ProgressView {
  #bar: SingleBar | null = null
  #drawnMs = 0
  #last: Progress | null = null

  update(progress: Progress): void {
    const nowMs = performance.now()
    const same = progress.phase === this.#last?.phase
    this.#last = progress
    if (same && nowMs - this.#drawnMs < REDRAW_MS && progress.done < progress.total) return
    this.#drawnMs = nowMs
    this.#bar ??= this.#start()
    this.#bar.setTotal(Math.max(1, progress.total))
    this.#bar.update(progress.done, { text: describe(progress) })
  }

  note(line: string): void {
    this.end()
    process.stderr.write(`${line}\n`)
  }

  end(): void {
    this.#bar?.stop()
    this.#bar = null
  }

  #start(): SingleBar {
    const bar = new SingleBar(
      { format: ' {bar} {text}', hideCursor: true, clearOnComplete: true, barsize: 24, stream: process.stderr },
      Presets.shades_grey,
    )
    bar.start(1, 0, { text: '' })
    return bar
  }
}

export function openProgressView(): ProgressView {
  return process.stderr.isTTY ? new BarView() : new LineView()
}
