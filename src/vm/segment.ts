// A network segment between microVMs: a learning layer-2 switch inside the runner's process. It needs no rights and
// nothing of the kernel, and can lose, delay, slow down and cut what passes. Frames are forwarded where they were read.

import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { UNDERLAY_MTU } from '../base/limits.ts'
import { type Conditions, checkRule, effectOf, keyOf, type Rule, type Way } from './segment-conditions.ts'
import { LENGTH_BYTES } from './segment-frames.ts'
import { Lane } from './segment-lane.ts'
import { type Counter, type Ledger, sumOf, type Tally } from './segment-ledger.ts'
import { Capture } from './segment-pcap.ts'
import { type LeaveReason, Port } from './segment-port.ts'
import type { Plug, PortTotals, VmSegment } from './segment-types.ts'

/** Ports a segment ever knows, those of 64 hosts and a controller among them; each pair has counters of its own. */
const PORTS_MAX = 128

/** MAC addresses learned on one port: a VM has one for each NIC, and one that invents addresses fills no table. */
const MACS_PER_PORT_MAX = 256

/**
 * What may wait for one port, and in one delay line. Above a TCP window of Linux's default limits (tcp_rmem: 6 MiB, of
 * which half is announced), so that a single connection meets no drop; 34 ms at 1 Gbit/s.
 */
const QUEUE_BYTES_MAX = 4 * 1024 * 1024

const MAC_BYTES = 6

/** Multicast or broadcast, by the first byte of a MAC address. */
const isGroup = (firstByte: number): boolean => (firstByte & 1) === 1

export interface SegmentOptions {
  readonly name: string
  /** Decides, with the ports' names, which frames a loss takes. */
  readonly seed: number
  /** The run that it is of, for processes that a segment needs. */
  readonly runId?: string
  /** Of each VM's card. UNDERLAY_MTU unless said. */
  readonly mtu?: number
  readonly queueBytesMax?: number
  readonly clock?: Clock
  /** A port's stream came, or went and why. Not called for what close() does. */
  readonly onPort?: (port: string, news: 'joined' | LeaveReason) => void
}

/**
 * received = unaddressed + badSource + unicast + flooded; each unicast frame is offered once, each flooded one to all
 * others.
 */
export interface PortCounters {
  readonly connected: boolean
  readonly received: Tally
  readonly unaddressed: Tally
  readonly badSource: Tally
  readonly unicast: Tally
  readonly flooded: Tally
  readonly notLearnedCount: number
  readonly macs: readonly string[]
  /** Copies of its frames on their way to others, and theirs to it. */
  readonly from: Ledger
  readonly to: Ledger
}

export class Segment implements VmSegment {
  readonly name: string
  readonly pids = []
  readonly #seed: number
  readonly #mtu: number
  readonly #queueBytesMax: number
  readonly #clock: Clock
  readonly #onPort: (port: string, news: 'joined' | LeaveReason) => void
  readonly #ports = new Map<string, Port>()
  /** By sender, then by receiver. */
  readonly #lanes = new Map<Port, Map<Port, Lane>>()
  readonly #portOfMac = new Map<number, Port>()
  readonly #rules = new Map<string, Rule>()
  /** Ports that got frames in this turn. */
  readonly #touched = new Set<Port>()
  readonly #captures = new Set<Capture>()
  #closed = false

  constructor(options: SegmentOptions) {
    this.name = options.name
    this.#seed = options.seed
    this.#mtu = options.mtu ?? UNDERLAY_MTU
    this.#queueBytesMax = options.queueBytesMax ?? QUEUE_BYTES_MAX
    this.#clock = options.clock ?? systemClock
    this.#onPort = options.onPort ?? (() => {})
  }

