// Nodes of a fleet started by hand reach the machine's own controller through their gateway: a listener inside the
// fabric root whose connections are piped to loopback. Not used under `nslab run`, where the controller listens in the
// root itself.

import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Netns } from '../native/netns.ts'
import { RELAY_BACKLOG } from './limits.ts'

export class Relay {
  #server: Server
  #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  /** Listens on `port` inside `root` and pipes each connection to `host`:`port` on the machine's own network. */
  static async open(root: Netns, host: string, port: number): Promise<Relay> {
    const fd = await root.openSocket({ listen: { address: '0.0.0.0', port, backlog: RELAY_BACKLOG } })
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    const relay = new Relay(server)
    server.on('connection', near => relay.#join(near, host, port))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ fd }, resolve)
    })
    return relay
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise(resolve => this.#server.close(() => resolve()))
  }

  #join(near: Socket, host: string, port: number): void {
    const far = connect({ host, port, allowHalfOpen: true, noDelay: true })
    this.#pair(near, far)
    this.#pair(far, near)
    near.pipe(far)
    far.pipe(near)
  }

  /** Ends `other` with `one`, whichever way it ends: a node must see a controller that is not there. */
  #pair(one: Socket, other: Socket): void {
    this.#sockets.add(one)
    one.on('error', () => other.destroy())
    one.on('close', () => {
      this.#sockets.delete(one)
      other.destroySoon()
    })
  }
}
