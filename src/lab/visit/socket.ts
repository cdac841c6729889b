// RUN/lab.sock: people's way to the links of a run while it goes on, and into its VMs also while they are kept. For the
// owner alone.

import { rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { NslabError } from '../../base/errors.ts'
import { listenAt } from '../../base/unix-socket.ts'
import type { LiveVm } from '../../protocol/lab.ts'
import type { GuestChannel } from '../../vm/guest-channel.ts'
import { GUEST_ROOT } from '../../vm/image/nslab-files.ts'
import type { LinkSteering } from '../traffic/steer.ts'
import { LabVisit } from './visit.ts'

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

export class LabSocket {
  readonly #server: Server
  readonly #path: string
  readonly #visits = new Set<LabVisit>()

  private constructor(server: Server, path: string) {
    this.#server = server
    this.#path = path
  }

  /** Listens on `path`. Throws DISK_REFUSED. */
  static async open(path: string, lab: Lab): Promise<LabSocket> {
    const server = createServer()
    const socket = new LabSocket(server, path)
    /** Consoles that somebody is at. */
    const consoles = new Set<Duplex>()
    server.on('connection', client => {
      const visit = new LabVisit(client, lab, consoles)
      socket.#visits.add(visit)
      client.on('close', () => socket.#visits.delete(visit))
    })
    try {
      await listenAt(server, path)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw new NslabError('DISK_REFUSED', { path, reason: code ?? message, errno: code }, { cause: error })
    }
    return socket
  }

  /** Ends all commands in a VM, telling their clients `why` (a clause whose subject is the VM). */
  endCommands(vm: string, why: string): void {
    for (const visit of this.#visits) visit.endCommands(vm, why)
  }

  /**
   * Ends all commands, telling their clients `why`, and all captures, and then listens no more. The
   * guests have no process of a client when this resolves, unless they don't answer.
   */
  async close(why: string): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    await Promise.all([...this.#visits].map(visit => visit.end(why)))
    await closed
    rmSync(this.#path, { force: true })
  }
}
