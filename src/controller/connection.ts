// One WebSocket of the server: frames to messages for the core, and the core's way back.

import type { Socket } from 'node:net'

import type { RawData, WebSocket } from 'ws'

import type { ControllerMessage } from '../protocol/messages.ts'
import { NODE_MESSAGE_BYTES_MAX, parseNodeMessage } from '../protocol/validate.ts'
import type { Core } from './core.ts'
import type { Port, Session } from './session.ts'

/** A peer that reads this slowly is as good as gone: what it was sent and has not taken would fill our memory. */
const UNSENT_BYTES_MAX = 16 * 1024 * 1024

/** What a ping carries that somebody waits for; those sent now and then carry nothing. */
const QUESTION = 'alive?'

export class Connection implements Port {
  readonly #peer: WebSocket
  readonly #socket: Socket
  readonly #core: Core
  readonly #session: Session
  readonly #openedMs: number
  #isAnswering = true
  /** When the question was put that is not answered yet. */
  #askedMs: number | null = null

  constructor(peer: WebSocket, socket: Socket, core: Core, nowMs: number, onClose: () => void) {
    this.#peer = peer
    this.#socket = socket
    this.#core = core
    this.#openedMs = nowMs
    this.#session = core.open(this)
    peer.on('message', (data, isBinary) => this.#receive(data, isBinary))
    peer.on('pong', payload => {
      this.#isAnswering = true
      if (this.#askedMs !== null && payload.toString() === QUESTION) this.#answered()
    })
    peer.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#refuseOversized()
      else if (error.code?.startsWith('WS_ERR_') === true) core.refuse(this.#session, 'malformed', error.message)
      else core.closed(this.#session, `connection broke (${error.code ?? error.message})`)
    })
    peer.on('close', (code: number) => {
      core.closed(this.#session, `connection closed (${code})`)
      onClose()
    })
  }

  send(message: ControllerMessage): void {
    this.sendText(JSON.stringify(message))
  }

  sendText(text: string): void {
    if (this.#peer.readyState !== this.#peer.OPEN) return
    this.#peer.send(text)
    if (this.#socket.writableLength > UNSENT_BYTES_MAX) this.#drop('does not read what it is sent')
  }

  together(work: () => void): void {
    this.#socket.cork()
    try {
      work()
    } finally {
      this.#socket.uncork()
    }
  }

  close(code: number, reason: string): void {
    this.#peer.close(code, reason)
  }

  /** By a ping of its own: what is on its way already says nothing about now. */
  ask(): void {
    this.#askedMs ??= performance.now()
    if (this.#peer.readyState === this.#peer.OPEN) this.#peer.ping(QUESTION)
  }

  /** Closes a connection that has not joined, at the server's end. */
  end(): void {
    this.#core.refuse(this.#session, 'ending', 'the controller is ending')
  }

  /** Ends a connection that is late with its StartUp, or with the answer that somebody waits for. True when it did. */
  dropIfSilent(nowMs: number, handshakeDeadlineMs: number, answerDeadlineMs: number): boolean {
    if (this.#askedMs !== null && nowMs - this.#askedMs >= answerDeadlineMs) {
      this.#drop('does not answer')
      return true
    }
    if (this.#session.stage !== 'fresh' || nowMs - this.#openedMs < handshakeDeadlineMs) return false
    this.#core.refuse(this.#session, 'silent', 'connected and never said StartUp')
    return true
  }

  /** Asks the peer whether it lives; one that has not answered since the last call is dropped. */
  ping(): void {
    if (!this.#isAnswering) {
      this.#drop('does not answer')
      return
    }
    this.#isAnswering = false
    if (this.#peer.readyState === this.#peer.OPEN) this.#peer.ping()
  }

  #answered(): void {
    this.#askedMs = null
    this.#core.answered(this.#session)
  }

  #drop(reason: string): void {
    this.#core.closed(this.#session, reason)
    this.#peer.terminate()
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#isAnswering = true
    // `ws` gives one Buffer for a message unless told otherwise.
    const bytes = data as Buffer
    if (isBinary) {
      this.#core.refuse(this.#session, 'malformed', 'a binary frame; messages are JSON text')
    } else if (bytes.length > NODE_MESSAGE_BYTES_MAX) {
      this.#refuseOversized()
    } else {
      const parsed = parseNodeMessage(bytes.toString('utf8'))
      if (parsed.ok) this.#core.receive(this.#session, parsed.message)
      else this.#core.refuse(this.#session, 'malformed', parsed.reason)
    }
  }

  #refuseOversized(): void {
    this.#core.refuse(this.#session, 'oversized', `a message of over ${NODE_MESSAGE_BYTES_MAX} bytes`)
  }
}
