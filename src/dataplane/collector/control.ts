// How a collector is asked things while it runs: JSON lines over a unix socket, answered in order.

import { lstatSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { Channel } from '../../base/channel.ts'
import { NslabError } from '../../base/errors.ts'
import { connectTo, listenAt } from '../../base/unix-socket.ts'
import type { BlindLine, PollLine } from './figures.ts'
import type { RowCounts } from './types.ts'

/** What may be changed. */
export interface Settings {
  readonly interval_s: number
  /** As the kernel has them: ESTABLISHED, …; empty: all. */
  readonly states: readonly string[]
  /** At either end; empty: all. */
  readonly ports: readonly number[]
}

export type ControlRequest =
  | ({ readonly do: 'set' } & Partial<Settings>)
  /** Answered when the poll has ended. */
  | { readonly do: 'poll' }
  | { readonly do: 'status' }

export interface Status {
  readonly pid: number
  readonly settings: Settings
  readonly namespaces_count: number
  readonly polls_count: number
  readonly last_poll: PollLine | null
  readonly rows: RowCounts
  readonly pending_bytes: number
  readonly unreadable_processes_count: number
  readonly blind_kinds: readonly string[]
  /** All that discovery could not see at its last reconcile; null before the first. */
  readonly blind: BlindLine | null
}

export type ControlAnswer =
  | { readonly is: 'set'; readonly settings: Settings }
  | { readonly is: 'polled'; readonly poll: PollLine }
  | { readonly is: 'status'; readonly status: Status }
  | { readonly is: 'refused'; readonly problem: string }

/** Who answers. What it throws as USAGE is told as `refused`. */
export interface Controlled {
  set(changes: Partial<Settings>): Settings
  poll(): Promise<PollLine>
  status(): Status
}

export class ControlServer {
  readonly #server: Server
  readonly #path: string
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, path: string) {
    this.#server = server
    this.#path = path
  }

  /** Throws USAGE where another collector listens or something else is in the way, KERNEL_REFUSED. */
  static async listen(path: string, controlled: Controlled): Promise<ControlServer> {
    await refuseTaken(path)
    const server = createServer()
    const control = new ControlServer(server, path)
    server.on('connection', socket => control.#serve(socket, controlled))
    try {
      await listenAt(server, path)
    } catch (error) {
      const { code: errno, message: reason } = error as NodeJS.ErrnoException
      const facts = { operation: 'listen', where: `--control ${path}`, errno, reason }
      throw new NslabError('KERNEL_REFUSED', facts, { cause: error })
    }
    return control
  }

  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
    rmSync(this.#path, { force: true })
  }

  #serve(socket: Socket, controlled: Controlled): void {
    this.#sockets.add(socket)
    let last: Promise<void> = Promise.resolve()
    const channel = new Channel<ControlAnswer, unknown>(
      socket,
      request => {
        last = last.then(async () => {
          // Who has hung up asks for nothing more.
          if (!socket.destroyed) channel.send(await answer(request, controlled))
        })
      },
      () => this.#sockets.delete(socket),
      line => channel.send({ is: 'refused', problem: `not JSON: ${line.slice(0, 80)}` }),
    )
  }
}

/** Asks a collector one thing. Throws FILE_UNREADABLE where none listens, USAGE with its refusal. */
export async function askCollector(path: string, request: ControlRequest): Promise<ControlAnswer> {
  const socket = await connectTo(path).catch((error: NodeJS.ErrnoException) => {
    const reason = `no collector listens there (${error.code})`
    throw new NslabError('FILE_UNREADABLE', { path, reason }, { cause: error })
  })
  let channel: Channel<ControlRequest, ControlAnswer>
  const answered = await new Promise<ControlAnswer | null>(resolve => {
    channel = new Channel<ControlRequest, ControlAnswer>(socket, resolve, () => resolve(null))
    channel.send(request)
  })
  socket.destroy()
  if (answered === null) throw new NslabError('PROCESS_ENDED', { process: 'the collector', status: 'it hung up' })
  if (answered.is === 'refused') throw new NslabError('USAGE', { problem: answered.problem })
  return answered
}

async function answer(request: unknown, controlled: Controlled): Promise<ControlAnswer> {
  const asked = request as Partial<ControlRequest> | null
  try {
    switch (asked?.do) {
      case 'set': {
        const { do: _, ...changes } = asked
        return { is: 'set', settings: controlled.set(changes) }
      }
      case 'poll':
        return { is: 'polled', poll: await controlled.poll() }
      case 'status':
        return { is: 'status', status: controlled.status() }
      default:
        return { is: 'refused', problem: 'what to do must be one of set, poll, status' }
    }
  } catch (error) {
    return { is: 'refused', problem: error instanceof Error ? error.message : String(error) }
  }
}

/** What a killed collector left is replaced; nothing else is. */
async function refuseTaken(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return
  if (!stat.isSocket()) throw new NslabError('USAGE', { problem: `--control ${path}: it is there, and not a socket` })
  const socket = await connectTo(path).catch(() => null)
  socket?.destroy()
  if (socket !== null) {
    throw new NslabError('USAGE', { problem: `--control ${path}: another collector listens there` })
  }
}
