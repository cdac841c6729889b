// What both kinds of segments between VMs are to the runner.

import type { Duplex } from 'node:stream'
import type { Conditions, Way } from './segment-conditions.ts'
import type { Tally } from './segment-ledger.ts'
import type { NicSpec } from './spec.ts'

/** A port made ready for a VM that is about to start. */
export interface Plug {
  /** For the VM's NIC. */
  readonly to: NicSpec['to']
  /** For it, too: the segment's, by which the guest sends nothing that is too large here. */
  readonly mtu: number
  /** Where `to` is 'stream': the runner's end of it, as soon as QEMU runs. Not called otherwise. */
  connect(stream: Duplex): void
  /** When no QEMU is going to be started with `to` any more: closes the descriptor that may be in it. Safe twice. */
  release(): void
}

/** What a port sent and got, in the least that every kind of segment can tell. */
export interface PortTotals {
  /** From the VM. */
  readonly received: Tally
  /** To the VM. */
  readonly sent: Tally
  /** Frames that were to go to the VM and did not. */
  readonly droppedFrames: number
  /** Of the frames from the VM and to it, those that conditions took, and made wait. Absent: it has no conditions. */
  readonly lostFrames?: number
  readonly delayedFrames?: number
}

/** A network segment of its own: nothing but its ports is on it, and it is gone when the runner is. */
export interface VmSegment {
  readonly name: string
  /** Processes beside the runner that it needs. */
  readonly pids: readonly number[]
  /**
   * A port keeps its name, its conditions and its counters over its VM's lives; of two VMs on a port the later has it,
   * or is refused (KERNEL_REFUSED, EBUSY) while the other lives.
   */
  plug(port: string): Promise<Plug>
  /**
   * Sets the conditions of a way, in place of those that this same way had; null takes them back. They hold from the
   * next frame on, also for VMs that come later. Rejects with USAGE where they make no sense or this kind of segment
   * has none such.
   */
  setConditions(way: Way, conditions: Conditions | null): Promise<void>
  totals(): Promise<Readonly<Record<string, PortTotals>>>
  close(): Promise<void>
}
