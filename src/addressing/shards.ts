// Slots to /22 shards: which bridge, gateway and address a slot has (facts/nextmini.md 3.1).

/** Addresses of a /22. */
export const SHARD_ADDRESSES_COUNT = 1024
/** Nodes of a /22: network, broadcast, gateway and one more are kept free, as the published formula does. */
export const SHARD_NODES_MAX = 1020
export const SHARD_PREFIX_LENGTH = 22
/** Longest interface name the kernel takes (IFNAMSIZ less its zero byte). */
export const INTERFACE_NAME_BYTES_MAX = 15

const ADDRESS_MAX = 0xffff_ffff

export const shardOf = (slot: number): number => Math.floor(slot / SHARD_NODES_MAX)

/** The first address of the /22 of `address`. */
const networkOf = (address: number): number => address - (address % SHARD_ADDRESSES_COUNT)

/** Place of the gateway in its /22; null where the published rule rejects it (0, or 1023 the broadcast address). */
export function gatewayOffsetOf(bridgeIp: number): number | null {
  const offset = bridgeIp % SHARD_ADDRESSES_COUNT
  return offset === 0 || offset >= SHARD_ADDRESSES_COUNT - 1 ? null : offset
}

export const gatewayOf = (bridgeIp: number, shard: number): number => bridgeIp + SHARD_ADDRESSES_COUNT * shard

/** Address of a slot. Slots step over the gateway where it is not the first address. */
export function addressOf(bridgeIp: number, slot: number): number {
  const gatewayOffset = bridgeIp % SHARD_ADDRESSES_COUNT
  const offset = 2 + (slot % SHARD_NODES_MAX)
  const stepped = gatewayOffset >= 2 && offset >= gatewayOffset ? offset + 1 : offset
  return networkOf(bridgeIp) + SHARD_ADDRESSES_COUNT * shardOf(slot) + stepped
}

/** Slots from `bridgeIp` on whose whole /22 lies within 32 bits. */
export function slotsMax(bridgeIp: number): number {
  return Math.floor((ADDRESS_MAX + 1 - networkOf(bridgeIp)) / SHARD_ADDRESSES_COUNT) * SHARD_NODES_MAX
}

/** The bridge of a shard: the name itself for shard 0, else its trailing digits replaced by the shard. */
export function bridgeNameOf(bridgeName: string, shard: number): string {
  return shard === 0 ? bridgeName : `${bridgeName.replace(/[0-9]+$/, '')}${shard}`
}

/** Names of a node's veth pair: host end and node end. `index` counts within the fleet, without the offset. */
export function vethNamesOf(index: number): { readonly host: string; readonly node: string } {
  return { host: `veth${index}a`, node: `veth${index}b` }
}
