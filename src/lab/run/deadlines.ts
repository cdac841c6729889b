// What the level of a run's hosts means for its deadlines.

import type { Level } from '../../config/types.ts'
import type { Plan } from '../../plan.ts'

/** Emulated processors are this much slower, so deadlines grow with the level. */
export const DEADLINE_SCALE: Readonly<Record<Level, number>> = { host: 1, kvm: 1, tcg: 8 }

/** How long a run may take to give everything back, in s. */
export function teardownLimitS({
  plan,
  level,
}: {
  readonly plan: Pick<Plan, 'scenario'>
  readonly level: Level
}): number {
  return plan.scenario.run.teardownDeadlineS * DEADLINE_SCALE[level]
}
