// How far a run is, in numbers: what the command line draws while it runs. No terminal knowledge here.

import type { PhaseName } from '../../protocol/events.ts'

export interface Progress {
  readonly phase: PhaseName
  /** Things done and wanted in this phase; 0 and 0 where a phase has no count. */
  readonly done: number
  readonly total: number
  /** What is counted, e.g. "nodes wired". */
  readonly what: string
  /** Over the phase so far; 0 until something was done. */
  readonly ratePerS: number
  /** At that rate; null when nothing can be said. */
  readonly remainingS: number | null
  /** Of a soak, about every second. */
  readonly pulse?: Pulse
}

/** A soak as it is now. */
export interface Pulse {
  /** Named as metrics are: namespaces_live_count, churn_ops_per_s, … */
  readonly figures: Readonly<Record<string, number>>
  readonly elapsedS: number
  /** How long it churns; null in the phases before and after, which take as long as they take. */
  readonly durationS: number | null
}

/** Progress of a phase that has taken `elapsedS` for `done` of `total`. */
export function progressOf(phase: PhaseName, what: string, done: number, total: number, elapsedS: number): Progress {
  const ratePerS = done > 0 && elapsedS > 0 ? done / elapsedS : 0
  return { phase, what, done, total, ratePerS, remainingS: ratePerS > 0 ? (total - done) / ratePerS : null }
}
