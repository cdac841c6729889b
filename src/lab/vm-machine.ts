// A VM of a run that answers, and what is known of it: what it costs, how people enter it, how it is kept.

import type { Guest } from '../vm/guest.ts'
import { execInGuest } from '../vm/guest-files.ts'
import type { VmSegment } from '../vm/segment-types.ts'
import type { RunningVm } from '../vm/spec.ts'
import type { RunContext } from './context.ts'
import { KeptVms } from './keep-vms.ts'
import type { LabVm } from './lab-socket.ts'
import { teardownLimitS } from './levels.ts'
import type { HostPlan, Plan } from './plan-types.ts'
import { parseMeminfo, parseSmapsRollupPss, readOrNull } from './proc.ts'
import type { VmSite } from './vm-site.ts'

export interface Machine {
  readonly host: HostPlan
  readonly vm: RunningVm
  readonly guest: Guest
  readonly site: VmSite
  readonly how: 'booted' | 'restored'
  /** When it answered, ISO 8601. */
  readonly since: string
}

/** What QEMU takes beyond what its guest uses: both as this machine's kernel and the guest's count it. */
export async function overheadBytes({ vm, guest }: Pick<Machine, 'vm' | 'guest'>): Promise<number> {
  const { stdout } = await execInGuest(guest.channel, ['cat', '/proc/meminfo'])
  const { MemTotal = 0, MemFree = 0 } = parseMeminfo(stdout.toString('utf8'))
  const rollup = readOrNull(`/proc/${vm.pid}/smaps_rollup`)
  // What could not be read is no zero: the judge takes it for unknown.
  if (rollup === null) return Number.NaN
  return Math.max(0, parseSmapsRollupPss(rollup) - (MemTotal - MemFree))
}

export function labVmOf({ host, vm, guest, how, since }: Machine, { fleets }: Plan, kept = false): LabVm {
  const { accelerator, memoryMib, vcpus } = vm.spec
  const fleet = kept || host.fleet === null ? undefined : fleets[host.fleet]
  const node_ids = fleet === undefined ? null : ([fleet.nodeIdOffset + 1, fleet.nodeIdOffset + fleet.nNodes] as const)
  const facts = { name: vm.name, host: host.name, pid: vm.pid, accelerator, memory_mib: memoryMib, vcpus, how }
  const { kernel } = guest.hello.versions
  return { facts: { ...facts, kernel, since, node_ids, kept }, channel: guest.channel, shell: vm.shell }
}

/** VMs that are the run's no more: no site of it, and not watched. They keep what joins them. */
export async function keepMachines(
  machines: readonly Machine[],
  context: RunContext,
  segment: VmSegment | null,
): Promise<KeptVms> {
  const { plan, runId } = context
  await Promise.all(machines.map(({ site }) => site.end()))
  for (const { guest } of machines) guest.clock.stop()
  return new KeptVms({
    vms: machines.map(machine => ({ vm: machine.vm, lab: labVmOf(machine, plan, true) })),
    segment,
    runId,
    deadlineS: teardownLimitS(context),
  })
}
