// The frame that carries a packet over a link: the slow and obvious second codec of what native/engine speaks. Layout
// and rules are documented once, in native/engine/packets/frame.h; a test holds both together.

export const PACKET_VERSION = 1
export const PACKET_HEADER_BYTES = 24
export const PACKET_BYTES_MIN = 20
export const PACKET_BYTES_MAX = 65_535

const MAGIC = 'NSLK'
const KIND = 5
/** Of the word that the hops left are in. */
const flagBits = { group: 0x8000, tree: 0x4000 } as const
export const HOPS_MAX = 0x3fff

export interface PacketHeader {
  /** Of the packet that follows, from PACKET_BYTES_MIN to PACKET_BYTES_MAX. */
  readonly packetBytes: number
  /** Node id, uint32 from 1. */
  readonly source: number
  /** Where the packet goes: a node's id or a group's number, uint32 from 1. */
  readonly destination: number
  readonly isGroup: boolean
  /** Tree of the group, uint16; null: the one that relays choose. Only of groups. */
  readonly tree: number | null
  /** uint32 */
  readonly flow: number
  /** At most HOPS_MAX. */
  readonly hopsLeft: number
}

export type FrameFault = 'magic' | 'version' | 'kind' | 'length' | 'flags' | 'tree' | 'node'

export function encodePacketHeader(header: PacketHeader): Uint8Array {
  const bytes = Buffer.alloc(PACKET_HEADER_BYTES)
  bytes.write(MAGIC, 0, 'latin1')
  bytes.writeUInt8(PACKET_VERSION, 4)
  bytes.writeUInt8(KIND, 5)
  bytes.writeUInt16BE(header.packetBytes, 6)
  bytes.writeUInt32BE(header.source, 8)
  bytes.writeUInt32BE(header.destination, 12)
  bytes.writeUInt32BE(header.flow, 16)
  const flags = (header.isGroup ? flagBits.group : 0) | (header.tree === null ? 0 : flagBits.tree)
  bytes.writeUInt16BE(flags | header.hopsLeft, 20)
  bytes.writeUInt16BE(header.tree ?? 0, 22)
  return bytes
}

/** The header, or why it is none. `input`: PACKET_HEADER_BYTES. */
export function decodePacketHeader(input: Uint8Array): PacketHeader | FrameFault {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  if (bytes.length !== PACKET_HEADER_BYTES || bytes.toString('latin1', 0, 4) !== MAGIC) return 'magic'
  if (bytes.readUInt8(4) !== PACKET_VERSION) return 'version'
  if (bytes.readUInt8(5) !== KIND) return 'kind'
  const packetBytes = bytes.readUInt16BE(6)
  if (packetBytes < PACKET_BYTES_MIN) return 'length'
  const flags = bytes.readUInt16BE(20)
  const isGroup = (flags & flagBits.group) !== 0
  const hasTree = (flags & flagBits.tree) !== 0
  if (hasTree && !isGroup) return 'flags'
  const tree = bytes.readUInt16BE(22)
  if (!hasTree && tree !== 0) return 'tree'
  const source = bytes.readUInt32BE(8)
  const destination = bytes.readUInt32BE(12)
  if (source === 0 || destination === 0) return 'node'
  const flow = bytes.readUInt32BE(16)
  const hopsLeft = flags & HOPS_MAX
  return { packetBytes, source, destination, isGroup, tree: hasTree ? tree : null, flow, hopsLeft }
}
