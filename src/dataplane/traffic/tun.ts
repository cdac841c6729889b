// The TUN interfaces of a fleet's nodes: by them ordinary programs reach other nodes over the emulated network.

import { parseIpv4 } from '../../base/ipv4.ts'
import type { DataplaneConfig } from '../../config/types.ts'
import type { PacketEngine, TunSpec } from '../../native/engine.ts'
import type { Netns } from '../../native/netns.ts'

export interface TunAddresses {
  readonly virtual_base_addr: string
  readonly net_mask: string
}

export interface TunsOptions {
  readonly config: Pick<DataplaneConfig, 'engine' | 'mtu'>
  /** Throws where the node has none now. */
  readonly netnsOf: (nodeId: number) => Netns
}

/** What the interface of each node is like: its address is the base plus its id, its route goes to the whole range. */
function tunSpec(addresses: TunAddresses, config: TunsOptions['config']): TunSpec {
  const base = parseIpv4(addresses.virtual_base_addr) as number
  const mask = parseIpv4(addresses.net_mask) as number
  const hosts = 0xffff_ffff - mask
  const last = base - (base % (hosts + 1)) + hosts
  return {
    name: config.engine.tunName,
    baseAddress: addresses.virtual_base_addr,
    prefixLength: 32 - Math.round(Math.log2(hosts + 1)),
    mtu: config.mtu,
    // The last address of the range is its broadcast address.
    nodesMax: Math.max(0, last - 1 - base),
    offloads: config.engine.tunOffloads,
  }
}

export class Tuns {
  readonly #options: TunsOptions
  #addresses: TunAddresses | null = null
  /** Null: it is there. A sentence: why it is not. */
  readonly #attached = new Map<number, Promise<string | null>>()

  constructor(options: TunsOptions) {
    this.#options = options
  }

  /** Whether every node has one from when all are ready. */
  get isAlways(): boolean {
    return this.#options.config.engine.tun === 'on'
  }

  learn(addresses: TunAddresses): void {
    this.#addresses = addresses
  }

  /** The node's namespace is gone, and all in it. */
  forget(nodeId: number): void {
    this.#attached.delete(nodeId)
  }

  forgetAll(): void {
    this.#attached.clear()
  }

  /** Resolves when the node has its interface, or with why it has none. Where nodes have none, it never has. */
  attach(engine: PacketEngine | null, nodeId: number): Promise<string | null> {
    if (this.#options.config.engine.tun === 'off') return Promise.resolve(null)
    const known = this.#attached.get(nodeId)
    if (known !== undefined) return known
    const attaching = this.#attach(engine, nodeId)
    this.#attached.set(nodeId, attaching)
    // Whoever asks next tries again.
    attaching.then(problem => {
      if (problem !== null && this.#attached.get(nodeId) === attaching) this.#attached.delete(nodeId)
    })
    return attaching
  }

  async #attach(engine: PacketEngine | null, nodeId: number): Promise<string | null> {
    const { config, netnsOf } = this.#options
    if (engine === null || this.#addresses === null)
      return `node ${nodeId} has no ${config.engine.tunName} yet: ${EARLY}`
    try {
      await engine.attachTun(nodeId, netnsOf(nodeId), tunSpec(this.#addresses, config))
      return null
    } catch (error) {
      return `node ${nodeId} has no ${config.engine.tunName}: ${(error as Error).message}`
    }
  }
}

const EARLY = 'the controller has not said which addresses nodes have'
