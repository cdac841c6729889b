// What both kinds of segments between VMs are to the runner.

import type { Duplex } from 'node:stream'
import type { Conditions, Way } from './segment-conditions.ts'
import type { Tally } from './segment-ledger.ts'

/** What starting QEMU needs so that one of its NICs is a port of the segment. */
export interface PortWiring {
  /** For nslab-launch, before its `--`. */
  readonly launcherOptions: readonly string[]
  /** The entry of the descriptor in the child's stdio. Of 'pipe' our end is given to connect(). */
  readonly stdio: 'pipe' | 'ignore'
  /** The value of -netdev. */
  readonly netdev: string
}

/** What a port sent and got, in the least that every kind of segment can tell. */
export interface PortTotals {
  /** From the VM. */
  readonly received: Tally
  /** To the VM. */
  readonly sent: Tally
  /** Frames that were to go to the VM and did not. */
  readonly droppedFrames: number
}

/** A network segment of its own: nothing but its ports is on it, and it is gone when the runner is. */
export interface VmSegment {
  readonly name: string
  /** `fd`: the descriptor's number in QEMU, where `stdio` says pipe. A port keeps its name over its VM's lives. */
  wiring(port: string, netdevId: string, fd: number): PortWiring | Promise<PortWiring>
  /** Our end of the pipe that wiring() asked for; not called otherwise. */
  connect(port: string, stream: Duplex): void
  /** Throws USAGE where the conditions make no sense or this kind of segment has none such. */
  setConditions(way: Way, conditions: Conditions | null): void | Promise<void>
  totals(): Readonly<Record<string, PortTotals>> | Promise<Readonly<Record<string, PortTotals>>>
  close(): Promise<void>
}
