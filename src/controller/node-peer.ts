// A peer that asked as nodes do, spoken with on its bare socket. `ws` and the http server before it cost a third of the
// controller's time for a join: some forty objects, listeners and closures a connection.

import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'

import { acceptOf, type FrameProblem, FrameReader, type FrameSink, Opcode } from '../protocol/web-socket-frames.ts'
import { CLOSE_MS, MESSAGE_BYTES_MAX, type Peer, type PeerOwner } from './peer.ts'
import { controlFrame } from './text-frames.ts'

/** Without a status code, and without a close frame. Source: RFC 6455, section 7.4.1. */
const NO_CODE = 1005
const NO_WORD = 1006

/** Of a message that is no text. */
const BINARY = 1003

export class NodePeer implements Peer, FrameSink {
  readonly socket: Socket
  readonly #reader = new FrameReader(MESSAGE_BYTES_MAX, 'client')
  #owner: PeerOwner | null = null
  /** closing: a close frame was sent. ended: nothing is read any more. */
  #stage: 'open' | 'closing' | 'ended' = 'open'
  /** What it said at its end. */
  #code = NO_WORD
  #deadline: NodeJS.Timeout | null = null

  /** Answers the request that came with `key`. */
  constructor(socket: Socket, key: string) {
    this.socket = socket
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
      'latin1',
    )
  }

  get isOpen(): boolean {
    return this.#stage === 'open'
  }

  tell(owner: PeerOwner): void {
    this.#owner = owner
  }

  ping(payload: string): void {
    if (this.isOpen) this.#write(Opcode.ping, Buffer.from(payload))
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return
    this.#stage = 'closing'
    const payload = Buffer.allocUnsafe(2 + Buffer.byteLength(reason))
    payload.writeUInt16BE(code)
    payload.write(reason, 2)
    this.#write(Opcode.close, payload)
    this.#limit()
  }

  terminate(): void {
    this.#stage = 'ended'
    this.socket.destroy()
  }

  // Called for its socket.

  bytes(chunk: Buffer): void {
    if (this.#stage === 'ended') return
    const problem = this.#reader.read(chunk, this)
    if (problem !== null) this.#fail(problem)
  }

  /** It sends no more: there is nothing to say to it either. */
  finished(): void {
    this.#end()
  }

  gone(): void {
    this.#stage = 'ended'
    if (this.#deadline !== null) clearTimeout(this.#deadline)
    this.#owner?.closed(this.#code)
    this.#owner = null
  }

  // Called by the reader.

  text(text: string, bytes: number): boolean {
    // What it sends after our goodbye is read for its own only.
    if (this.isOpen) this.#owner?.received(text, bytes)
    return this.#stage !== 'ended'
  }

  control(opcode: number, payload: Buffer): boolean {
    if (opcode === Opcode.close) {
      const problem = problemOfClose(payload)
      if (problem === null) this.#answerClose(payload)
      else this.#fail(problem)
    } else if (this.isOpen) {
      if (opcode === Opcode.ping) this.#write(Opcode.pong, payload)
      else this.#owner?.ponged(payload)
    }
    return this.#stage !== 'ended'
  }

  #answerClose(payload: Buffer): void {
    this.#code = payload.length === 0 ? NO_CODE : payload.readUInt16BE()
    if (this.isOpen) this.#write(Opcode.close, payload.subarray(0, 2))
    this.#end()
  }

  #fail({ code, what }: FrameProblem): void {
    const wasOpen = this.isOpen
    if (code === BINARY && wasOpen) this.#owner?.receivedBinary()
    this.close(code, '')
    this.#end()
    if (code !== BINARY && wasOpen) this.#owner?.failed(code, what)
  }

  #write(opcode: number, payload: Buffer): void {
    if (this.socket.writable) this.socket.write(controlFrame(opcode, payload))
  }

  #end(): void {
    this.#stage = 'ended'
    this.socket.end()
    this.#limit()
  }

  #limit(): void {
    this.#deadline ??= setTimeout(() => this.socket.destroy(), CLOSE_MS)
  }
}

/** What is wrong with what a close frame says. Source: RFC 6455, sections 5.5.1 and 7.4. */
function problemOfClose(payload: Buffer): FrameProblem | null {
  if (payload.length === 0) return null
  const code = payload.length === 1 ? 0 : payload.readUInt16BE()
  const isKnown = code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_CODE && code !== NO_WORD
  if (!isKnown && (code < 3000 || code > 4999)) return { code: 1002, what: 'a close frame without a valid code' }
  return isUtf8(payload.subarray(2)) ? null : { code: 1007, what: 'a close frame whose reason is not UTF-8' }
}
