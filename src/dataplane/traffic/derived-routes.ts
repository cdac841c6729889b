// Shortest paths of a preset, from one node: by formula, so that nobody sends or keeps a table.

import { distanceFormula } from '../../topology/distance.ts'
import { nextHop } from '../../topology/routes.ts'
import { runsOf } from '../../topology/runs.ts'
import { presetNodesCount } from '../../topology/size.ts'
import type { TopologyConfig } from '../../topology/types.ts'

export type Preset = NonNullable<TopologyConfig['preset']>

/**
 * Next hops from `nodeId` as runs over destinations 1, 2, …, as the engine takes them. `neighbours`: all that the
 * preset gives the node, rising. O(nodes · neighbours) time; nothing for a node outside the preset.
 */
export function derivedRuns(preset: Preset, nodeId: number, neighbours: readonly number[]): number[] {
  const nodesCount = presetNodesCount(preset)
  const distance = distanceFormula({ preset, edges: [] })
  if (distance === null || nodeId > nodesCount) return []
  return runsOf(nodesCount, to => nextHop(distance, neighbours, nodeId, to))
}
