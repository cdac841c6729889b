// How many nodes a configured topology has, and which parameter gives a wanted number.

import type { TopologyConfig } from './types.ts'

type Preset = NonNullable<TopologyConfig['preset']>

/** Nodes of a preset, by formula. */
export function presetNodesCount(preset: Preset): number {
  switch (preset.type) {
    case 'grid':
      return preset.rows * preset.columns
    case 'torus':
      return preset.n ** preset.dim
    case 'fat_tree':
      return preset.k ** 3 / 4 + (5 * preset.k ** 2) / 4
    default:
      return preset.nNodes
  }
}

/** Nodes of a topology: the preset's, else `nNodes`, else the highest id of an edge; 0 where nothing is said. */
export function nodesCountOf(config: TopologyConfig): number {
  if (config.preset !== undefined) return presetNodesCount(config.preset)
  return config.nNodes ?? config.edges.reduce((highest, [x, y]) => Math.max(highest, x, y), 0)
}
