// The bridge that joins the fabric roots of one machine, in a network namespace of its own: neither a root nor the
// machine has to do with another's frames. It ends with the last who holds it.

import { type HostUplink, UPLINK_INTERFACE } from '../addressing/uplinks.ts'
import type { Addon } from '../native/addon.ts'
import type { Netns } from '../native/netns.ts'

const BRIDGE = 'seg0'

export class Segment {
  readonly netns: Netns
  readonly #mtu: number
  readonly #portPrefix: string
  /** Port of each host that was attached. */
  readonly #ports = new Map<string, string>()
  #portsMade = 0

  private constructor(netns: Netns, mtu: number, portPrefix = 'port') {
    this.netns = netns
    this.#mtu = mtu
    this.#portPrefix = portPrefix
  }

  /** Makes a segment. `mtu`: of it and of every uplink. Rejects as Netns.addBridge. */
  static async make(native: Pick<Addon, 'Netns'>, mtu: number, portPrefix?: string): Promise<Segment> {
    const netns = await native.Netns.create()
    try {
      await netns.addBridge(BRIDGE, mtu)
    } catch (error) {
      netns.close()
      throw error
    }
    return new Segment(netns, mtu, portPrefix)
  }

  /**
   * A segment that another process has made and this one joins too. Takes over `netns`. `mtu` is the maker's;
   * `portPrefix` tells this process' ports from others', and leaves room for a number in the 15 bytes of a name.
   */
  static over(netns: Netns, mtu: number, portPrefix: string): Segment {
    return new Segment(netns, mtu, portPrefix)
  }

  /**
   * Gives a root its uplink. A host may come again with another root: what the kernel has not yet removed of the one
   * before is not in its way. Rejects as Netns.addUplink.
   */
  async attach(root: Netns, uplink: HostUplink): Promise<void> {
    const port = `${this.#portPrefix}${++this.#portsMade}`
    const from = { kind: 'veth', segment: this.netns, bridge: BRIDGE, port } as const
    const { address, prefixLength, mac, routes } = uplink
    await root.addUplink({ name: UPLINK_INTERFACE, address, prefixLength, mac, mtu: this.#mtu, routes, from })
    this.#ports.set(uplink.host, port)
  }

  /**
   * Cuts a host off, unseen by it, or joins it again. A host that comes again is joined. Rejects as
   * Netns.setBridgePort: ENODEV where its root is gone.
   */
  async setCut(host: string, cut: boolean): Promise<void> {
    const port = this.#ports.get(host)
    if (port === undefined) throw new Error(`host ${host} was not attached to the segment`)
    await this.netns.setBridgePort(port, !cut)
  }

  close(): void {
    this.netns.close()
  }
}
