// Where fleets started by hand on one machine meet: one of them listens on a unix socket, says which segment joins
// them, and tells each who else is there. A fleet that overlaps another is refused before it makes anything.

import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { type FleetRange, overlapOf } from '../addressing/ranges.ts'
import { Channel } from '../base/channel.ts'
import type { Netns, NetnsIdentity } from '../native/netns.ts'

/** A fleet as it is known to the others. */
export interface Member extends FleetRange {
  readonly fleet: string
  /** Of its root's uplink, in the segment. */
  readonly address: string
}

/** A namespace in another process: a descriptor there, and the name that proves it is still the one meant. */
export interface SegmentPlace {
  readonly pid: number
  readonly fd: number
  readonly name: string
}

export type ToPlace = { readonly say: 'join'; readonly member: Member }

export type FromPlace =
  | { readonly say: 'joined'; readonly segment: SegmentPlace; readonly members: readonly Member[] }
  | { readonly say: 'refused'; readonly reason: string }
  | { readonly say: 'met'; readonly member: Member }
  | { readonly say: 'left'; readonly fleet: string }

/** What no other namespace of this boot is called. Before Linux 5.14 there are no cookies. */
export function netnsName({ cookie, device, inode, createdNs }: NetnsIdentity): string {
  return cookie === 0n ? `${device}-${inode}-${createdNs}` : String(cookie)
}

export class MeetingPlace {
  readonly #server: Server
  readonly #segment: Netns
  readonly #members = new Map<string, { readonly member: Member; readonly channel: Channel<FromPlace, ToPlace> }>()
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, segment: Netns) {
    this.#server = server
    this.#segment = segment
  }

  /** Listens on `path`, where nobody else does: what is there is left from the dead. `segment` is borrowed. */
  static async open(path: string, segment: Netns): Promise<MeetingPlace> {
    rmSync(path, { force: true })
    const server = createServer()
    const place = new MeetingPlace(server, segment)
    server.on('connection', socket => place.#serve(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    return place
  }

  /** Its members hear of it by their connections' end, and meet anew. */
  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise(resolve => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    let own: string | null = null
    const channel = new Channel<FromPlace, ToPlace>(
      socket,
      ({ member }) => {
        if (own === null && this.#join(member, channel)) own = member.fleet
      },
      () => {
        this.#sockets.delete(socket)
        socket.destroy()
        if (own !== null) this.#leave(own)
      },
    )
  }

  #join(member: Member, channel: Channel<FromPlace, ToPlace>): boolean {
    const others = [...this.#members.values()]
    for (const { member: other } of others) {
      const overlap = overlapOf(member, other)
      if (overlap === null) continue
      const reason = `${overlap} of fleet ${other.fleet}, which has the same controller`
      channel.send({ say: 'refused', reason })
      return false
    }
    for (const other of others) other.channel.send({ say: 'met', member })
    this.#members.set(member.fleet, { member, channel })
    const { fd, identity } = this.#segment
    const segment = { pid: process.pid, fd, name: netnsName(identity) }
    channel.send({ say: 'joined', segment, members: others.map(other => other.member) })
    return true
  }

  #leave(fleet: string): void {
    this.#members.delete(fleet)
    for (const { channel } of this.#members.values()) channel.send({ say: 'left', fleet })
  }
}
