// One timer that pings every control connection of a fleet, a few at a time, and ends the silent ones.

import type { FleetNode } from './fleet-node.ts'
import { KEEP_ALIVE_MS, KEEP_ALIVE_STEPS } from './limits.ts'

export class KeepAlive {
  #nodes: readonly FleetNode[]
  #timer: NodeJS.Timeout
  #step = 0

  constructor(nodes: readonly FleetNode[], periodMs = KEEP_ALIVE_MS) {
    this.#nodes = nodes
    this.#timer = setInterval(() => this.#sweep(), periodMs / KEEP_ALIVE_STEPS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #sweep(): void {
    for (let index = this.#step; index < this.#nodes.length; index += KEEP_ALIVE_STEPS) {
      const node = this.#nodes[index] as FleetNode
      if (node.stage === 'joined' && node.connection?.probe() === false)
        node.connection.close('the controller is silent')
    }
    this.#step = (this.#step + 1) % KEEP_ALIVE_STEPS
  }
}