  async plug(port: string): Promise<Plug> {
    this.#port(port)
    return { to: 'stream', mtu: this.#mtu, connect: stream => this.connect(port, stream), release: () => {} }
  }

  /**
   * Makes `stream` the port of this name, in place of the one it may have had. The segment owns the stream from now on.
   * Throws USAGE where the segment has too many ports or is closed.
   */
  connect(name: string, stream: Duplex): void {
    if (this.#closed) throw new NslabError('USAGE', { problem: `the segment ${this.name} is closed` })
    const port = this.#port(name)
    if (port.connected) {
      port.detach()
      this.#forget(port, 'replaced')
    }
    port.attach(
      stream,
      (bytes, start, end) => this.#switch(port, bytes, start, end),
      () => this.#flush(),
      reason => this.#forget(port, reason),
    )
    this.#onPort(name, 'joined')
  }

  /** Takes a port off, as pulling its plug would. Nothing happens where it has none. */
  disconnect(name: string): void {
    const port = this.#ports.get(name)
    if (port?.connected !== true) return
    port.detach()
    this.#forget(port, 'disconnected')
  }

  /** As VmSegment says; in force when this returns. */
  async setConditions(way: Way, conditions: Conditions | null): Promise<void> {
    checkRule(way, conditions ?? {})
    if (conditions === null) this.#rules.delete(keyOf(way))
    else this.#rules.set(keyOf(way), { way, conditions, freeAtMs: 0 })
    for (const [from, lanes] of this.#lanes)
      for (const [to, lane] of lanes) lane.setEffect(effectOf(this.#rules.values(), from.name, to.name))
  }

  counters(): Readonly<Record<string, PortCounters>> {
    return Object.fromEntries([...this.#ports.values()].map(port => [port.name, this.#countersOf(port)]))
  }

  async totals(): Promise<Readonly<Record<string, PortTotals>>> {
    const totals = Object.entries(this.counters()).map(([name, { received, from, to }]) => {
      const dropped = Object.values(to.dropped).reduce((sum, { frames }) => sum + frames, 0)
      const lostFrames = from.dropped.loss.frames + to.dropped.loss.frames
      const delayedFrames = from.delayed.frames + to.delayed.frames
      return [name, { received, sent: to.sent, droppedFrames: dropped, lostFrames, delayedFrames }]
    })
    return Object.fromEntries(totals) as Readonly<Record<string, PortTotals>>
  }

  /**
   * Writes all that the port sends and gets to a new pcap file, until `stop` or close(). Frames that conditions drop on
   * the way to it are not there. `stop` rejects with DISK_REFUSED where the file could not be written.
   */
  capture(name: string, path: string): { readonly stop: () => Promise<void> } {
    const port = this.#port(name)
    if (port.capture !== null) {
      throw new NslabError('USAGE', { problem: `${name} is captured already, to ${port.capture.path}` })
    }
    const capture = new Capture(path, this.#clock)
    port.capture = capture
    this.#captures.add(capture)
    const stop = async (): Promise<void> => {
      if (port.capture === capture) port.capture = null
      this.#captures.delete(capture)
      await capture.close()
    }
    return { stop }
  }

  /** Takes every port off and ends captures; rejects where one of them could not be written. */
  async close(): Promise<void> {
    this.#closed = true
    for (const port of this.#ports.values()) {
      port.detach()
      port.capture = null
    }
    for (const lanes of this.#lanes.values()) for (const lane of lanes.values()) lane.abandon()
    this.#portOfMac.clear()
    const captures = [...this.#captures]
    this.#captures.clear()
    await Promise.all(captures.map(capture => capture.close()))
  }

  #port(name: string): Port {
    const known = this.#ports.get(name)
    if (known !== undefined) return known
    if (this.#ports.size === PORTS_MAX) {
      throw new NslabError('USAGE', { problem: `the segment ${this.name} has ${PORTS_MAX} ports; ${name} is one more` })
    }
    const port = new Port(name, this.#queueBytesMax)
    const lanes = new Map<Port, Lane>()
    for (const [other, itsLanes] of this.#lanes) {
      lanes.set(other, this.#lane(port, other))
      itsLanes.set(port, this.#lane(other, port))
    }
    this.#lanes.set(port, lanes)
    this.#ports.set(name, port)
    return port
  }

  #lane(from: Port, to: Port): Lane {
    const seed = seedOf(this.#seed, from.name, to.name)
    const nowMs = (): number => Number(this.#clock.nowNs()) / 1e6
    const lane = new Lane(to, { seed, queueBytesMax: this.#queueBytesMax, nowMs })
    lane.setEffect(effectOf(this.#rules.values(), from.name, to.name))
    return lane
  }

  /** Offers one frame to whom it is for. */
  #switch(from: Port, bytes: Buffer, start: number, end: number): void {
    const frame = start + LENGTH_BYTES
    from.received.add(1, end - frame)
    from.capture?.add(bytes, frame, end)
    this.#kindOf(from, bytes, start, end).add(1, end - frame)
  }

  /** Offers the frame, and returns the counter of what became of it. */
  #kindOf(from: Port, bytes: Buffer, start: number, end: number): Counter {
    const destination = start + LENGTH_BYTES
    if (!this.#learn(from, bytes, destination + MAC_BYTES)) return from.badSource
    const lanes = this.#lanes.get(from) as Map<Port, Lane>
    const target = isGroup(bytes[destination] as number)
      ? undefined
      : this.#portOfMac.get(bytes.readUIntBE(destination, MAC_BYTES))
    if (target === from) return from.unaddressed
    if (target !== undefined) {
      this.#offer(lanes.get(target) as Lane, bytes, start, end)
      return from.unicast
    }
    let copies = 0
    for (const lane of lanes.values()) {
      if (!lane.to.connected) continue
      this.#offer(lane, bytes, start, end)
      copies++
    }
    return copies > 0 ? from.flooded : from.unaddressed
  }

  #offer(lane: Lane, bytes: Buffer, start: number, end: number): void {
    lane.offer(bytes, start, end)
    this.#touched.add(lane.to)
  }

  /** Remembers where the source of a frame is. False where the source is a group or nobody. */
  #learn(port: Port, bytes: Buffer, at: number): boolean {
    const mac = bytes.readUIntBE(at, MAC_BYTES)
    const known = this.#portOfMac.get(mac)
    if (known === port) return true
    if (mac === 0 || isGroup(bytes[at] as number)) return false
    if (port.macs.size >= MACS_PER_PORT_MAX) {
      port.notLearned++
      return true
    }
    known?.macs.delete(mac)
    port.macs.add(mac)
    this.#portOfMac.set(mac, port)
    return true
  }

  #flush(): void {
    for (const port of this.#touched) port.flush()
    this.#touched.clear()
  }

  /** The port's stream is gone: nothing is to be found there, and what is on its way to it is lost. */
  #forget(port: Port, reason: LeaveReason): void {
    for (const mac of port.macs) this.#portOfMac.delete(mac)
    port.macs.clear()
    for (const lanes of this.#lanes.values()) lanes.get(port)?.abandon()
    this.#onPort(port.name, reason)
  }

  #countersOf(port: Port): PortCounters {
    const own = [...(this.#lanes.get(port) as Map<Port, Lane>).values()]
    const others = [...this.#lanes.values()].flatMap(lanes => lanes.get(port) ?? [])
    return {
      connected: port.connected,
      received: port.received.snapshot(),
      unaddressed: port.unaddressed.snapshot(),
      badSource: port.badSource.snapshot(),
      unicast: port.unicast.snapshot(),
      flooded: port.flooded.snapshot(),
      notLearnedCount: port.notLearned,
      macs: [...port.macs].map(macText),
      from: sumOf(own.map(lane => lane.ledger)),
      to: sumOf(others.map(lane => lane.ledger)),
    }
  }
}

const macText = (mac: number): string => (mac.toString(16).padStart(12, '0').match(/../g) as string[]).join(':')

/** FNV-1a over the names: each lane gets chances of its own, the same in each run. */
function seedOf(seed: number, from: string, to: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (const byte of Buffer.from(`${from} ${to}`)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}
