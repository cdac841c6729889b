// The packet engine of one fleet, from its configuration.

import { availableParallelism } from 'node:os'
import type { EngineConfig } from '../../config/types.ts'
import type { EngineOptions } from '../../native/engine.ts'

/** More threads would only wait for the cores that nodes' programs need, and a fleet's threads are bounded. */
const LANES_MAX = 4

/** `cores`: that this process may use. */
export function engineOptions(
  config: EngineConfig,
  nodesCount: number,
  cores: number = availableParallelism(),
): EngineOptions {
  const lanes = Math.min(cores, LANES_MAX)
  const { channelCapacity, concurrent, backpressure } = config
  const spread = config.processors > 0 ? config.processors : nodesCount > 1 ? 1 : lanes
  return { lanes, processors: Math.min(spread, lanes), concurrent, channelCapacity, backpressure }
}
