// A peer that `ws` speaks with.

import type { Socket } from 'node:net'

import { type RawData, WebSocket } from 'ws'

import type { Peer, PeerOwner } from './peer.ts'

/** Codes of errors as `ws` names them; all others are breaches of the protocol. */
const codes: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_INVALID_UTF8: 1007,
}

export class WsPeer implements Peer {
  readonly socket: Socket
  readonly #ws: WebSocket

  constructor(ws: WebSocket, socket: Socket) {
    this.#ws = ws
    this.socket = socket
  }

  get isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN
  }

  tell(owner: PeerOwner): void {
    this.#ws
      .on('message', (data: RawData, isBinary: boolean) => {
        // `ws` gives one Buffer for a message unless told otherwise.
        const bytes = data as Buffer
        if (isBinary) owner.receivedBinary()
        else owner.received(bytes.toString('utf8'), bytes.length)
      })
      .on('pong', payload => owner.ponged(payload))
      .on('error', ({ code = '', message }: NodeJS.ErrnoException) => {
        // A connection that broke is closed: that is told next.
        if (code.startsWith('WS_ERR_')) owner.failed(codes[code] ?? 1002, message)
      })
      .on('close', code => owner.closed(code))
  }

  ping(payload: string): void {
    if (this.isOpen) this.#ws.ping(payload)
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason)
  }

  terminate(): void {
    this.#ws.terminate()
  }
}
