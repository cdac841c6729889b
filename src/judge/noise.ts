// How much the machine's memory moved while the run only held: the witness for memory figures, which others disturb.

import { readPhases } from './phases.ts'
import type { History } from './types.ts'

/** Fewer samples than this show a range only by luck. */
const SAMPLES_MIN = 3

/** Half the range, in bytes, of memory in use during phase hold; null where too few samples were taken in it. */
export function heldMemoryNoise(history: History): number | null {
  const hold = readPhases(history.events).phases.find(phase => phase.name === 'hold')
  if (!hold) return null
  const used = history.samples
    .filter(sample => sample.t_s >= hold.start_s && sample.t_s <= hold.start_s + hold.duration_s)
    .map(sample => sample.memory_total_bytes - sample.memory_available_bytes)
  if (used.length < SAMPLES_MIN) return null
  return (used.reduce((x, y) => Math.max(x, y)) - used.reduce((x, y) => Math.min(x, y))) / 2
}
