// The guest images of a run on another machine: those that Nix has, or builds, here. They are copied along, so that the
// VMs there are the flake's.

import type { Scenario } from '../../config/types.ts'
import { realiseImage } from '../../vm/image/find.ts'
import { makePlan } from '../plan/plan.ts'
import { CHURN_IMAGE, roleOf } from '../vm/load.ts'

export interface CarriedImage {
  /** In a folder of images: role, or role and kernel. */
  readonly name: string
  /** In the Nix store. */
  readonly path: string
}

export interface CarryOptions {
  /** Whether the other machine has a /dev/kvm for us: without it a run that may choose is in no VM. */
  readonly hasKvm: boolean
  readonly onStep: (step: string) => void
  readonly signal: AbortSignal
}

/**
 * None where the run boots no VM, names its own image, is deterministic (which needs another kind), or where this nslab
 * knows of none. Throws IMAGE_UNFIT where Nix can't make one.
 */
export async function imagesToCarry(scenario: Scenario, options: CarryOptions): Promise<readonly CarriedImage[]> {
  const { on, accel, image, kernel } = scenario.hosts
  const inVms = on === 'vm' || (on === 'auto' && (accel === 'kvm' || options.hasKvm))
  if (!inVms || image !== undefined || scenario.run.deterministic) return []
  const plan = makePlan(scenario)
  const called = scenario.soak === undefined ? undefined : CHURN_IMAGE
  const carried: CarriedImage[] = []
  const { onStep, signal } = options
  for (const role of new Set(plan.hosts.map(host => roleOf(plan, host)))) {
    const found = await realiseImage(role, { kernel, called, onStep, signal })
    if (found !== null) carried.push(found)
  }
  return carried
}
