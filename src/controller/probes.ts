// Probes of links that rows and `nslab run` ask for: each ends once, with what its far end measured, or with why not.

import type { NodeMessage } from '../protocol/messages.ts'
import { type LinkMeasure, PROBE_IDS } from '../protocol/traffic.ts'
import type { LinkOutcome } from './links.ts'

/** Above PROBE_LIMIT_S of the fleets, which end it with a reason of their own. */
const DEADLINE_MS = 40_000

/** As the published controller: a thousand packets. */
export const PROBE_BYTES = 1_400_000

export interface ProbeAsk {
  readonly srcNodeId: number
  readonly dstNodeId: number
  readonly bytes: number
}

/** A row of probe_results. */
export interface ProbeRow extends LinkMeasure {
  readonly probeId: number
  readonly srcNodeId: number
  readonly dstNodeId: number
}

export type ProbeEnd = { readonly result: LinkMeasure } | { readonly problem: string }
type Result = Extract<NodeMessage, { type: 'ProbeLinkResult' }>

export interface ProbesOptions {
  /** Traffic.probe: tells both ends. */
  readonly begin: (id: number, ask: ProbeAsk) => LinkOutcome
  /** Every result. */
  readonly onResult: (row: ProbeRow) => void
  /** Multiplies the deadline; default 1. */
  readonly timeScale?: number
}

interface Open {
  readonly ask: ProbeAsk
  readonly timer: NodeJS.Timeout
  readonly onEnd: (end: ProbeEnd) => void
}

/** As nodes take them: they leave a controller that says something else. */
const isBytes = (bytes: number): boolean => Number.isSafeInteger(bytes) && bytes > 0

export class Probes {
  readonly #options: ProbesOptions
  readonly #deadlineMs: number
  readonly #open = new Map<number, Open>()
  #asked = 0

  constructor(options: ProbesOptions) {
    this.#options = options
    this.#deadlineMs = DEADLINE_MS * (options.timeScale ?? 1)
  }

  /** One that no row asks for: its number is above those of rows. */
  ask(ask: ProbeAsk, onEnd: (end: ProbeEnd) => void): void {
    if (!isBytes(ask.bytes)) {
      onEnd({ problem: `${ask.bytes} bytes can not be sent` })
      return
    }
    this.#begin(PROBE_IDS.asked + (this.#asked++ % PROBE_IDS.asked), ask, onEnd)
  }

  /** A row of probe_requests. */
  askByRow(id: number, ask: ProbeAsk, warn: (message: string) => void): void {
    const { srcNodeId, dstNodeId, bytes } = ask
    const what = `probe ${id} of the link from node ${srcNodeId} to ${dstNodeId}`
    if (id < 1 || id >= PROBE_IDS.asked) {
      warn(`${what}: its id must be above 0 and below ${PROBE_IDS.asked}`)
      return
    }
    if (!isBytes(bytes)) {
      warn(`${what}: probe_bytes must be above 0, and at most ${Number.MAX_SAFE_INTEGER}`)
      return
    }
    this.#begin(id, ask, end => {
      if ('problem' in end) warn(`${what}: ${end.problem}`)
      else if (end.result.bandwidth_mbps === null)
        warn(`${what}: fewer than two packets came, so it has no bandwidth, and no row of probe_results`)
    })
  }

  measured(message: Result): void {
    const { probe_id: probeId, from_node_id, to_node_id, type: _, node_id: __, ...result } = message
    const open = this.#open.get(probeId)
    if (open?.ask.srcNodeId !== from_node_id || open.ask.dstNodeId !== to_node_id) return
    this.#options.onResult({ ...result, probeId, srcNodeId: from_node_id, dstNodeId: to_node_id })
    this.#end(probeId, { result })
  }

  /** By the word of one of its ends. */
  failed(nodeId: number, probeId: number, problem: string): void {
    const ask = this.#open.get(probeId)?.ask
    if (ask?.srcNodeId === nodeId || ask?.dstNodeId === nodeId) this.#end(probeId, { problem })
  }

  left(nodeId: number): void {
    for (const [id, { ask }] of this.#open)
      if (ask.srcNodeId === nodeId || ask.dstNodeId === nodeId)
        this.#end(id, { problem: `node ${nodeId} left before it ended` })
  }

  close(): void {
    for (const { timer } of this.#open.values()) clearTimeout(timer)
    this.#open.clear()
  }

  #begin(id: number, ask: ProbeAsk, onEnd: (end: ProbeEnd) => void): void {
    const { srcNodeId, dstNodeId } = ask
    if (this.#open.has(id)) {
      onEnd({ problem: `probe ${id} goes on already` })
      return
    }
    const late = `neither end has said anything of it for ${this.#deadlineMs / 1000} s`
    const timer = setTimeout(() => this.#end(id, { problem: late }), this.#deadlineMs)
    this.#open.set(id, { ask, timer, onEnd })
    const outcome = this.#options.begin(id, ask)
    if (outcome === 'unknown') {
      this.#end(id, { problem: `the plan has no link from node ${srcNodeId} to node ${dstNodeId}` })
    } else if (outcome === 'away') {
      this.#end(id, { problem: `node ${srcNodeId} or node ${dstNodeId} is not connected, or not all nodes are` })
    }
  }

  #end(id: number, end: ProbeEnd): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    clearTimeout(open.timer)
    this.#open.delete(id)
    open.onEnd(end)
  }
}
