// The range of one fleet among others that share its subnets: ids, the networks that cover exactly its addresses, and
// the gateways it answers for. Pure.

import type { FabricSpec } from '../native/fabric.ts'
import { formatIpv4, parseIpv4 } from './ipv4.ts'

/** As fleets tell each other. */
export interface FleetRange {
  readonly first_id: number
  readonly last_id: number
  /** Disjoint, ascending: "172.16.8.7/32". */
  readonly networks: readonly string[]
  readonly gateways: readonly string[]
}

/** The range of a fleet whose nodes have rising addresses. */
export function rangeOf(fabric: FabricSpec): FleetRange {
  const ids = fabric.nodes.map(node => node.nodeId)
  const networks = fabric.bridges.flatMap((_, bridge) => {
    const addresses = fabric.nodes.filter(node => node.bridge === bridge).map(node => numberOf(node.address))
    return coverOf(addresses[0] as number, addresses.at(-1) as number)
  })
  return {
    first_id: ids[0] as number,
    last_id: ids.at(-1) as number,
    networks,
    gateways: fabric.bridges.map(({ address }) => address),
  }
}

/** The fewest networks that hold the addresses from `first` to `last` and no other. */
export function coverOf(first: number, last: number): string[] {
  const networks: string[] = []
  for (let next = first; next <= last; ) {
    let size = 1
    let prefixLength = 32
    while (next % (2 * size) === 0 && next + 2 * size - 1 <= last) {
      size *= 2
      prefixLength--
    }
    networks.push(`${formatIpv4(next)}/${prefixLength}`)
    next += size
  }
  return networks
}

/**
 * Why two fleets can't be joined, from the first one's side; null when they can. They may have the same gateways: each
 * root answers for its own nodes. A gateway that is another's node would hide it.
 */
export function overlapOf(own: FleetRange, other: FleetRange): string | null {
  if (own.first_id <= other.last_id && other.first_id <= own.last_id)
    return `its ids ${own.first_id} to ${own.last_id} meet ids ${other.first_id} to ${other.last_id}`
  for (const network of own.networks) {
    const met = other.networks.find(candidate => meet(network, candidate))
    if (met !== undefined) return `its addresses ${network} meet ${met}`
  }
  for (const gateway of own.gateways) {
    const met = other.networks.find(network => meet(`${gateway}/32`, network))
    if (met !== undefined) return `its gateway ${gateway} is one of the addresses ${met}`
  }
  for (const gateway of other.gateways) {
    const met = own.networks.find(network => meet(`${gateway}/32`, network))
    if (met !== undefined) return `its addresses ${met} hold the gateway ${gateway}`
  }
  return null
}

const numberOf = (address: string): number => parseIpv4(address) as number

function meet(a: string, b: string): boolean {
  const [one, other] = [boundsOf(a), boundsOf(b)]
  return one.first <= other.last && other.first <= one.last
}

function boundsOf(network: string): { readonly first: number; readonly last: number } {
  const slash = network.indexOf('/')
  const first = numberOf(network.slice(0, slash))
  return { first, last: first + 2 ** (32 - Number(network.slice(slash + 1))) - 1 }
}
