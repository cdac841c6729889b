// The thin shell around the core: an http server, WebSockets, one sweep timer. All meaning is in core.ts.

import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { WebSocketServer } from 'ws'

import { NslabError } from '../base/errors.ts'
import { Connection } from './connection.ts'
import type { Core, CoreEvent } from './core.ts'
import { NodePeer } from './node-peer.ts'
import { CLOSE_MS, MESSAGE_BYTES_MAX, type Peer } from './peer.ts'
import { Reception } from './reception.ts'
import { WsPeer } from './ws-peer.ts'

/** A whole fleet may knock at once; the kernel caps this at net.core.somaxconn (4,096 since Linux 5.4). */
const LISTEN_BACKLOG = 16_384

export interface ServerOptions {
  readonly core: Core
  readonly onEvent: (event: CoreEvent) => void
  /** From the first byte to StartUp. Default 10 s. */
  readonly handshakeDeadlineMs?: number
  /**
   * How long a peer whose id another fleet wants may take to say that it lives: far more than a busy host needs, far
   * less than a lost one to start again. Default 5 s.
   */
  readonly answerDeadlineMs?: number
  /** How often peers are asked whether they live; one that missed a whole interval has left. Default 15 s. */
  readonly pingIntervalMs?: number
  /** How often both are looked at. Default 1 s. */
  readonly sweepIntervalMs?: number
  /** Multiplies the defaults of these. */
  readonly timeScale?: number
}

export type ListenTarget = { readonly host: string; readonly port: number } | { readonly fd: number }

export class ControlServer {
  readonly #options: Required<ServerOptions>
  readonly #http: Server
  readonly #ws: WebSocketServer
  readonly #reception: Reception
  readonly #connections = new Set<Connection>()
  readonly #onClose = (connection: Connection): void => {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#onIdle?.()
  }
  #sweeper: NodeJS.Timeout | undefined
  #nextSweep: NodeJS.Immediate | undefined
  #onIdle: (() => void) | undefined
  #lastPingMs = 0

  constructor(options: ServerOptions) {
    const defaults = { handshakeDeadlineMs: 10_000, answerDeadlineMs: 5_000, pingIntervalMs: 15_000 }
    const { timeScale = 1 } = options
    const scaled = Object.entries(defaults).map(([name, ms]) => [name, ms * timeScale])
    this.#options = {
      ...(Object.fromEntries(scaled) as typeof defaults),
      sweepIntervalMs: 1_000,
      timeScale,
      ...options,
    }
    this.#http = createServer({
      headersTimeout: this.#options.handshakeDeadlineMs,
      requestTimeout: this.#options.handshakeDeadlineMs,
      connectionsCheckingInterval: this.#options.sweepIntervalMs,
      noDelay: true,
    })
    // closeTimeout is newer than @types/ws.
    const wsOptions = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MESSAGE_BYTES_MAX,
      closeTimeout: CLOSE_MS,
    }
    this.#ws = new WebSocketServer(wsOptions)
    this.#http.on('upgrade', (request, socket, head) => {
      this.#ws.handleUpgrade(request, socket, head, ws => {
        const peer = new WsPeer(ws, socket as Socket)
        peer.tell(this.#accept(peer))
      })
    })
    this.#reception = new Reception(this.#http, (socket, key) => {
      const peer = new NodePeer(socket, key)
      peer.tell(this.#accept(peer))
      return peer
    })
    this.#http.on('request', (_request, response) => {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' })
      response.end('This is the control port of an nslab controller: it speaks WebSocket.\n')
    })
    this.#http.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuseRequest(error, socket))
  }

  /** Connections open now, joined or not. */
  get connectionsCount(): number {
    return this.#connections.size
  }

  /** Resolves with where it listens. Throws KERNEL_REFUSED (a port in use, no such address). Takes over `fd`. */
  async listen(target: ListenTarget): Promise<{ readonly address: string; readonly port: number }> {
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => reject(listenError(error, target))
      const onListening = (): void => {
        this.#http.off('error', onError)
        resolve()
      }
      this.#http.once('error', onError)
      if ('fd' in target) this.#http.listen({ fd: target.fd }, LISTEN_BACKLOG, onListening)
      else this.#http.listen({ host: target.host, port: target.port, backlog: LISTEN_BACKLOG }, onListening)
    })
    // Accepting may fail for want of descriptors; the server goes on, and the peer tries again.
    this.#http.on('error', error => {
      this.#options.onEvent({ kind: 'error', message: `the control port can't accept: ${error.message}` })
    })
    this.#lastPingMs = performance.now()
    // After the sockets' turn: what peers said while this process stood still is read before they are judged silent.
    this.#sweeper = setInterval(() => {
      clearImmediate(this.#nextSweep)
      this.#nextSweep = setImmediate(() => this.#sweep())
    }, this.#options.sweepIntervalMs)
    const { address, port } = this.#http.address() as AddressInfo
    return { address, port }
  }

  /** Accepts nobody any more; resolves when the connections that the core has closed are gone (at most some 2 s). */
  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    clearImmediate(this.#nextSweep)
    this.#http.close()
    this.#http.closeAllConnections()
    this.#reception.close()
    for (const connection of this.#connections) connection.end()
    if (this.#connections.size > 0) await new Promise<void>(resolve => (this.#onIdle = resolve))
  }

  #accept(peer: Peer): Connection {
    const connection = new Connection(peer, this.#options.core, performance.now(), this.#onClose)
    this.#connections.add(connection)
    return connection
  }

  #sweep(): void {
    const nowMs = performance.now()
    const { handshakeDeadlineMs, answerDeadlineMs } = this.#options
    for (let count = this.#reception.dropSilent(nowMs, handshakeDeadlineMs); count > 0; count--) this.#refuseSilent()
    const isPingDue = nowMs - this.#lastPingMs >= this.#options.pingIntervalMs
    if (isPingDue) this.#lastPingMs = nowMs
    for (const connection of this.#connections) {
      if (!connection.dropIfSilent(nowMs, handshakeDeadlineMs, answerDeadlineMs) && isPingDue) connection.ping()
    }
  }

  #refuseRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
    socket.destroy()
    // A peer that resets its connection before it asked for anything was not refused.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      this.#refuseSilent()
      return
    }
    const reason = `not a WebSocket request (${error.code ?? error.message})`
    this.#options.onEvent({ kind: 'refused', code: 'malformed', reason })
  }

  #refuseSilent(): void {
    this.#options.onEvent({ kind: 'refused', code: 'silent', reason: 'connected and asked for nothing' })
  }
}

function listenError(error: NodeJS.ErrnoException, target: ListenTarget): NslabError {
  const where = 'fd' in target ? `descriptor ${target.fd}` : `${target.host}:${target.port}`
  const facts = { operation: 'listen', where, errno: error.code ?? 'unknown', reason: error.message }
  return new NslabError('KERNEL_REFUSED', facts, { cause: error })
}
