// What people may do with a live run: with its links while it goes on, and with its VMs also while they are kept.

import type { Duplex } from 'node:stream'
import type { LinkChange, LinkMeasured, LinkNow, LiveVm } from '../../protocol/lab.ts'
import type { GuestChannel } from '../../vm/guest-channel.ts'
import { GUEST_ROOT } from '../../vm/image/nslab-files.ts'

/** nslab-launch, where the images have it. */
export const GUEST_LAUNCHER = `/${GUEST_ROOT}/native/build/Release/nslab-launch`

/** A VM as people can enter it. */
export interface LabVm {
  readonly facts: LiveVm
  readonly channel: GuestChannel
  /** The runner's end of the guest's /dev/hvc0, flowing while nobody listens. */
  readonly shell: Duplex
}

/** Where a node's namespace is: descriptor `fd` of process `pid` in the guest. */
export interface GuestPlace {
  readonly vm: string
  readonly pid: number
  readonly fd: number
  /** The namespace's: a descriptor's number may become another's. */
  readonly cookie?: string
}

/** What people may do with the VMs of a run. */
export interface Lab {
  /** Those that answer now. */
  readonly vms: readonly LabVm[]
  /** Commands carry the run's id in their environment: 32 hex digits. */
  readonly runId: string
  /** nslab-launch, where the guests have it. */
  readonly launcher: string
  /** Throws USAGE where there is no such node, or none any more. */
  whereIs(nodeId: number): Promise<GuestPlace>
  /** Null where there are no links, or no more. */
  readonly links: LinkSteering | null
  /** Ends VMs, one or all; says what did not end in order. Throws USAGE where the run still goes on. */
  stop(vm: string | null, atOnce: boolean): Promise<readonly string[]>
}

export interface LinkAsk {
  readonly nodeId: number
  readonly peerId: number
  /** Also the direction from the peer. */
  readonly both: boolean
  /** Null: only tell. */
  readonly change: LinkChange | null
  /** Forget the shape before the change. */
  readonly clear: boolean
}

export interface ProbeAsk {
  readonly nodeId: number
  readonly peerId: number
  readonly both: boolean
  readonly bytes: number
}

export interface CaptureAsk {
  readonly nodeId: number
  /** 0: all links of the node. */
  readonly peerId: number
  readonly bytesMax: number
}

/** Where the copies are once it has ended, on this machine. */
export interface CaptureEnd {
  readonly path: string
  readonly bytes: number
}

export interface OpenCapture {
  readonly path: string
  /** The file is whole, and on this machine, when this resolves. Safe twice. */
  end(): Promise<CaptureEnd>
}

/** What people may do to links. Everything throws USAGE for nodes and links that are not there. */
export interface LinkSteering {
  /** How the directions are shaped now. */
  link(ask: LinkAsk): Promise<readonly LinkNow[]>
  /** One direction after the other. */
  probe(ask: ProbeAsk): Promise<readonly LinkMeasured[]>
  capture(ask: CaptureAsk): Promise<OpenCapture>
}
