// Where the hosts of a run are to live: on this machine or in microVMs, and what runs those. Decided before anything is
// made, and told.

import { NslabError } from '../base/errors.ts'
import type { Level, Scenario } from '../config/types.ts'
import { type AcceleratorChoice, chooseAccelerator, kvmOfThisMachine } from '../vm/accelerator.ts'
import { deviceRefusal } from '../vm/kvm-probe.ts'
import { findQemu, QEMU_REMEDY } from '../vm/qemu-program.ts'
import { readOrNull } from './proc.ts'

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
