// One node's WebSocket to the controller, over a socket that the addon opened inside the node's namespace.
// Handlers are shared by all connections of a fleet: per connection nothing is allocated but what `ws` needs.

import { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { ControllerMessage, NodeMessage } from '../protocol/messages.ts'
import { parseControllerMessage } from './controller-message.ts'
import { MESSAGE_BYTES_MAX } from './limits.ts'

/** What the owner of a connection is told. After `closed` nothing more comes. */
export interface ControlHandlers<Owner> {
  opened(owner: Owner): void
  message(owner: Owner, message: ControllerMessage): void
  closed(owner: Owner, reason: string): void
}

interface OwnedSocket extends WebSocket {
  connection: ControlConnection<unknown>
}

export class ControlConnection<Owner> {
  readonly owner: Owner
  #handlers: ControlHandlers<Owner>
  #ws: OwnedSocket
  #reason = 'closed by the controller'
  #ended = false
  /** Whether anything came in since the last `probe`. */
  #heard = true

  /** Takes over `fd`, a connected TCP socket, and begins the WebSocket handshake with `url`'s host. */
  constructor(fd: number, url: URL, owner: Owner, handlers: ControlHandlers<Owner>) {
    this.owner = owner
    this.#handlers = handlers
    const socket = new Socket({ fd, readable: true, writable: true })
    this.#ws = new WebSocket(url, {
      createConnection: () => socket,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      maxPayload: MESSAGE_BYTES_MAX,
    }) as OwnedSocket
    this.#ws.connection = this as ControlConnection<unknown>
    this.#ws.on('open', onOpen).on('message', onMessage).on('pong', onPong).on('error', onError).on('close', onClose)
  }

  send(message: NodeMessage): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.send(JSON.stringify(message))
  }

  /** Pings the controller. False when nothing came in since the probe before: the connection is dead. */
  probe(): boolean {
    if (!this.#heard) return false
    this.#heard = false
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping()
    return true
  }

  /** Ends the connection at once. With a reason the owner is told by `closed`; without, nothing is called any more. */
  close(reason?: string): void {
    if (reason === undefined) this.#ended = true
    else this.#reason = reason
    this.#ws.terminate()
  }

  opened(): void {
    if (!this.#ended) this.#handlers.opened(this.owner)
  }

  heard(): void {
    this.#heard = true
  }

  received(data: Buffer, isBinary: boolean): void {
    if (this.#ended) return
    this.#heard = true
    const message = isBinary ? null : parseControllerMessage(data.toString())
    if (message === null) this.close('the controller sent a malformed message')
    else this.#handlers.message(this.owner, message)
  }

  failed(error: Error): void {
    this.#reason = error.message
  }

  closed(): void {
    if (this.#ended) return
    this.#ended = true
    this.#handlers.closed(this.owner, this.#reason)
  }
}

function onOpen(this: WebSocket): void {
  ;(this as OwnedSocket).connection.opened()
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  ;(this as OwnedSocket).connection.received(data as Buffer, isBinary)
}

function onPong(this: WebSocket): void {
  ;(this as OwnedSocket).connection.heard()
}

function onError(this: WebSocket, error: Error): void {
  ;(this as OwnedSocket).connection.failed(error)
}

function onClose(this: WebSocket): void {
  ;(this as OwnedSocket).connection.closed()
}
