// A fleet's kernel objects as data: bridges, nodes, addresses, MAC addresses, permanent neighbours.

import { NslabError } from '../base/errors.ts'
import type { BridgeSpec, FabricSpec, NodeSpec } from '../native/fabric.ts'
import { neighboursOf } from '../topology/make.ts'
import type { Topology } from '../topology/types.ts'
import { bridgeMacOf, formatIpv4, macOf, parseIpv4 } from './ipv4.ts'
import {
  addressOf,
  bridgeNameOf,
  gatewayOf,
  gatewayOffsetOf,
  INTERFACE_NAME_BYTES_MAX,
  SHARD_PREFIX_LENGTH,
  shardOf,
  slotsMax,
  vethNamesOf,
} from './shards.ts'

export interface FleetRequest {
  readonly nNodes: number
  /** Ids run from nodeIdOffset + 1. */
  readonly nodeIdOffset: number
  /** Gateway of the first shard, for example 172.16.8.1. */
  readonly bridgeIp: string
  readonly bridgeName: string
  readonly mtu: number
  /** Whose edges become permanent neighbour entries; absent: none but the gateway's. */
  readonly topology?: Topology
  /** Take slot = nodeIdOffset + idx in place of idx: fleets whose files all say the same bridge_ip then never meet. */
  readonly slotByOffset?: boolean
}

/** Plans one fleet. Throws CONFIG_INVALID naming every value that does not fit. */
export function planFleet(request: FleetRequest): FabricSpec {
  const bridgeIp = checkRequest(request)
  const firstSlot = request.slotByOffset === true ? request.nodeIdOffset : 0
  const firstShard = shardOf(firstSlot)
  const lastShard = shardOf(firstSlot + request.nNodes - 1)
  const bridges: BridgeSpec[] = []
  for (let shard = firstShard; shard <= lastShard; shard++) bridges.push(bridgeOf(request, bridgeIp, shard))
  const nodes: NodeSpec[] = []
  for (let index = 0; index < request.nNodes; index++) {
    const slot = firstSlot + index
    const address = addressOf(bridgeIp, slot)
    const bridge = shardOf(slot) - firstShard
    const names = vethNamesOf(index)
    nodes.push({
      nodeId: request.nodeIdOffset + index + 1,
      bridge,
      hostInterface: names.host,
      nodeInterface: names.node,
      mac: macOf(address),
      address: formatIpv4(address),
      prefixLength: SHARD_PREFIX_LENGTH,
      gateway: (bridges[bridge] as BridgeSpec).address,
    })
  }
  return { bridges, nodes, neighbours: neighbourIndexes(nodes, request), mtu: request.mtu }
}

function bridgeOf({ bridgeName, slotByOffset }: FleetRequest, bridgeIp: number, shard: number): BridgeSpec {
  const gateway = gatewayOf(bridgeIp, shard)
  return {
    name: bridgeNameOf(bridgeName, shard),
    mac: bridgeMacOf(gateway),
    address: formatIpv4(gateway),
    prefixLength: SHARD_PREFIX_LENGTH,
    // Slots of the same /22 may be on other hosts.
    ...(slotByOffset === true ? { proxyArp: true } : undefined),
  }
}

/** For each node the indexes of its topology neighbours in the same fleet and the same /22. */
function neighbourIndexes(nodes: readonly NodeSpec[], request: FleetRequest): number[][] {
  const topology = request.topology
  return nodes.map(node => {
    if (topology === undefined || node.nodeId > topology.nodesCount) return []
    const indexes: number[] = []
    for (const id of neighboursOf(topology, node.nodeId)) {
      const index = id - request.nodeIdOffset - 1
      if (nodes[index]?.bridge === node.bridge) indexes.push(index)
    }
    return indexes
  })
}

/** The bridge's address as a number, or CONFIG_INVALID with every problem. */
function checkRequest(request: FleetRequest): number {
  const problems: string[] = []
  const bridgeIp = parseIpv4(request.bridgeIp)
  const lastSlot = (request.slotByOffset === true ? request.nodeIdOffset : 0) + request.nNodes - 1
  if (bridgeIp === null) problems.push(`bridge_ip = ${request.bridgeIp}: must be an IPv4 address`)
  else if (gatewayOffsetOf(bridgeIp) === null)
    problems.push(`bridge_ip = ${request.bridgeIp}: must not be the first or the last address of its /22`)
  else if (lastSlot >= slotsMax(bridgeIp))
    problems.push(
      `n_nodes = ${request.nNodes}: from bridge_ip ${request.bridgeIp} on ${slotsMax(bridgeIp)} nodes fit in 32 bits`,
    )
  const widest = bridgeNameOf(request.bridgeName, shardOf(lastSlot))
  for (const name of new Set([request.bridgeName, widest]))
    if (Buffer.byteLength(name) > INTERFACE_NAME_BYTES_MAX)
      problems.push(`bridge_name = ${name}: must be at most ${INTERFACE_NAME_BYTES_MAX} bytes`)
  if (problems.length > 0) throw new NslabError('CONFIG_INVALID', { source: 'the fleet', problems })
  return bridgeIp as number
}
