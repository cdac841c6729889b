// Links as their two ends tell of them, against the plan's edges. A link agrees when each end names the other, their
// addresses are each other's and the planned ones, and each end is on the host that has its node.

import type { Plan } from '../../plan.ts'
import type { LinkEnd } from '../../protocol/steering.ts'
import type { LinkListing } from '../types.ts'

export interface LinkFacts {
  /** Planned edges whose link agrees. */
  readonly agreeing: number
  /** Links whose ends agree though nobody planned them; each is among the disagreeing, too. */
  readonly strays: number
  /** Planned edges that neither end has. */
  readonly missing: readonly string[]
  /** What is up and does not agree: with its other end, with its addresses, with its host, or with the plan. */
  readonly disagreeing: readonly string[]
  /** Links that agree and whose ends are on different hosts, by who told of them. */
  readonly crossing: number
}

interface End {
  readonly host: string
  readonly end: LinkEnd
}

type Ends = ReadonlyMap<string, readonly End[]>

/** The listings of one proof, or why they prove nothing. */
export function readLinks(plan: Plan, listings: readonly LinkListing[], proof: number): LinkFacts | string {
  const ofProof = listings.filter(listing => listing.proof === proof)
  const silent = plan.fleets.filter(({ host }) => !ofProof.some(listing => listing.host === host && !listing.more))
  if (silent.length > 0) return `${silent.map(({ host }) => host).join(', ')} did not say which links are up`
  const ends = endsOf(ofProof)
  const places = placesOf(plan)
  const facts = { agreeing: 0, strays: 0, crossing: 0, missing: [] as string[], disagreeing: [] as string[] }
  for (const [a, b] of plan.topology.edges) {
    const [one, other] = [ends.get(key(a, b)) ?? [], ends.get(key(b, a)) ?? []]
    if (one.length + other.length === 0) {
      facts.missing.push(`${a}-${b}`)
      continue
    }
    const fault = faultOf(a, b, one, other, places)
    if (fault !== null) {
      facts.disagreeing.push(`${a}-${b}: ${fault}`)
      continue
    }
    facts.agreeing++
    if (one[0]?.host !== other[0]?.host) facts.crossing++
  }
  for (const [a, b] of unplanned(plan, ends)) {
    const fault = faultOf(a, b, ends.get(key(a, b)) ?? [], ends.get(key(b, a)) ?? [], places)
    facts.disagreeing.push(`${a}-${b}: up, but not planned${fault === null ? '' : `; ${fault}`}`)
    if (fault === null) facts.strays++
  }
  return facts
}

/** Planned edges between nodes of different hosts. */
export function plannedCrossings(plan: Plan): number {
  const { hosts } = placesOf(plan)
  return plan.topology.edges.filter(([a, b]) => hosts.get(a) !== hosts.get(b)).length
}

/** Addresses that more than one node has, in the plan or as its link ends in any proof have it: "172.16.8.2: 1, 6". */
export function sharedAddresses(plan: Plan, listings: readonly LinkListing[]): string[] {
  const owners = new Map<string, Set<number | string>>()
  const own = (address: string, owner: number | string): void => {
    owners.set(address, (owners.get(address) ?? new Set()).add(owner))
  }
  for (const { fabric } of plan.fleets) for (const { nodeId, address } of fabric.nodes) own(address, nodeId)
  // A gateway's address may be that of another host's: each is in a fabric root of its own.
  for (const { host, fabric } of plan.fleets)
    for (const { name, address } of fabric.bridges) if (owners.has(address)) own(address, `${name} of ${host}`)
  for (const { ends } of listings) for (const [nodeId, , local] of ends) own(addressOf(local), nodeId)
  return [...owners].filter(([, ids]) => ids.size > 1).map(([address, ids]) => `${address}: ${[...ids].join(', ')}`)
}

/** Where the plan has each node. */
interface Places {
  readonly hosts: ReadonlyMap<number, string>
  readonly addresses: ReadonlyMap<number, string>
  readonly owners: ReadonlyMap<string, number>
}

function placesOf({ fleets }: Plan): Places {
  const hosts = new Map<number, string>()
  const addresses = new Map<number, string>()
  const owners = new Map<string, number>()
  for (const { host, nodeIdOffset, nNodes, fabric } of fleets) {
    for (let id = nodeIdOffset + 1; id <= nodeIdOffset + nNodes; id++) hosts.set(id, host)
    for (const { nodeId, address } of fabric.nodes) {
      addresses.set(nodeId, address)
      owners.set(address, nodeId)
    }
  }
  return { hosts, addresses, owners }
}

const key = (nodeId: number, peerId: number): string => `${nodeId}-${peerId}`

const addressOf = (endpoint: string): string => endpoint.slice(0, endpoint.lastIndexOf(':'))

function endsOf(listings: readonly LinkListing[]): Ends {
  const ends = new Map<string, End[]>()
  for (const { host, ends: listed } of listings)
    for (const end of listed) {
      const at = key(end[0], end[1])
      const same = ends.get(at)
      if (same === undefined) ends.set(at, [{ host, end }])
      else same.push({ host, end })
    }
  return ends
}

/** Why the link of an edge does not agree; null where it does. */
function faultOf(a: number, b: number, one: readonly End[], other: readonly End[], places: Places): string | null {
  const [first, second] = [one[0], other[0]]
  // What an end says of itself comes first: it tells where it really leads.
  const own = [...one, ...other].map(end => faultOfEnd(end, places)).find(fault => fault !== null)
  if (own !== undefined) return own
  if (first === undefined || second === undefined) {
    const [has, lacks] = first === undefined ? [b, a] : [a, b]
    return `node ${has} has it, node ${lacks} does not`
  }
  if (one.length > 1 || other.length > 1) return `node ${one.length > 1 ? a : b} has it twice`
  const [, , local, remote] = first.end
  const [, , otherLocal, otherRemote] = second.end
  if (local === otherRemote && remote === otherLocal) return null
  return `node ${a} has ${local} to ${remote}, node ${b} has ${otherLocal} to ${otherRemote}`
}

function faultOfEnd({ host, end: [nodeId, peerId, local, remote] }: End, places: Places): string | null {
  const planned = places.hosts.get(nodeId)
  if (planned !== host) return `node ${nodeId} is on ${host}, planned on ${planned ?? 'no host'}`
  for (const [id, endpoint, side] of [
    [nodeId, local, 'its own side'],
    [peerId, remote, 'the other side'],
  ] as const) {
    const address = addressOf(endpoint)
    if (address === places.addresses.get(id)) continue
    const owner = places.owners.get(address)
    const whose = owner === undefined ? 'nobody' : `node ${owner}`
    return `node ${nodeId} has ${local} to ${remote} as its link to node ${peerId}, but ${side} is ${whose}'s address`
  }
  return null
}

/** Pairs of nodes that the plan does not link and of which one at least has a link to the other, lower id first. */
function unplanned({ topology }: Plan, ends: Ends): (readonly [number, number])[] {
  const planned = new Set(topology.edges.flatMap(([a, b]) => [key(a, b), key(b, a)]))
  return [...ends].flatMap(([at, list]) => {
    const [nodeId, peerId] = (list[0] as End).end
    const isSecond = nodeId > peerId && ends.has(key(peerId, nodeId))
    return planned.has(at) || isSecond ? [] : [[Math.min(nodeId, peerId), Math.max(nodeId, peerId)] as const]
  })
}
