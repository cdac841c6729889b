// How much the machine's memory moved while the run only held: the witness for memory figures, which others disturb.

import type { Sample } from '../protocol/sample.ts'
import { readPhases } from './phases.ts'
import { siteOf } from './process-metrics.ts'
import type { History } from './types.ts'

/** Fewer samples than this show a range only by luck. */
const SAMPLES_MIN = 3

/**
 * Half the range, in bytes, of memory in use during phase hold, of the kernels that nodes are on together; null where
 * too few samples were taken in it.
 */
export function heldMemoryNoise(history: History): number | null {
  const hold = readPhases(history.events).phases.find(phase => phase.name === 'hold')
  if (!hold) return null
  const held = history.samples.filter(
    sample => sample.t_s >= hold.start_s && sample.t_s <= hold.start_s + hold.duration_s,
  )
  const sites = new Set(held.map(siteOf))
  // Beside guests, this machine is not what was measured.
  if (sites.size > 1) sites.delete('local')
  const noises = [...sites].map(site => halfRange(held.filter(sample => siteOf(sample) === site)))
  return noises.length === 0 || noises.includes(null)
    ? null
    : noises.reduce<number>((sum, noise) => sum + (noise ?? 0), 0)
}

function halfRange(samples: readonly Sample[]): number | null {
  if (samples.length < SAMPLES_MIN) return null
  const used = samples.map(sample => sample.memory_total_bytes - sample.memory_available_bytes)
  return (used.reduce((x, y) => Math.max(x, y)) - used.reduce((x, y) => Math.min(x, y))) / 2
}
