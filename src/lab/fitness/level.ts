// Where the hosts of a run are to live: on this machine or in microVMs, and what runs those. Decided before anything is
// made, and told.

import { availableParallelism } from 'node:os'
import { NslabError } from '../../base/errors.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import type { Level, Scenario } from '../../config/types.ts'
import { type AcceleratorChoice, chooseAccelerator, kvmOfThisMachine } from '../../vm/accelerator.ts'
import { deviceRefusal } from '../../vm/kvm-probe.ts'
import { findQemu, QEMU_REMEDY } from '../../vm/qemu-program.ts'

export interface LevelChoice {
  readonly level: Level
  /** What runs the VMs; null on this machine itself. */
  readonly vms: AcceleratorChoice | null
  /** What the user must be told, loudly. */
  readonly notes: readonly string[]
}

/** Installs QEMU, after saying so; throws NOT_FIT with the command where this process may not. */
export type InstallQemu = () => Promise<void>

/** Throws NOT_FIT where microVMs were asked for and can't be had. */
export async function chooseLevel(scenario: Scenario, installQemu: InstallQemu): Promise<LevelChoice> {
  const choice = await choose(scenario, installQemu)
  if (choice.level === 'host') refuseKernel(scenario, choice.notes)
  return { ...choice, notes: [...choice.notes, ...sizeNotes(scenario, choice.level, availableParallelism())] }
}

/** Throws USAGE where a run asks for a kernel and for no VM. */
export function refuseKernelOnHost({ hosts: { kernel, on } }: Scenario): void {
  if (kernel === undefined || on !== 'host') return
  throw new NslabError('USAGE', {
    problem: `hosts.kernel = "${kernel}" is a VM's, and the run is to be on this machine itself (hosts.on = "host")`,
    hint: 'Leave --kernel out, or run in microVMs: --on vm.',
  })
}

/** A run that was to be on a certain kernel says nothing of it on this machine's. */
function refuseKernel(scenario: Scenario, notes: readonly string[]): void {
  const { kernel } = scenario.hosts
  if (kernel === undefined) return
  refuseKernelOnHost(scenario)
  throw new NslabError('NOT_FIT', {
    problems: [
      `a kernel was asked for (hosts.kernel = "${kernel}"), and ${notes.join('; ')}`,
      'emulated it works: --on vm',
    ],
  })
}

/** Keys of [hosts] that are about microVMs. */
const VM_KEYS: ReadonlySet<string> = new Set([
  'accel',
  'memory_mib',
  'vcpus',
  'tcg_buffer_mib',
  'network',
  'cold',
  'image',
  'kernel',
])

/** What somebody wrote of microVMs that this run has no use for, or that this machine has no processors for. */
export function sizeNotes({ hosts }: Pick<Scenario, 'hosts'>, level: Level, cpus: number): string[] {
  const alone = hosts.count === 1 && hosts.given.includes('mtu')
  const notes = alone ? ['hosts.mtu has no effect with one host: there is no network between hosts'] : []
  if (level === 'host') {
    const idle = hosts.given.filter(key => VM_KEYS.has(key)).map(key => `hosts.${key}`)
    const have = idle.length === 1 ? 'has' : 'have'
    if (idle.length > 0) notes.push(`${idle.join(', ')} ${have} no effect on this machine itself: see hosts.on`)
    return notes
  }
  if (hosts.vcpus <= cpus) return notes
  return [
    ...notes,
    `hosts.vcpus = ${hosts.vcpus} is more than this machine's ${cpus}: a VM's processors wait for each other`,
  ]
}

async function choose(scenario: Scenario, installQemu: InstallQemu): Promise<LevelChoice> {
  const { on, accel } = scenario.hosts
  const { deterministic } = scenario.run
  if (on === 'host') return { level: 'host', vms: null, notes: [] }
  if (on === 'vm' || deterministic || accel === 'kvm') {
    if ((await findQemu()) === null) await installQemu()
    const vms = await chooseAccelerator(deterministic ? 'tcg' : accel)
    return { level: vms.accelerator, vms, notes: vms.notice === null ? [] : [vms.notice] }
  }
  const obstacle = await obstacleToKvm(installQemu)
  if (obstacle === null) {
    // Who asked for emulation gets it, also where KVM works.
    const vms = await chooseAccelerator(accel)
    return { level: vms.accelerator, vms, notes: [] }
  }
  const note = `runs on this machine itself, not in a microVM (hosts.on = "auto"): ${obstacle}`
  return { level: 'host', vms: null, notes: [note] }
}

/** Why KVM can't be had, in a clause; null where it works. QEMU is only installed where it could be of use. */
async function obstacleToKvm(installQemu: InstallQemu): Promise<string | null> {
  const refusal = deviceRefusal('/dev/kvm')
  if (refusal !== null) return refusal.reason
  if ((await findQemu()) === null) {
    if (!hasVirtualisation()) return 'this processor shows no virtualisation (neither vmx nor svm)'
    try {
      await installQemu()
    } catch (error) {
      if (error instanceof NslabError) return `KVM may work, but QEMU is missing. ${QEMU_REMEDY}`
      throw error
    }
  }
  const probe = await kvmOfThisMachine()
  return probe.works ? null : probe.reason
}

/** No proof that KVM works, but without it there is nothing to try. */
const hasVirtualisation = (): boolean => /^flags\s*:.*\b(vmx|svm)\b/m.test(readOrNull('/proc/cpuinfo') ?? '')
