// What the level of a run's hosts means for its deadlines.

import type { Level } from '../config/types.ts'

/** Emulated processors are this much slower, so deadlines grow with the level. */
export const DEADLINE_SCALE: Readonly<Record<Level, number>> = { host: 1, kvm: 1, tcg: 8 }
