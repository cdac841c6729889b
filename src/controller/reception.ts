// Connections that have said nothing yet. Those that begin as nodes do are upgraded at once; all others are Node's http
// server's, as if it had met them first.

import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'

import { readUpgrade } from './upgrade.ts'

/** Who hears of a socket. */
export interface Holder {
  bytes(chunk: Buffer, socket: Socket): void
  /** The other side sends no more. */
  finished(socket: Socket): void
  gone(socket: Socket): void
}

interface HeldSocket extends Socket {
  holder: Holder
}

// One function each for all sockets and all of their lives; a node's connection is met in the time that a few closures
// and listeners cost.
function onData(this: Socket, chunk: Buffer): void {
  ;(this as HeldSocket).holder.bytes(chunk, this)
}

/**
 * In place of Readable.push(): what the kernel gave goes straight to its reader. The stream's own way, with its states,
 * events and ticks, takes a tenth of the controller's time for a join.
 */
function onPush(this: Socket, chunk: Buffer | null): boolean {
  if (chunk === null) return Readable.prototype.push.call(this, null)
  onData.call(this, chunk)
  return true
}

function onEnd(this: Socket): void {
  ;(this as HeldSocket).holder.finished(this)
}

/** It ends by itself then. */
function onError(): void {}

function onClose(this: Socket): void {
  ;(this as HeldSocket).holder.gone(this)
}

export class Reception implements Holder {
  readonly #http: Server
  readonly #upgrade: (socket: Socket, key: string) => Holder
  /** Those of `http`. */
  readonly #handlers: readonly ((socket: Socket) => void)[]
  /** Sockets that have said nothing, and since when. */
  readonly #waiting = new Map<Socket, number>()

  /** Takes over the connections of `http`, from now on. */
  constructor(http: Server, upgrade: (socket: Socket, key: string) => Holder) {
    this.#http = http
    this.#upgrade = upgrade
    this.#handlers = http.listeners('connection') as ((socket: Socket) => void)[]
    http.removeAllListeners('connection')
    http.on('connection', socket => {
      ;(socket as HeldSocket).holder = this
      socket.push = onPush
      this.#waiting.set(socket, performance.now())
      socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
    })
  }

  bytes(chunk: Buffer, socket: Socket): void {
    this.#waiting.delete(socket)
    const asked = readUpgrade(chunk)
    if (asked !== null) {
      const holder = this.#upgrade(socket, asked.key)
      ;(socket as HeldSocket).holder = holder
      if (asked.head.length > 0) holder.bytes(asked.head, socket)
      return
    }
    // A stream like any other again.
    Reflect.deleteProperty(socket, 'push')
    socket.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
    for (const handle of this.#handlers) handle.call(this.#http, socket)
    socket.unshift(chunk)
  }

  finished(socket: Socket): void {
    socket.destroy()
  }

  gone(socket: Socket): void {
    this.#waiting.delete(socket)
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
