// A VM of a run that answers, and what is known of it: what it costs, how people enter it, how it is kept.

import { readOrNull } from '../../base/read-or-null.ts'
import type { HostPlan, Plan } from '../../plan.ts'
import type { Guest } from '../../vm/guest.ts'
import { execInGuest } from '../../vm/guest-files.ts'
import type { VmSegment } from '../../vm/segment-types.ts'
import type { RunningVm } from '../../vm/spec.ts'
import { KeptVms } from '../keep/vms.ts'
import { parseMeminfo, parseSmaps } from '../proc/proc.ts'
import type { RunContext } from '../run/context.ts'
import { teardownLimitS } from '../run/deadlines.ts'
import type { LabVm } from '../visit/lab.ts'
import type { VmSite } from './site.ts'

export interface Machine {
  readonly host: HostPlan
  readonly vm: RunningVm
  readonly guest: Guest
  readonly site: VmSite
  readonly how: 'booted' | 'restored'
  /** When it answered, ISO 8601. */
  readonly since: string
}

/** What one QEMU costs this machine, in bytes; NaN, which the judge takes for unknown, where that can't be read. */
export interface MemoryCosts {
  /**
   * Beyond what its guest uses: proportional memory less (MemTotal − MemFree). What a restored guest has not touched
   * since is in no process' memory, so that it costs less than one that booted.
   */
  readonly overheadBytes: number
  /** Outside its guest's memory, however that came to be: translated code, heap, programs, the kernel's file. */
  readonly emulatorBytes: number
}

export async function memoryCosts(of: {
  readonly vm: Pick<RunningVm, 'pid' | 'spec'>
  readonly guest: Pick<Guest, 'channel'>
}): Promise<MemoryCosts> {
  const { vm, guest } = of
  const { stdout } = await execInGuest(guest.channel, ['cat', '/proc/meminfo'])
  const { MemTotal = 0, MemFree = 0 } = parseMeminfo(stdout.toString('utf8'))
  const areas = parseSmaps(readOrNull(`/proc/${vm.pid}/smaps`) ?? '')
  const ramBytes = vm.spec.memoryMib * 2 ** 20
  // Nothing else of QEMU's is as large; a neighbour of the same kind may have become one with it.
  const ram = areas.filter(({ sizeBytes }) => sizeBytes >= ramBytes).sort((a, b) => a.sizeBytes - b.sizeBytes)[0]
  if (ram === undefined) return { overheadBytes: Number.NaN, emulatorBytes: Number.NaN }
  const allBytes = areas.reduce((sum, { pssBytes }) => sum + pssBytes, 0)
  return { overheadBytes: Math.max(0, allBytes - (MemTotal - MemFree)), emulatorBytes: allBytes - ram.pssBytes }
}

/** The most of several VMs, as metrics. */
export const mostOf = (costs: readonly MemoryCosts[]): Readonly<Record<string, number>> => ({
  vm_overhead_bytes: Math.max(...costs.map(({ overheadBytes }) => overheadBytes)),
  vm_emulator_bytes: Math.max(...costs.map(({ emulatorBytes }) => emulatorBytes)),
})

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
