// One WebSocket of the server: frames to messages for the core, and the core's way back.

import type { ControllerMessage } from '../protocol/messages.ts'
import { NODE_MESSAGE_BYTES_MAX, parseNodeMessage } from '../protocol/validate.ts'
import type { Core } from './core.ts'
import type { Peer, PeerOwner } from './peer.ts'
import type { Port, Session } from './session.ts'
import { textFrames } from './text-frames.ts'

/** A peer that reads this slowly is as good as gone: what it was sent and has not taken would fill our memory. */
const UNSENT_BYTES_MAX = 16 * 1024 * 1024

/** Source: RFC 6455, section 7.4.1. */
const TOO_BIG = 1009

/** What a ping carries that somebody waits for; those sent now and then carry nothing. */
const QUESTION = 'alive?'

export class Connection implements Port, PeerOwner {
  readonly #peer: Peer
  readonly #core: Core
  readonly #session: Session
  readonly #openedMs: number
  readonly #onClose: (connection: Connection) => void
  /** What `together` gathers. */
  #gathered: string[] | null = null
  #isAnswering = true
  /** When the question was put that is not answered yet. */
  #askedMs: number | null = null

  constructor(peer: Peer, core: Core, nowMs: number, onClose: (connection: Connection) => void) {
    this.#peer = peer
    this.#core = core
    this.#openedMs = nowMs
    this.#onClose = onClose
    this.#session = core.open(this)
  }

  send(message: ControllerMessage): void {
    this.sendText(JSON.stringify(message))
  }

  sendText(text: string): void {
    if (!this.#peer.isOpen) return
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
    this.#peer.ping(QUESTION)
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
    this.#peer.ping('')
  }

  #flush(): void {
    const gathered = this.#gathered
    this.#gathered = null
    if (gathered !== null && gathered.length > 0 && this.#peer.isOpen) this.#write(gathered)
  }

  /** Framed here: `ws` makes two writes and a handful of objects of each message. */
  #write(texts: readonly string[]): void {
    const { socket } = this.#peer
    socket.write(textFrames(texts))
    if (socket.writableLength > UNSENT_BYTES_MAX) this.#drop('does not read what it is sent')
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

  received(text: string, bytes: number): void {
    this.#isAnswering = true
    if (bytes > NODE_MESSAGE_BYTES_MAX) {
      this.#refuseOversized()
      return
    }
    const parsed = parseNodeMessage(text)
    if (parsed.ok) this.#core.receive(this.#session, parsed.message)
    else this.#core.refuse(this.#session, 'malformed', parsed.reason)
  }

  receivedBinary(): void {
    this.#core.refuse(this.#session, 'malformed', 'a binary frame; messages are JSON text')
  }

  ponged(payload: Buffer): void {
    this.#isAnswering = true
    if (this.#askedMs !== null && payload.toString() === QUESTION) this.#answered()
  }

  failed(code: number, what: string): void {
    if (code === TOO_BIG) this.#refuseOversized()
    else this.#core.refuse(this.#session, 'malformed', what)
  }

  closed(code: number): void {
    this.#core.closed(this.#session, `connection closed (${code})`)
    this.#onClose(this)
  }

  #refuseOversized(): void {
    this.#core.refuse(this.#session, 'oversized', `a message of over ${NODE_MESSAGE_BYTES_MAX} bytes`)
  }
}
