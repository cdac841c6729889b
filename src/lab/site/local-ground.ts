// All hosts on this machine: a fabric root each, joined by a segment of their own where there are several.

import type { HostPlan } from '../../plan.ts'
import type { Ground, HostConditions } from './ground.ts'
import type { LocalSite } from './local-site.ts'
import type { Site } from './site.ts'

/** What the machine that this process is on counts as. */
export type Here = Pick<Ground, 'level' | 'accelerator'>

const THIS_MACHINE: Here = { level: 'host', accelerator: 'none' }

export class LocalGround implements Ground {
  readonly level: Ground['level']
  readonly accelerator: string
  readonly isHere = true
  readonly guests = {}
  readonly vms = []
  readonly labVms = []
  readonly #local: LocalSite

  constructor(local: LocalSite, here = THIS_MACHINE) {
    this.level = here.level
    this.accelerator = here.accelerator
    this.#local = local
  }

  get sites(): readonly Site[] {
    return [this.#local]
  }

  async open(): Promise<void> {}

  siteOf(_host: HostPlan): Site {
    return this.#local
  }

  async facts(): Promise<Readonly<Record<string, number>>> {
    return {}
  }

  /** Its programs were killed; with its root the kernel removes all else. */
  kill(host: HostPlan): Promise<void> {
    return this.#local.closeRoot(host.name)
  }

  async revive(_host: HostPlan): Promise<void> {}

  /** requireFeasible() has refused it before. */
  async reboot(host: HostPlan): Promise<void> {
    throw new Error(`${host.name} is this machine`)
  }

  async setConditions(host: HostPlan, conditions: HostConditions | null): Promise<void> {
    const { cut = false } = conditions ?? {}
    await this.#local.setCut(host.name, cut)
  }

  async frames(_host: HostPlan): Promise<null> {
    return null
  }

  hurry(): void {}

  async keep(): Promise<null> {
    return null
  }

  async close(_deadlineS: number): Promise<readonly string[]> {
    return []
  }
}
