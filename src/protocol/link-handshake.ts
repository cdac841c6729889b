// The link handshake: what two nodes say to each other before a link counts, and the token that they pass after it.
// The layout is documented here, once.
// native/engine speaks it; this codec is the slow and obvious second one, for tests and for hostile peers in them.
//
// Every frame has 40 bytes, numbers in network byte order:
//
//   0  4  magic "NSLK"              8  16  run id
//   4  1  version                  24   4  sender's node id
//   5  1  kind                     28   4  node id the sender takes the receiver for (0 in a reject: unknown)
//   6  1  reason (0 but in reject) 32   8  sender's incarnation; in a token 4 bytes walk and 4 bytes hops
//   7  1  0
//
//   dialler                            acceptor
//   hello  ───────────────────────────▶  verifies run, intended id, sender among its peers, incarnation
//   verifies the same  ◀─────── hello + ready
//   ready  ───────────────────────────▶
//
// An end is up when it has verified the other's hello and heard its ready. Whoever finds a fault sends a reject with
// the reason and closes. A handshake that is not over after HANDSHAKE_DEADLINE_MS is a fault (timeout). Nothing may
// follow a hello before its answer: those bytes are malformed. After its ready an end may say tokens and nothing else;
// one of another run, of another sender than the proven peer, or to another node ends the link (protocol_error).
//
// One link an edge. An acceptor that has a link with the sender up or under way, of the same incarnation, rejects as
// duplicate; so does one with the lower id whose own dial to the sender has said hello. A dial that has not said hello
// yet gives way silently. So the lower id decides, both ends agree, and no link that was up is touched. A higher
// incarnation replaces the old link once it is ready; a lower one than seen before is stale.

export const HANDSHAKE_VERSION = 1
export const HANDSHAKE_FRAME_BYTES = 40
/** From accept or start of a dial to up. */
export const HANDSHAKE_DEADLINE_MS = 5000

const MAGIC = 'NSLK'

export const frameKinds = { hello: 1, ready: 2, reject: 3, token: 4 } as const
export type FrameKind = keyof typeof frameKinds

export const rejectReasons = {
  none: 0,
  /** Not a frame, a frame out of order, or bytes after the last one. */
  malformed: 1,
  wrong_version: 2,
  wrong_run: 3,
  /** The receiver is not the node that the sender takes it for. */
  wrong_peer: 4,
  /** The sender is not among the receiver's peers. */
  unknown_peer: 5,
  duplicate: 6,
  stale_incarnation: 7,
  timeout: 8,
  /** The connection ended within a frame. */
  truncated: 9,
} as const
export type RejectReason = keyof typeof rejectReasons

export interface HandshakeFrame {
  readonly kind: Exclude<FrameKind, 'token'>
  readonly reason: RejectReason
  /** 16 bytes. */
  readonly runId: Uint8Array
  readonly sender: number
  readonly intended: number
  readonly incarnation: number
}

export interface TokenFrame {
  /** 16 bytes. */
  readonly runId: Uint8Array
  readonly sender: number
  readonly intended: number
  /** Which walk it is of, uint32. */
  readonly walk: number
  /** Links it has gone over, this one included, uint32. */
  readonly hops: number
}

const nameOf = <T extends string>(table: Readonly<Record<T, number>>, value: number): T | undefined =>
  (Object.keys(table) as T[]).find(name => table[name] === value)

export function encodeHandshake(frame: HandshakeFrame): Uint8Array {
  const bytes = encodeCommon(frameKinds[frame.kind], frame)
  bytes.writeUInt8(rejectReasons[frame.reason], 6)
  bytes.writeBigUInt64BE(BigInt(frame.incarnation), 32)
  return bytes
}

export function encodeToken(frame: TokenFrame): Uint8Array {
  const bytes = encodeCommon(frameKinds.token, frame)
  bytes.writeUInt32BE(frame.walk, 32)
  bytes.writeUInt32BE(frame.hops, 36)
  return bytes
}

type Common = Pick<HandshakeFrame, 'runId' | 'sender' | 'intended'>

function encodeCommon(kind: number, frame: Common): Buffer {
  const bytes = Buffer.alloc(HANDSHAKE_FRAME_BYTES)
  bytes.write(MAGIC, 0, 'latin1')
  bytes.writeUInt8(HANDSHAKE_VERSION, 4)
  bytes.writeUInt8(kind, 5)
  bytes.set(frame.runId, 8)
  bytes.writeUInt32BE(frame.sender, 24)
  bytes.writeUInt32BE(frame.intended, 28)
  return bytes
}

type NoFrame = 'malformed' | 'wrong_version'

/** The frame of a handshake, or why it is none: `malformed` or `wrong_version`. */
export function decodeHandshake(input: Uint8Array): HandshakeFrame | NoFrame {
  const frame = decodeCommon(input)
  if (typeof frame === 'string') return frame
  const { kind, reason, common, bytes } = frame
  return kind === 'token' ? 'malformed' : { kind, reason, ...common, incarnation: Number(bytes.readBigUInt64BE(32)) }
}

/** The token, or why it is none: `malformed` or `wrong_version`. */
export function decodeToken(input: Uint8Array): TokenFrame | NoFrame {
  const frame = decodeCommon(input)
  if (typeof frame === 'string') return frame
  const { kind, common, bytes } = frame
  return kind === 'token' ? { ...common, walk: bytes.readUInt32BE(32), hops: bytes.readUInt32BE(36) } : 'malformed'
}

interface Decoded {
  readonly kind: FrameKind
  readonly reason: RejectReason
  readonly common: Common
  readonly bytes: Buffer
}

function decodeCommon(input: Uint8Array): Decoded | NoFrame {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  if (bytes.length !== HANDSHAKE_FRAME_BYTES || bytes.toString('latin1', 0, 4) !== MAGIC) return 'malformed'
  if (bytes.readUInt8(4) !== HANDSHAKE_VERSION) return 'wrong_version'
  const kind = nameOf(frameKinds, bytes.readUInt8(5))
  const reason = nameOf(rejectReasons, bytes.readUInt8(6))
  if (kind === undefined || reason === undefined || bytes.readUInt8(7) !== 0) return 'malformed'
  if ((kind === 'reject') !== (reason !== 'none')) return 'malformed'
  const runId = Uint8Array.from(bytes.subarray(8, 24))
  return { kind, reason, common: { runId, sender: bytes.readUInt32BE(24), intended: bytes.readUInt32BE(28) }, bytes }
}
