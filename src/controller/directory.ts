// Who is connected under which id, and which address belongs to whom. Pure.

import type { NodeMessage } from '../protocol/messages.ts'

/** What a node says of itself when it joins. */
export interface Identity {
  readonly nodeId: number
  readonly incarnation: number
  /** Absent: a peer that does not say so. */
  readonly fleet?: string
  readonly privateNetworkName: string
  readonly privateNetworkAddr: string
  readonly publicNetworkAddr: string
  /** What it says of itself; absent: nothing. */
  readonly operatingMode?: 'max'
}

/** The connected nodes. `T` is what a caller keeps for each (its session). */
export class Directory<T extends { readonly identity: Identity }> {
  readonly #byId = new Map<number, T>()
  /** Public addresses are one space; private ones are a space per network name. */
  readonly #idByPublicAddress = new Map<string, number>()
  readonly #idByPrivateAddress = new Map<string, Map<string, number>>()

  get size(): number {
    return this.#byId.size
  }

  get(nodeId: number): T | undefined {
    return this.#byId.get(nodeId)
  }

  values(): IterableIterator<T> {
    return this.#byId.values()
  }

  /** Another connected id that owns one of these addresses, and the address; null when they are free. */
  conflict(identity: Identity): { readonly nodeId: number; readonly address: string } | null {
    const { nodeId, privateNetworkName, privateNetworkAddr, publicNetworkAddr } = identity
    const publicOwner = this.#idByPublicAddress.get(publicNetworkAddr) ?? nodeId
    if (publicOwner !== nodeId) return { nodeId: publicOwner, address: publicNetworkAddr }
    const privateOwner = this.#idByPrivateAddress.get(privateNetworkName)?.get(privateNetworkAddr) ?? nodeId
    return privateOwner === nodeId ? null : { nodeId: privateOwner, address: privateNetworkAddr }
  }

  add(entry: T): void {
    const { identity } = entry
    if (this.#byId.has(identity.nodeId)) throw new Error(`node ${identity.nodeId} is in the directory already`)
    this.#byId.set(identity.nodeId, entry)
    this.#idByPublicAddress.set(identity.publicNetworkAddr, identity.nodeId)
    const { privateNetworkName, privateNetworkAddr } = identity
    const network = this.#idByPrivateAddress.get(privateNetworkName)
    if (network !== undefined) network.set(privateNetworkAddr, identity.nodeId)
    else this.#idByPrivateAddress.set(privateNetworkName, new Map([[privateNetworkAddr, identity.nodeId]]))
  }

  remove(entry: T): void {
    const { identity } = entry
    if (this.#byId.get(identity.nodeId) !== entry) throw new Error(`node ${identity.nodeId} is not in the directory`)
    this.#byId.delete(identity.nodeId)
    this.#idByPublicAddress.delete(identity.publicNetworkAddr)
    const network = this.#idByPrivateAddress.get(identity.privateNetworkName)
    network?.delete(identity.privateNetworkAddr)
    if (network?.size === 0) this.#idByPrivateAddress.delete(identity.privateNetworkName)
  }
}

/**
 * The address at which `from` reaches `to`: the private one inside one private network, else the public one.
 * An empty name counts as a name, as in the published protocol.
 */
export function addressBetween(from: Identity, to: Identity): string {
  return from.privateNetworkName === to.privateNetworkName ? to.privateNetworkAddr : to.publicNetworkAddr
}

/** What the message of a node that joins says of it. */
export function identityOf(message: Extract<NodeMessage, { type: 'StartUp' }>): Identity {
  return {
    nodeId: message.node_id,
    incarnation: message.incarnation,
    ...(message.fleet === undefined ? {} : { fleet: message.fleet }),
    privateNetworkName: message.private_network_name,
    privateNetworkAddr: message.private_network_addr,
    publicNetworkAddr: message.public_network_addr,
    ...(message.operating_mode === undefined ? undefined : { operatingMode: message.operating_mode }),
  }
}

/** Why `newer` is refused. */
export function takenReason(older: Identity, newer: Identity): string {
  return `${describe(older)} is connected; refused ${describe(newer)}`
}

function describe({ nodeId, incarnation, fleet, publicNetworkAddr }: Identity): string {
  // Without the number at its end: who knows a fleet's whole name passes for one of its nodes.
  const of = fleet === undefined ? '' : ` of fleet ${fleet.replace(/:[0-9a-f]{8}$/, '')}`
  return `node ${nodeId}${of} (incarnation ${incarnation}, ${publicNetworkAddr})`
}
