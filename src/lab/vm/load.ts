// What a host's VM must have for what the plan puts on it: the role of its image, and how much memory. And what VMs
// take of the machine that has them.

import { hasDatabase } from '../../config/soak.ts'
import type { HostPlan, Plan } from '../../plan.ts'
import type { Image, ImageRole } from '../../vm/image/types.ts'
import type { VmLoad } from '../../vm/memory.ts'
import { type Needs, PROCESS_DESCRIPTORS } from '../plan/needs.ts'

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

/** Of `nslab run`, a VM: its channels, its cards and a few while it starts. */
const VM_DESCRIPTORS = 16
/** What QEMU takes beside its guest's memory, more than half of it translated code: 235 to 239 MB were measured. */
const QEMU_BYTES = 250e6
/** MiB of translated code in that. */
const QEMU_CODE_MIB = 128
/** Its main loop and the threads beside those of its processors: 4 to 8. */
const QEMU_TASKS = 16

/** What a run in VMs needs of this machine: guests have their own kernel's limits, and take their memory as a whole. */
export function needsOfVms({ needs, hosts, scenario }: Plan): Needs {
  const { memoryMib, vcpus, tcgBufferMib = 0 } = scenario.hosts
  const moreCodeMib = Math.max(0, tcgBufferMib - QEMU_CODE_MIB)
  return {
    descriptors_count: PROCESS_DESCRIPTORS + VM_DESCRIPTORS * hosts.length,
    neighbours_count: 0,
    namespaces_count: 1,
    memory_bytes: hosts.length * ((memoryMib + moreCodeMib) * 2 ** 20 + QEMU_BYTES),
    programs_count: 0,
    tasks_count: hosts.length * (vcpus + QEMU_TASKS),
    disk_bytes: needs.disk_bytes,
  }
}
