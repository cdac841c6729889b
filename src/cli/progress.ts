// Draws a run's progress on standard error: a bar on a terminal, a line a phase (and every few seconds) elsewhere.

import { Presets, SingleBar } from 'cli-progress'
import type { Progress } from '../lab/progress.ts'

const REDRAW_MS = 100
const LINE_EVERY_MS = 5000

export interface ProgressView {
  update(progress: Progress): void
  /** A line that stays, above the bar. */
  note(line: string): void
  end(): void
}

function describe(progress: Progress): string {
  if (progress.total === 0) return progress.phase
  const rate = progress.ratePerS > 0 ? `, ${progress.ratePerS.toFixed(0)}/s` : ''
  const left = progress.remainingS === null ? '' : `, ${progress.remainingS.toFixed(1)} s left`
  return `${progress.phase}: ${progress.done} of ${progress.total} ${progress.what}${rate}${left}`
}

class LineView implements ProgressView {
  #phase = ''
  #printedMs = 0

  update(progress: Progress): void {
    const nowMs = performance.now()
    if (progress.phase === this.#phase && nowMs - this.#printedMs < LINE_EVERY_MS) return
    this.#phase = progress.phase
    this.#printedMs = nowMs
    process.stderr.write(`nslab: ${describe(progress)}\n`)
  }

  note(line: string): void {
    process.stderr.write(`${line}\n`)
  }

  end(): void {}
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
