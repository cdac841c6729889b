// Where the hosts of a run live: all on this machine, or each in a microVM of its own. What a run asks of a host goes
// to its site; what it asks of the sites themselves (to be there, to die, to be cut off) goes to the ground.

import type { Level } from '../../config/types.ts'
import type { HostPlan } from '../../plan.ts'
import type { KeptVms } from '../keep/vms.ts'
import type { LabVm } from '../visit/lab.ts'
import type { Site } from './site.ts'

export interface HostConditions {
  readonly cut?: boolean
  /** Share of frames lost. */
  readonly loss?: number
  readonly delayS?: number
  readonly jitterS?: number
}

/** Frames from a host and to it that its conditions took, and made wait, since it was first there. */
export interface HostFrames {
  readonly lost: number
  readonly delayed: number
}

/** What is known of a guest, for the environment record. */
export interface GuestFacts {
  readonly how: 'booted' | 'restored'
  readonly kernel: string
  readonly node: string
  readonly cpus_count: number
  readonly memory_bytes: number
  /** Digest of its image. */
  readonly image: string
  /** When the phases of its boot ended, in s of its own clock. */
  readonly boot: Readonly<Record<string, number>>
}

export interface Ground {
  readonly level: Level
  /** "none" on this machine itself, else what QEMU calls it. */
  readonly accelerator: string
  /** Makes every site; rejects when one of them can't be had, with what there is still to be closed. */
  open(): Promise<void>
  /** Where a host lives now; null: it is gone. */
  siteOf(host: HostPlan): Site | null
  /** Each site once. Those that are gone are left out. */
  readonly sites: readonly Site[]
  /** Whether all hosts are on the kernel that this process is on. */
  readonly isHere: boolean
  /** By VM; empty on this machine. */
  readonly guests: Readonly<Record<string, GuestFacts>>
  /** Facts for the outcome: boot times, memory of the VMs, clock errors. */
  facts(): Promise<Readonly<Record<string, number>>>
  /** Takes a host away at once, as a power cut does; its programs are told nothing. */
  kill(host: HostPlan): Promise<void>
  /** Brings a killed host back, empty. */
  revive(host: HostPlan): Promise<void>
  /** Has a host boot again; what it keeps on its disk is there afterwards. Throws NOT_FIT where it can't be. */
  reboot(host: HostPlan): Promise<void>
  /** What befalls frames between a host and all others from now on; null: nothing. Throws NOT_FIT where it can't be. */
  setConditions(host: HostPlan, conditions: HostConditions | null): Promise<void>
  /** Null where nobody counts: no conditions but cuts can be set there. */
  frames(host: HostPlan): Promise<HostFrames | null>
  /** Ends every site but this machine at once: somebody is in a hurry. */
  hurry(): void
  /** VMs that are on, also those that do not answer yet, by the processes that run them; empty on this machine. */
  readonly vms: readonly { readonly name: string; readonly pid: number }[]
  /** VMs that answer, as people enter them; empty on this machine. */
  readonly labVms: readonly LabVm[]
  /**
   * In place of close(): lets go of the VMs that answer and leaves them running, and ends the others. Null, and nothing
   * done, where there are none.
   */
  keep(): Promise<KeptVms | null>
  /** Ends every site but this machine, in order where `deadlineS` allows. Names what did not end in order. */
  close(deadlineS: number): Promise<readonly string[]>
}
