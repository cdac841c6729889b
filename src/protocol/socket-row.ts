// A socket as the native poller writes it: a record of 384 bytes, laid out in native/diag/row.h. Nothing is made of a
// record before somebody asks: twenty thousand come a second.

import { tcpStates } from '../base/tcp-states.ts'
import type { CollectedSocket } from './collected.ts'

export const ROW_BYTES = 384

/** By the kernel's numbers. NEW_SYN_RECV is what becomes SYN_RECV when it is told of. */
const stateNames: readonly string[] = ['', ...tcpStates, 'NEW_SYN_RECV']

/** States that a user can name. */
export const namedStates: readonly string[] = tcpStates

/** Words that ss has for the kernel's. */
const ALIASES: Readonly<Record<string, string>> = {
  LISTENING: 'LISTEN',
  CLOSED: 'CLOSE',
  FIN_WAIT_1: 'FIN_WAIT1',
  FIN_WAIT_2: 'FIN_WAIT2',
}

/**
 * The kernel's name of a state from it or from that of ss: TIME_WAIT, time-wait, listening. Undefined: there is none.
 */
export function stateNamed(word: string): string | undefined {
  const name = word.toUpperCase().replaceAll('-', '_')
  const state = ALIASES[name] ?? name
  return namedStates.includes(state) ? state : undefined
}

/** The kernel's mask of states; of none all of them. Undefined where a name is unknown. */
export function stateMask(names: readonly string[]): number | undefined {
  if (names.length === 0) return stateMask(namedStates)
  let mask = 0
  for (const name of names) {
    const number = namedStates.indexOf(name) + 1
    if (number === 0) return undefined
    // A request that was not accepted yet is shown as SYN_RECV and chosen by a number of its own.
    mask |= name === 'SYN_RECV' ? (1 << number) | (1 << 12) : 1 << number
  }
  return mask
}

/** Where in a record its facts are. */
const AT = {
  cookie: 0,
  cgroupId: 8,
  seenNs: 16,
  poll: 24,
  slot: 28,
  source: 32,
  destination: 48,
  sourcePort: 64,
  destinationPort: 66,
  family: 68,
  state: 69,
  has: 70,
  timer: 71,
  inode: 72,
  uid: 76,
  receiveQueue: 80,
  sendQueue: 84,
  interfaceIndex: 88,
  expiresMs: 92,
  retransmits: 96,
  shutdown: 97,
  infoSize: 98,
  congestion: 100,
  memory: 116,
  info: 152,
} as const

/** Bits of `has`. */
const HAS_INFO = 1
const HAS_MEMORY = 2
const HAS_CONGESTION = 4
const HAS_CGROUP = 8

/** Offsets in struct tcp_info (linux/tcp.h). Times there are in µs. */
const INFO = {
  rttUs: 68,
  rttVarianceUs: 72,
  congestionWindow: 80,
  totalRetransmits: 100,
  bytesReceived: 128,
  bytesSent: 200,
} as const

/** Of the SK_MEMINFO_ values those that count as memory: receive, forward, send, options and backlog. */
const MEMORY_PARTS = [0, 4, 5, 6, 7]

/** Rows at the start of a buffer, read in place: valid until the buffer is given back. */
export class SocketRows {
  readonly count: number
  readonly #view: DataView

  constructor(buffer: ArrayBuffer, count: number) {
    this.count = count
    this.#view = new DataView(buffer, 0, count * ROW_BYTES)
  }

