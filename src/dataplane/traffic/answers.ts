// What the run asks of a fleet's packets, and the answers: its account, and captures.

import { closeSync, open, rmSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Command, Notice } from '../../protocol/steering.ts'
import { trafficParts } from './counts.ts'
import type { Traffic } from './traffic.ts'

export type TrafficCommand = Extract<Command, { do: 'traffic' | 'capture' | 'end_capture' }>
type Capture = Extract<Command, { do: 'capture' }>

export interface AnswersOptions {
  readonly traffic: Traffic
  /** Of the fleet. */
  readonly firstId: number
  readonly lastId: number
  /** CLOCK_MONOTONIC ns that times count from. */
  readonly originNs: bigint
  readonly send: (notice: Notice) => void
}

export class TrafficAnswers {
  readonly #options: AnswersOptions

  constructor(options: AnswersOptions) {
    this.#options = options
  }

  /** Rejects with ECANCELED where the fleet ends meanwhile. */
  async obey(command: TrafficCommand): Promise<void> {
    const { traffic, send, originNs } = this.#options
    if (command.do === 'traffic') {
      if (command.stop_sources) await traffic.stopSources()
      const parts = trafficParts(await traffic.count(), originNs)
      for (const [at, part] of parts.entries())
        send({ is: 'traffic', ask: command.ask, part, more: at + 1 < parts.length })
      return
    }
    const problem = await (command.do === 'capture' ? this.#begin(command) : this.#end(command))
    send({ is: 'captured', capture: command.capture, ...(problem === null ? {} : { problem }) })
  }

  async #begin({ node_id: nodeId, peer_id: peerId, path, bytes_max: bytesMax }: Capture): Promise<string | null> {
    const { traffic } = this.#options
    const unfit = this.#unfit(nodeId, peerId)
    if (unfit !== null) return unfit
    // A descriptor and no handle: it is the engine's from now on.
    const fd = await promisify(open)(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => error)
    if (typeof fd !== 'number') {
      const why = fd.code === 'EEXIST' ? 'it exists' : fd.message
      return `${path} can't be made: ${why}`
    }
    try {
      await traffic.capture(nodeId, peerId, fd, bytesMax)
      return null
    } catch (error) {
      // Only what it can't even read the engine leaves to us.
      if ((error as { code?: unknown }).code === 'EINVAL') closeSync(fd)
      rmSync(path, { force: true })
      return `node ${nodeId} can't be listened to: ${(error as Error).message}`
    }
  }

  async #end({ node_id: nodeId, peer_id: peerId }: Extract<Command, { do: 'end_capture' }>): Promise<string | null> {
    try {
      await this.#options.traffic.capture(nodeId, peerId, null)
      return null
    } catch (error) {
      return `the capture at node ${nodeId} can't be ended: ${(error as Error).message}`
    }
  }

  /** Why there is nothing to capture; null where there is. */
  #unfit(nodeId: number, peerId: number): string | null {
    const { traffic, firstId, lastId } = this.#options
    const node = traffic.find(nodeId)
    if (node === undefined) return `node ${nodeId} is not of this fleet, which has nodes ${firstId} to ${lastId}`
    const { neighbours } = node.agent
    if (peerId === 0 || neighbours.includes(peerId)) return null
    const has = neighbours.length === 0 ? 'none' : `to ${neighbours.slice(0, NEIGHBOURS_NAMED).join(', ')}`
    const more = neighbours.length > NEIGHBOURS_NAMED ? ', …' : ''
    return `node ${nodeId} has no link to node ${peerId}; its links: ${has}${more}`
  }
}

const NEIGHBOURS_NAMED = 10
