// Probes of links: bytes as fast as one link takes them, from one of its ends to the other, which measures. A flow like
// any other to the engine, under a number that no flow of the controller has, and kept to its link.

import type { EngineCounts, FlowFinished, PacketEngine, SinkCount } from '../../native/engine.ts'
import type { ControllerMessage, NodeMessage } from '../../protocol/messages.ts'
import { PROBE_FLOWS } from '../../protocol/traffic.ts'
import { PROBE_CLOSES_MS, PROBE_LIMIT_S } from './limits.ts'

export type ProbeMessage = Extract<ControllerMessage, { type: 'ProbeLink' | 'ExpectProbe' }>

export interface ProbesOptions {
  /** Null where there is none any more. */
  readonly engine: () => PacketEngine | null
  readonly baseAddress: () => string | undefined
  readonly count: () => Promise<EngineCounts | null>
  readonly send: (nodeId: number, message: NodeMessage) => boolean
}

interface Probe {
  readonly nodeId: number
  readonly peerId: number
  readonly probeId: number
  readonly end: 'source' | 'sink'
  timer: NodeJS.Timeout
}

/** Only of probes that a controller never tells of would there be more. */
const EARLY_MAX = 1000

const keyOf = (nodeId: number, flow: number): string => `${nodeId} ${flow}`

export class Probes {
  readonly #options: ProbesOptions
  /** By node and flow. */
  readonly #probes = new Map<string, Probe>()
  /** Sinks that have heard the end before their node was told of the probe. */
  readonly #early = new Set<string>()

  constructor(options: ProbesOptions) {
    this.#options = options
  }

  told(nodeId: number, neighbours: readonly number[], message: ProbeMessage): void {
    const { probe_id: probeId, remote_node_id: peerId } = message
    const end = message.type === 'ProbeLink' ? 'source' : 'sink'
    const key = keyOf(nodeId, PROBE_FLOWS + probeId)
    const isAtIt = this.#probes.has(key)
    if (isAtIt || !neighbours.includes(peerId)) {
      const why = isAtIt ? 'is at this probe already' : `has no link to node ${peerId}`
      this.#fail(nodeId, probeId, `node ${nodeId} ${why}`)
      return
    }
    // A sink waits for what its source has to say at last.
    const limitMs = PROBE_LIMIT_S * 1000 + (end === 'sink' ? PROBE_CLOSES_MS : 0)
    const probe: Probe = { nodeId, peerId, probeId, end, timer: setTimeout(() => this.#late(probe), limitMs) }
    this.#probes.set(key, probe)
    if (this.#early.delete(key)) this.finished([{ nodeId, flow: PROBE_FLOWS + probeId, end }])
    if (message.type === 'ProbeLink')
      this.#start(probe, message.probe_bytes).catch((error: Error) => {
        this.#close(probe)
        this.#fail(nodeId, probeId, `the engine did not begin it: ${error.message}`)
      })
  }

  /** Those that are none. */
  finished(flows: readonly FlowFinished[]): FlowFinished[] {
    return flows.filter(({ nodeId, flow, end }) => {
      if (flow < PROBE_FLOWS) return true
      const key = keyOf(nodeId, flow)
      const probe = this.#probes.get(key)
      if (probe === undefined) {
        if (end === 'sink' && this.#early.size < EARLY_MAX) this.#early.add(key)
        return false
      }
      // The source says its last word several times: until then its packets must find their way, and their sink.
      clearTimeout(probe.timer)
      probe.timer = setTimeout(() => this.#close(probe), PROBE_CLOSES_MS)
      if (end === 'sink') this.#measure(probe)
      return false
    })
  }

  forget(nodeId: number): void {
    for (const [key, probe] of this.#probes)
      if (probe.nodeId === nodeId) {
        clearTimeout(probe.timer)
        this.#probes.delete(key)
      }
  }

  clear(): void {
    for (const { timer } of this.#probes.values()) clearTimeout(timer)
    this.#probes.clear()
    this.#early.clear()
  }

  async #start({ nodeId, peerId, probeId }: Probe, bytes: number): Promise<void> {
    const { engine, baseAddress } = this.#options
    const flow = PROBE_FLOWS + probeId
    const base = baseAddress()
    await engine()?.changeRoutes(nodeId, [{ change: 'send_over', flow, nextHop: peerId }])
    const setting = { flow, destination: peerId, bytes, ...(base === undefined ? {} : { baseAddress: base }) }
    await engine()?.startFlow(nodeId, setting)
  }

  async #measure({ nodeId, peerId, probeId }: Probe): Promise<void> {
    const counts = await this.#options.count().catch(() => null)
    const sink = counts?.sinks.find(each => each.nodeId === nodeId && each.flow === PROBE_FLOWS + probeId)
    if (sink === undefined) {
      this.#fail(nodeId, probeId, 'the engine has not counted it')
      return
    }
    this.#options.send(nodeId, {
      type: 'ProbeLinkResult',
      node_id: nodeId,
      probe_id: probeId,
      from_node_id: peerId,
      to_node_id: nodeId,
      bandwidth_mbps: bandwidthMbps(sink),
      sent_packets: sink.sentPackets,
      received_packets: sink.receivedPackets,
      latency_p50_s: sink.latencyP50Ns / 1e9,
      latency_p99_s: sink.latencyP99Ns / 1e9,
    })
  }

  #late(probe: Probe): void {
    const { nodeId, peerId, probeId, end } = probe
    this.#close(probe)
    const what = end === 'source' ? `the link to node ${peerId} has not taken it` : 'its last packet has not come'
    this.#fail(nodeId, probeId, `${what} within ${PROBE_LIMIT_S} s`)
  }

  /** Forgets it, and has the engine forget it. */
  #close(probe: Probe): void {
    const { nodeId, probeId, end } = probe
    const flow = PROBE_FLOWS + probeId
    clearTimeout(probe.timer)
    this.#probes.delete(keyOf(nodeId, flow))
    const engine = this.#options.engine()
    // Whoever has gone meanwhile has nothing to forget.
    engine?.stopFlow(nodeId, flow).catch(() => {})
    if (end === 'source') engine?.changeRoutes(nodeId, [{ change: 'send_over', flow, nextHop: 0 }]).catch(() => {})
  }

  #fail(nodeId: number, probeId: number, reason: string): void {
    this.#options.send(nodeId, { type: 'ProbeLinkFailed', node_id: nodeId, probe_id: probeId, reason })
  }
}

/** Of what came after the first packet, in the time that it took; null where nothing did. */
export function bandwidthMbps({ receivedBytes, receivedPackets, firstNs, lastNs }: SinkCount): number | null {
  const ns = Number(lastNs - firstNs)
  if (receivedPackets < 2 || ns <= 0) return null
  return ((receivedBytes - receivedBytes / receivedPackets) * 8 * 1000) / ns
}
