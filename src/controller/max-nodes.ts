// Which nodes are in max mode, and where they take flows.

import type { ControllerConfig } from '../config/types.ts'
import type { ControllerMessage } from '../protocol/messages.ts'
import { addressBetween, type Identity } from './directory.ts'

export class MaxNodes {
  readonly #config: Pick<ControllerConfig, 'nodes' | 'maxServerPort'>
  /** Joined or not. */
  readonly #ids = new Set<number>()

  constructor(config: Pick<ControllerConfig, 'nodes' | 'maxServerPort'>) {
    this.#config = config
    for (const { nodeId, operatingMode } of config.nodes) if (operatingMode === 'max') this.#ids.add(nodeId)
  }

  has(nodeId: number): boolean {
    return this.#ids.has(nodeId)
  }

  /** It joins: its mode is what is configured, else what it says itself. */
  join({ nodeId, operatingMode }: Identity): 'normal' | 'max' {
    const configured = this.#config.nodes.find(node => node.nodeId === nodeId)?.operatingMode
    const mode = configured ?? operatingMode ?? 'normal'
    if (mode === 'max') this.#ids.add(nodeId)
    else this.#ids.delete(nodeId)
    return mode
  }

  /** Tells `from` where the other takes flows. */
  addressFor(from: Identity, to: Identity): ControllerMessage {
    const address = addressBetween(from, to)
    const host = address.slice(0, address.lastIndexOf(':'))
    return {
      type: 'AddNodeAddress',
      remote_node_id: to.nodeId,
      remote_max_server_addr: `${host}:${this.#config.maxServerPort}`,
    }
  }
}
