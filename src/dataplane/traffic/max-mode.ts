// Max mode of one node: its server, and the neighbours to which its flows go in streams of their own. The server is
// opened when all nodes are ready; until then, and to neighbours that have none, packets go in links.
//
// Streams know nothing of how a link is shaped. So that an emulated link is what it is said to be, packets go in the
// link, one behind the other, wherever its direction has a shape.

import { parseControllerAddr } from '../../config/host.ts'
import type { PacketEngine } from '../../native/engine.ts'
import type { Netns } from '../../native/netns.ts'
import type { LinkShapes } from './link-shapes.ts'

export interface MaxServer {
  readonly nodeId: number
  readonly address: string
  readonly port: number
  /** Throws where the node has none now. */
  readonly netns: () => Netns
}

/** Server null: in the link again. */
type Move = readonly [peerId: number, server: { readonly host: string; readonly port: number } | null]

/** Resolves to whether it was done. */
type Ask = (command: Promise<void>, what: string) => Promise<boolean>

export class MaxMode {
  readonly #server: MaxServer
  /** Neighbours' servers, "host:port". */
  readonly #told = new Map<number, { readonly address: string; isStale: boolean }>()
  /** What the engine has. */
  readonly #peers = new Map<number, string>()
  #serving: Promise<boolean> | null = null

  constructor(server: MaxServer) {
    this.#server = server
  }

  add(peerId: number, address: string): void {
    this.#told.set(peerId, { address, isStale: false })
  }

  /** It is gone until it is added again. */
  remove(peerId: number): void {
    this.#told.delete(peerId)
  }

  /** The control connection is gone: what holds is told again by the next one. */
  parted(): void {
    for (const peer of this.#told.values()) peer.isStale = true
  }

  /** All has been told: servers that were not, again, are gone. */
  settle(): void {
    for (const [peerId, { isStale }] of this.#told) if (isStale) this.#told.delete(peerId)
  }

  /** Resolves when it holds for every packet that comes after; null: nothing was to be done. */
  prepare(engine: PacketEngine, links: Pick<LinkShapes, 'isShaped'>, ask: Ask): Promise<unknown> | null {
    const isNew = this.#serving === null
    this.#serving ??= this.#serve(engine, ask)
    const serving = this.#serving
    const moves = this.#moves(links)
    if (!isNew && moves.length === 0) return null
    // Asked at once: what comes when the server is open can go on in a stream, and is spliced.
    const asked = moves.map(([peerId, server]) => {
      const command = engine.setMaxPeer(this.#server.nodeId, peerId, server?.host ?? null, server?.port)
      command.catch(() => {})
      return { command, what: `send to node ${peerId} in ${server === null ? 'the link' : 'streams'}` }
    })
    // Without a server nothing of this can be, which was told.
    return serving.then(isOpen => (isOpen ? Promise.all(asked.map(({ command, what }) => ask(command, what))) : null))
  }

  #serve(engine: PacketEngine, ask: Ask): Promise<boolean> {
    const { nodeId, address, port, netns } = this.#server
    const open = async (): Promise<void> => engine.serveMax(nodeId, netns(), address, port)
    return ask(open(), `open its max server at ${address}:${port}, so that its packets go in links`)
  }

  #moves(links: Pick<LinkShapes, 'isShaped'>): Move[] {
    const wanted = new Map<number, string>()
    for (const [peerId, { address }] of this.#told) if (!links.isShaped(peerId)) wanted.set(peerId, address)
    const moves: Move[] = []
    for (const peerId of this.#peers.keys()) if (!wanted.has(peerId)) moves.push([peerId, null])
    for (const [peerId, address] of wanted)
      if (this.#peers.get(peerId) !== address) moves.push([peerId, parseControllerAddr(address)])
    for (const [peerId, server] of moves)
      if (server === null) this.#peers.delete(peerId)
      else this.#peers.set(peerId, wanted.get(peerId) as string)
    return moves
  }
}
