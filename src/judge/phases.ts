// The phases of a run, from their start and end events.

import type { RunEvent } from '../protocol/events.ts'
import { inOrder } from './timeline.ts'
import type { Report } from './types.ts'
import { toNanosecond } from './units.ts'

export interface Phases {
  readonly phases: Report['phases']
  /**
   * Phases that began and never ended; they are counted up to the last event. The last one is where the run stopped.
   */
  readonly open: readonly string[]
}

export function readPhases(events: readonly RunEvent[]): Phases {
  const ordered = inOrder(events)
  const endS = ordered.at(-1)?.t_s ?? 0
  const found: { name: string; startS: number; endS: number | null }[] = []
  for (const event of ordered) {
    if (event.kind === 'phase_started') found.push({ name: event.phase, startS: event.t_s, endS: null })
    if (event.kind !== 'phase_ended') continue
    const open = found.findLast(phase => phase.name === event.phase && phase.endS === null)
    if (open) open.endS = event.t_s
  }
  return {
    phases: found.map(p => ({
      name: p.name,
      start_s: p.startS,
      duration_s: toNanosecond((p.endS ?? endS) - p.startS),
    })),
    open: found.filter(phase => phase.endS === null).map(phase => phase.name),
  }
}
