// What a host's VM must have for what the plan puts on it: the role of its image, and how much memory.

import { hasDatabase } from '../config/soak.ts'
import type { Image, ImageRole } from '../vm/image/types.ts'
import type { VmLoad } from '../vm/memory.ts'
import type { HostPlan, Plan } from './plan-types.ts'

/** What a soak's image is called among those that come with nslab. */
export const CHURN_IMAGE = 'churn'

/** Soak, churn and observer. */
const SOAK_PROGRAMS_COUNT = 3

/** Where a database is wanted, PostgreSQL's programs are. */
export function roleOf({ scenario }: Plan, { programs }: HostPlan): ImageRole {
  const { soak } = scenario
  if (soak !== undefined) return hasDatabase(soak) ? 'controller' : 'fleet'
  return programs.includes('controller') ? 'controller' : 'fleet'
}

export function loadOf({ fleets, scenario }: Plan, { vm, fleet, programs }: HostPlan, image: Image): VmLoad {
  const { soak } = scenario
  const imageMib = image.memory_min_mib
  const mayHaveDatabase = image.versions.postgres !== undefined
  if (soak !== undefined) {
    const database = mayHaveDatabase && hasDatabase(soak)
    return { vm, imageMib, nodes: soak.churn.namespaces, programs: SOAK_PROGRAMS_COUNT, hasDatabase: database }
  }
  return {
    vm,
    imageMib,
    nodes: fleet === null ? 0 : (fleets[fleet]?.nNodes ?? 0),
    programs: programs.length,
    hasDatabase: programs.includes('controller') && mayHaveDatabase,
  }
}
