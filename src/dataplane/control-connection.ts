// One node's WebSocket to the controller, over a socket that the addon opened inside the node's namespace.
// Handlers and the read buffer are shared by all connections of a fleet; what one connection needs of its own is small.

import { Socket } from 'node:net'
import type { ControllerMessage, NodeMessage } from '../protocol/messages.ts'
import { acceptOf, encodeFrame, FrameReader, type FrameSink, makeKey, Opcode } from '../protocol/web-socket-frames.ts'
import { parseControllerMessage } from './controller-message.ts'
import { MESSAGE_BYTES_MAX } from './limits.ts'

/** What the owner of a connection is told. After `closed` nothing more comes. */
export interface ControlHandlers<Owner> {
  opened(owner: Owner): void
  message(owner: Owner, message: ControllerMessage): void
  closed(owner: Owner, reason: string): void
}

interface OwnedSocket extends Socket {
  connection: ControlConnection<unknown>
}

/** Longest answer to the upgrade request; a controller's has about 130 bytes. */
const HEAD_BYTES_MAX = 8192

/** Every read of every connection lands here and is dealt with before the next. */
const readBuffer = Buffer.allocUnsafeSlow(65_536)

const onread = {
  buffer: readBuffer,
  callback(this: unknown, bytes: number): boolean {
    ;(this as OwnedSocket).connection.received(readBuffer.subarray(0, bytes))
    return true
  },
}

function onError(this: Socket, error: Error): void {
  ;(this as OwnedSocket).connection.failed(error)
}

function onClose(this: Socket): void {
  ;(this as OwnedSocket).connection.closed()
}

export class ControlConnection<Owner> implements FrameSink {
  readonly owner: Owner
  readonly #handlers: ControlHandlers<Owner>
  readonly #socket: OwnedSocket
  readonly #reader = new FrameReader(MESSAGE_BYTES_MAX)
  /** The key to be answered, until it was. */
  #key: string | null = makeKey()
  /** An answer that has not come in whole. */
  #head = ''
  #reason = 'closed by the controller'
  #ended = false
  /** Whether anything came in since the last `probe`. */
  #heard = true

  /** Takes over `fd`, a connected TCP socket without delay, and asks `host` ("address:port") for a WebSocket. */
  constructor(fd: number, host: string, owner: Owner, handlers: ControlHandlers<Owner>) {
    this.owner = owner
    this.#handlers = handlers
    const options = { fd, readable: true, writable: true, onread }
    this.#socket = new Socket(options as ConstructorParameters<typeof Socket>[0]) as OwnedSocket
    this.#socket.connection = this as ControlConnection<unknown>
    this.#socket.on('error', onError)
    this.#socket.on('close', onClose)
    this.#socket.write(
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${this.#key}\r\n\r\n`,
      'latin1',
    )
  }

  send(message: NodeMessage): void {
    this.#write(Opcode.text, JSON.stringify(message))
  }

  /** Pings the controller. False when nothing came in since the probe before: the connection is dead. */
  probe(): boolean {
    if (!this.#heard) return false
    this.#heard = false
    this.#write(Opcode.ping, '')
    return true
  }

  /**
   * Ends the connection at once; what was sent before still arrives. With a reason the owner is told by `closed`;
   * without, nothing is called any more. By RST, since a socket that waits for the answer to its FIN keeps its
   * namespace, and the answer never comes once the node's interface is gone.
   */
  close(reason?: string): void {
    if (reason === undefined) this.#ended = true
    else this.#reason = reason
    // Node.js has answered the controller's FIN with one: libuv resets no such socket, and it would stay open for ever.
    if (this.#socket.writableEnded) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  // Called by the socket and by the reader.

  received(bytes: Buffer): void {
    if (this.#ended) return
    this.#heard = true
    const rest = this.#key === null ? bytes : this.#shakeHands(bytes, this.#key)
    if (rest === null || rest.length === 0) return
    const problem = this.#reader.read(rest, this)
    if (problem !== null) this.close(`the controller sent ${problem.what}`)
  }

  text(text: string): boolean {
    const message = parseControllerMessage(text)
    if (message === null) this.close('the controller sent a malformed message')
    else this.#handlers.message(this.owner, message)
    return !this.#ended && !this.#socket.destroyed
  }

  control(opcode: number, payload: Buffer): boolean {
    if (opcode === Opcode.ping) this.#write(Opcode.pong, payload)
    if (opcode !== Opcode.close) return true
    if (payload.length > 2) this.#reason = payload.toString('utf8', 2)
    this.#write(Opcode.close, payload.subarray(0, 2))
    // Not by FIN: one that is on its way can't be made a reset any more (libuv refuses), so that close() in the same
    // turn would leave the descriptor open, and with it the namespace.
    this.#socket.resetAndDestroy()
    return false
  }

  failed(error: Error): void {
    this.#reason = error.message
  }

  closed(): void {
    if (this.#ended) return
    this.#ended = true
    this.#handlers.closed(this.owner, this.#reason)
  }

  #write(opcode: number, payload: string | Buffer): void {
    if (this.#key === null && this.#socket.writable) this.#socket.write(encodeFrame(opcode, payload))
  }

  /** Reads the answer to the upgrade request; returns what came behind it, null while there is nothing more to read. */
  #shakeHands(bytes: Buffer, key: string): Buffer | null {
    const before = this.#head.length
    const head = this.#head + bytes.toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) {
      if (head.length > HEAD_BYTES_MAX) this.close('the controller speaks no WebSocket')
      this.#head = head
      return null
    }
    const accept = /^sec-websocket-accept:[ \t]*(\S+)[ \t]*\r?$/im.exec(head)?.[1]
    if (!head.startsWith('HTTP/1.1 101 ') || accept !== acceptOf(key)) {
      this.close(`the controller speaks no WebSocket: ${head.slice(0, head.indexOf('\r\n'))}`)
      return null
    }
    this.#key = null
    this.#head = ''
    this.#handlers.opened(this.owner)
    return bytes.subarray(end + 4 - before)
  }
}
