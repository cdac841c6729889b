// Connections that have said nothing yet. Those that begin as nodes do are upgraded at once; all others are Node's http
// server's, as if it had met them first.

import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'

import { readUpgrade } from './upgrade.ts'

export type Upgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => void

export class Reception {
  /** Sockets that have said nothing, and since when. */
  readonly #waiting = new Map<Socket, number>()

  /** Takes over the connections of `http`, from now on. */
  constructor(http: Server, upgrade: Upgrade) {
    const waiting = this.#waiting
    const handlers = http.listeners('connection')
    // One function each for all sockets; a node's connection is met in the time that a few closures cost.
    function onFirstBytes(this: Socket, bytes: Buffer): void {
      onClose.call(this)
      this.off('data', onFirstBytes).off('end', onEnd).off('error', onEnd).off('close', onClose)
      const asked = readUpgrade(bytes)
      if (asked !== null) {
        upgrade(asked.request, this, asked.head)
        return
      }
      for (const handle of handlers) handle.call(http, this)
      this.unshift(bytes)
    }
    function onEnd(this: Socket): void {
      this.destroy()
    }
    function onClose(this: Socket): void {
      waiting.delete(this)
    }
    http.removeAllListeners('connection')
    http.on('connection', socket => {
      waiting.set(socket, performance.now())
      socket.on('data', onFirstBytes).on('end', onEnd).on('error', onEnd).on('close', onClose)
    })
  }

  /** Ends those that have said nothing for `deadlineMs`; returns how many. */
  dropSilent(nowMs: number, deadlineMs: number): number {
    let count = 0
    for (const [socket, sinceMs] of this.#waiting) {
      if (nowMs - sinceMs < deadlineMs) continue
      this.#waiting.delete(socket)
      socket.destroy()
      count++
    }
    return count
  }

  close(): void {
    for (const socket of this.#waiting.keys()) socket.destroy()
  }
}
