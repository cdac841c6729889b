// All hosts on this machine: a fabric root each, joined by a segment of their own where there are several.

import type { Ground } from './ground.ts'
import type { LocalSite } from './local-site.ts'
import type { HostPlan } from './plan-types.ts'
import type { Site } from './site.ts'

export class LocalGround implements Ground {
  readonly level = 'host'
  readonly accelerator = 'none'
  readonly #local: LocalSite

  constructor(local: LocalSite) {
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

  setCut(host: HostPlan, isCut: boolean): Promise<void> {
    return this.#local.setCut(host.name, isCut)
  }

  async close(_deadlineS: number): Promise<readonly string[]> {
    return []
  }
}