  /** As given to poll(). */
  poll(row: number): number {
    return this.#uint32(row, AT.poll)
  }
  slot(row: number): number {
    return this.#uint32(row, AT.slot)
  }
  /** The kernel's cookie of the socket. */
  cookie(row: number): bigint {
    return this.#view.getBigUint64(row * ROW_BYTES + AT.cookie, true)
  }
  /** CLOCK_MONOTONIC when the kernel told of it, in s. */
  seenS(row: number): number {
    const at = row * ROW_BYTES + AT.seenNs
    return (this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true)) / 1e9
  }
  family(row: number): 4 | 6 {
    return this.#view.getUint8(row * ROW_BYTES + AT.family) === 4 ? 4 : 6
  }
  state(row: number): string {
    const state = this.#view.getUint8(row * ROW_BYTES + AT.state)
    return stateNames[state] ?? String(state)
  }
  source(row: number): string {
    return this.#address(row, AT.source)
  }
  sourcePort(row: number): number {
    return this.#view.getUint16(row * ROW_BYTES + AT.sourcePort, true)
  }
  destination(row: number): string {
    return this.#address(row, AT.destination)
  }
  destinationPort(row: number): number {
    return this.#view.getUint16(row * ROW_BYTES + AT.destinationPort, true)
  }
  inode(row: number): number {
    return this.#uint32(row, AT.inode)
  }
  uid(row: number): number {
    return this.#uint32(row, AT.uid)
  }
  receiveQueueBytes(row: number): number {
    return this.#uint32(row, AT.receiveQueue)
  }
  sendQueueBytes(row: number): number {
    return this.#uint32(row, AT.sendQueue)
  }
  /** Null where the kernel gave none. */
  cgroupId(row: number): bigint | null {
    return this.#has(row, HAS_CGROUP) ? this.#view.getBigUint64(row * ROW_BYTES + AT.cgroupId, true) : null
  }
  /** Name of the congestion control; null where the kernel gave none. */
  congestion(row: number): string | null {
    if (!this.#has(row, HAS_CONGESTION)) return null
    let name = ''
    for (let at = 0; at < 16; at++) {
      const code = this.#view.getUint8(row * ROW_BYTES + AT.congestion + at)
      if (code === 0) break
      name += String.fromCharCode(code)
    }
    return name
  }

  /** Of tcp_info and the socket's memory; null where the kernel gave neither. */
  tcp(row: number): CollectedSocket['tcp'] {
    if (!this.#has(row, HAS_INFO)) return null
    const info = row * ROW_BYTES + AT.info
    const view = this.#view
    return {
      rtt_s: view.getUint32(info + INFO.rttUs, true) / 1e6,
      rtt_variance_s: view.getUint32(info + INFO.rttVarianceUs, true) / 1e6,
      congestion_window_count: view.getUint32(info + INFO.congestionWindow, true),
      retransmits_count: view.getUint32(info + INFO.totalRetransmits, true),
      bytes_sent_bytes: Number(view.getBigUint64(info + INFO.bytesSent, true)),
      bytes_received_bytes: Number(view.getBigUint64(info + INFO.bytesReceived, true)),
      memory_bytes: this.#memoryBytes(row),
    }
  }

  /**
   * All facts of a row but those of its namespace and its poll. `epochS`: what CLOCK_MONOTONIC's s are added to for s
   * since the epoch.
   */
  facts(row: number, epochS: number): Omit<CollectedSocket, 'is' | 'poll' | 'netns'> {
    const mono_s = this.seenS(row)
    const cgroup = this.cgroupId(row)
    return {
      at_s: epochS + mono_s,
      mono_s,
      cookie: this.cookie(row).toString(),
      family: this.family(row),
      state: this.state(row),
      src: this.source(row),
      src_port: this.sourcePort(row),
      dst: this.destination(row),
      dst_port: this.destinationPort(row),
      inode: this.inode(row),
      uid: this.uid(row),
      cgroup_id: cgroup === null ? null : cgroup.toString(),
      receive_queue_bytes: this.receiveQueueBytes(row),
      send_queue_bytes: this.sendQueueBytes(row),
      congestion: this.congestion(row),
      tcp: this.tcp(row),
    }
  }

  #memoryBytes(row: number): number {
    if (!this.#has(row, HAS_MEMORY)) return 0
    const at = row * ROW_BYTES + AT.memory
    return MEMORY_PARTS.reduce((sum, part) => sum + this.#view.getUint32(at + 4 * part, true), 0)
  }
  #uint32(row: number, at: number): number {
    return this.#view.getUint32(row * ROW_BYTES + at, true)
  }
  #has(row: number, bit: number): boolean {
    return (this.#view.getUint8(row * ROW_BYTES + AT.has) & bit) !== 0
  }
  #address(row: number, field: number): string {
    const at = row * ROW_BYTES + field
    const view = this.#view
    if (this.family(row) === 4)
      return `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`
    const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(at + 2 * i, false))
    return formatIpv6(groups)
  }
}

/** RFC 5952: the longest run of zero groups, of two at least, is left out; IPv4 within IPv6 keeps its dots. */
export function formatIpv6(groups: readonly number[]): string {
  const hex = (part: readonly number[]): string => part.map(group => group.toString(16)).join(':')
  let [start, length] = [0, 0]
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > length) [start, length] = [i, end - i]
  }
  const [high = 0, low = 0] = groups.slice(6)
  if (start === 0 && length === 5 && groups[5] === 0xffff)
    return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
  if (length < 2) return hex(groups)
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}
