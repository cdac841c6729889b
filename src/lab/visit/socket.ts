// RUN/lab.sock: people's way to the links of a run while it goes on, and into its VMs also while they are kept. For the
// owner alone.

import { rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { NslabError } from '../../base/errors.ts'
import { listenAt } from '../../base/unix-socket.ts'
import type { Lab } from './lab.ts'
import { LabVisit } from './visit.ts'

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
