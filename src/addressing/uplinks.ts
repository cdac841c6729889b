// The underlay between hosts: which address each fabric root has on it, and through whom it reaches the others' fleets.
// Pure.

import { NslabError } from '../base/errors.ts'
import { UNDERLAY_MTU } from '../base/limits.ts'
import type { BridgeSpec, FabricSpec } from '../native/fabric.ts'
import type { UplinkRoute } from '../native/netns.ts'
import type { NamedFleet } from './disjoint.ts'
import { formatIpv4, parseIpv4 } from './ipv4.ts'
import { uplinkMacOf } from './mac.ts'

/**
 * Kept for tests of networks and routed nowhere (RFC 2544), so that no bridge_ip of a real file lies in it.
 */
const UNDERLAY_NETWORK = '198.18.0.0'
const UNDERLAY_PREFIX_LENGTH = 24
/** Its interface in a fabric root. */
export const UPLINK_INTERFACE = 'uplink0'

/** The last host address of the underlay; fleets' hosts count from the first. */
const CONTROLLER_OFFSET = 254

export interface HostUplink {
  readonly host: string
  readonly address: string
  readonly prefixLength: number
  readonly mac: string
  /** As the scenario has it (hosts.mtu); `mtuOf` knows it where nothing is said. */
  readonly mtu?: number
  /** Every other fleet's /22s, each by its host's underlay address. */
  readonly routes: readonly UplinkRoute[]
}

export interface UplinkRequest {
  /** In the order of their hosts: the first has the underlay's first address. */
  readonly fleets: readonly NamedFleet[]
  /** Name of a host that has a controller and no fleet. */
  readonly controllerHost?: string
  /** The same for every uplink. */
  readonly mtu?: number | undefined
}

/** MTU of an uplink, and of the segment that it is on. */
export const mtuOf = ({ mtu }: Pick<HostUplink, 'mtu'>): number => mtu ?? UNDERLAY_MTU

/**
 * Plans the underlay of several hosts; none for a single one. Throws CONFIG_INVALID naming both sides where a fleet's
 * range meets another's or the underlay.
 */
export function planUplinks({ fleets, controllerHost, mtu }: UplinkRequest): HostUplink[] {
  const hosts = fleets.map(({ host, fabric }, index) => ({ host, offset: index + 1, networks: networksOf(fabric) }))
  checkRanges(hosts)
  checkNames(fleets)
  if (controllerHost !== undefined) hosts.push({ host: controllerHost, offset: CONTROLLER_OFFSET, networks: [] })
  if (hosts.length < 2) return []
  return hosts.map(({ host, offset }) => {
    const address = underlayAddress(offset)
    const routes = hosts
      .filter(other => other.offset !== offset)
      .flatMap(other => other.networks.map(({ text: to }) => ({ to, via: formatIpv4(underlayAddress(other.offset)) })))
    return {
      host,
      address: formatIpv4(address),
      prefixLength: UNDERLAY_PREFIX_LENGTH,
      mac: uplinkMacOf(address),
      ...(mtu === undefined ? {} : { mtu }),
      routes,
    }
  })
}

/** The whole of the range that RFC 2544 keeps. */
const HAND_PREFIX_LENGTH = 15
const HAND_ID_MAX = 2 ** (32 - HAND_PREFIX_LENGTH) - 2

/**
 * The uplink of a fleet started by hand, whose routes come as it meets others: its address follows from its first id,
 * so that fleets without common ids need not agree on one. Throws CONFIG_INVALID where there is none for that id, or
 * where the fleet's own range lies in the underlay.
 */
export function uplinkByHand(host: string, fabric: FabricSpec): HostUplink {
  const firstId = fabric.nodes[0]?.nodeId ?? 0
  const problems: string[] = []
  if (firstId > HAND_ID_MAX)
    problems.push(`node_id_offset: the underlay has addresses for fleets whose first id is at most ${HAND_ID_MAX}`)
  const underlay = networkAt(UNDERLAY_NETWORK, HAND_PREFIX_LENGTH)
  for (const network of networksOf(fabric))
    if (network.first <= underlay.last && underlay.first <= network.last)
      problems.push(`bridge_ip: ${network.text} meets ${underlay.text} of the underlay`)
  if (problems.length > 0) throw new NslabError('CONFIG_INVALID', { source: 'the fleet', problems })
  const address = underlayAddress(firstId)
  const mac = uplinkMacOf(address)
  return { host, address: formatIpv4(address), prefixLength: HAND_PREFIX_LENGTH, mac, routes: [] }
}

interface Network {
  readonly first: number
  readonly last: number
  /** "172.16.8.0/22" */
  readonly text: string
}

const underlayAddress = (offset: number): number => (parseIpv4(UNDERLAY_NETWORK) as number) + offset

function networksOf({ bridges }: { readonly bridges: readonly BridgeSpec[] }): Network[] {
  return bridges.map(({ address, prefixLength }) => networkAt(address, prefixLength))
}

function networkAt(address: string, prefixLength: number): Network {
  const size = 2 ** (32 - prefixLength)
  const number = parseIpv4(address) as number
  const first = number - (number % size)
  return { first, last: first + size - 1, text: `${formatIpv4(first)}/${prefixLength}` }
}

function checkRanges(hosts: readonly { readonly host: string; readonly networks: readonly Network[] }[]): void {
  const problems: string[] = []
  if (hosts.length >= CONTROLLER_OFFSET)
    problems.push(`hosts: the underlay has addresses for ${CONTROLLER_OFFSET - 1} fleets, not for ${hosts.length}`)
  const underlay = { owner: 'the underlay', ...networkAt(UNDERLAY_NETWORK, UNDERLAY_PREFIX_LENGTH) }
  const ranges = hosts.flatMap(({ host, networks }) => networks.map(network => ({ owner: host, ...network })))
  const sorted = [underlay, ...ranges].sort((a, b) => a.first - b.first || a.last - b.last)
  let widest = sorted[0] as (typeof sorted)[number]
  for (const range of sorted.slice(1)) {
    if (range.first <= widest.last)
      problems.push(`bridge_ip: ${range.text} of ${range.owner} meets ${widest.text} of ${widest.owner}`)
    if (range.last > widest.last) widest = range
  }
  if (problems.length > 0) throw new NslabError('CONFIG_INVALID', { source: 'the fleets', problems })
}

function checkNames(fleets: readonly NamedFleet[]): void {
  const owner = fleets.find(({ fabric }) => fabric.bridges.some(({ name }) => name === UPLINK_INTERFACE))
  if (owner === undefined) return
  const problems = [`bridge_name: ${UPLINK_INTERFACE} of ${owner.host} is the name of its uplink`]
  throw new NslabError('CONFIG_INVALID', { source: 'the fleets', problems })
}
