// One WebSocket of the server: frames to messages for the core, and the core's way back.

import type { Socket } from 'node:net'

import { type RawData, WebSocket } from 'ws'

import type { ControllerMessage } from '../protocol/messages.ts'
import { NODE_MESSAGE_BYTES_MAX, parseNodeMessage } from '../protocol/validate.ts'
import type { Core } from './core.ts'
import type { Port, Session } from './session.ts'
import { textFrames } from './text-frames.ts'

/** A peer that reads this slowly is as good as gone: what it was sent and has not taken would fill our memory. */
const UNSENT_BYTES_MAX = 16 * 1024 * 1024

/** What a ping carries that somebody waits for; those sent now and then carry nothing. */
const QUESTION = 'alive?'

interface OwnedPeer extends WebSocket {
  connection: Connection
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  ;(this as OwnedPeer).connection.received(data, isBinary)
}

function onPong(this: WebSocket, payload: Buffer): void {
  ;(this as OwnedPeer).connection.ponged(payload)
}

function onError(this: WebSocket, error: Error): void {
  ;(this as OwnedPeer).connection.failed(error)
}

function onClosed(this: WebSocket, code: number): void {
  ;(this as OwnedPeer).connection.closed(code)
}

export class Connection implements Port {
  readonly #peer: WebSocket
  readonly #socket: Socket
  readonly #core: Core
  readonly #session: Session
  readonly #openedMs: number
  readonly #onClose: (connection: Connection) => void
  /** What `together` gathers. */
  #gathered: string[] | null = null
  #isAnswering = true
  /** When the question was put that is not answered yet. */
  #askedMs: number | null = null

  constructor(peer: WebSocket, socket: Socket, core: Core, nowMs: number, onClose: (connection: Connection) => void) {
    this.#peer = peer
    this.#socket = socket
    this.#core = core
    this.#openedMs = nowMs
    this.#onClose = onClose
    this.#session = core.open(this)
    // The same functions for every connection: closures would be five a node.
    const owned = peer as OwnedPeer
    owned.connection = this
    owned.on('message', onMessage).on('pong', onPong).on('error', onError).on('close', onClosed)
  }

  send(message: ControllerMessage): void {
    this.sendText(JSON.stringify(message))
  }

  sendText(text: string): void {
    if (this.#peer.readyState !== WebSocket.OPEN) return
    if (this.#gathered !== null) {
      this.#gathered.push(text)
      return
    }
    this.#write([text])
  }

  together(work: () => void): void {
    if (this.#gathered !== null) {
      work()
      return
    }
    this.#gathered = []
    try {
      work()
    } finally {
      this.#flush()
    }
  }

  close(code: number, reason: string): void {
    this.#flush()
    this.#peer.close(code, reason)
  }

  /** By a ping of its own: what is on its way already says nothing about now. */
  ask(): void {
    this.#askedMs ??= performance.now()
    if (this.#peer.readyState === WebSocket.OPEN) this.#peer.ping(QUESTION)
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
    if (this.#peer.readyState === WebSocket.OPEN) this.#peer.ping()
  }

  #flush(): void {
    const gathered = this.#gathered
    this.#gathered = null
    if (gathered !== null && gathered.length > 0 && this.#peer.readyState === WebSocket.OPEN) this.#write(gathered)
  }

  /** Framed here: `ws` makes two writes and a handful of objects of each message. */
  #write(texts: readonly string[]): void {
    this.#socket.write(textFrames(texts))
    if (this.#socket.writableLength > UNSENT_BYTES_MAX) this.#drop('does not read what it is sent')
  }

  #answered(): void {
    this.#askedMs = null
    this.#core.answered(this.#session)
  }

  #drop(reason: string): void {
    this.#core.closed(this.#session, reason)
    this.#peer.terminate()
  }

  // Called by the peer.

  received(data: RawData, isBinary: boolean): void {
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

  ponged(payload: Buffer): void {
    this.#isAnswering = true
    if (this.#askedMs !== null && payload.toString() === QUESTION) this.#answered()
  }

  failed(error: NodeJS.ErrnoException): void {
    if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#refuseOversized()
    else if (error.code?.startsWith('WS_ERR_') === true) this.#core.refuse(this.#session, 'malformed', error.message)
    else this.#core.closed(this.#session, `connection broke (${error.code ?? error.message})`)
  }

  closed(code: number): void {
    this.#core.closed(this.#session, `connection closed (${code})`)
    this.#onClose(this)
  }

  #refuseOversized(): void {
    this.#core.refuse(this.#session, 'oversized', `a message of over ${NODE_MESSAGE_BYTES_MAX} bytes`)
  }
}
