// The [topology] section: which preset, with which parameter, and whether everything fits together.

import { EDGES_MAX, NODE_ID_MAX } from '../base/limits.ts'
import { nodesCountOf, presetNodesCount } from '../topology/size.ts'
import type { TopologyConfig } from '../topology/types.ts'
import type { TopologyTable } from './controller-schema.ts'
import type { Path } from './locate.ts'
import type { Problems } from './problems.ts'

type Preset = NonNullable<TopologyConfig['preset']>
type PresetName = Preset['type']

const CONFIG_KEYS = [
  'full_mesh_config',
  'ring_config',
  'line_config',
  'star_config',
  'fat_tree_config',
  'torus_config',
  'grid_config',
] as const

/**
 * Checks and converts a [topology] whose keys are each valid. On a problem the result is the topology without its
 * preset.
 */
export function readTopology(table: TopologyTable, path: Path, problems: Problems, warnings: string[]): TopologyConfig {
  const before = problems.count
  const preset = readPreset(table, path, problems, warnings)
  const config: TopologyConfig = {
    ...(preset === null ? {} : { preset }),
    edges: table.edges,
    ...(table.n_nodes === undefined ? {} : { nNodes: table.n_nodes }),
  }
  if (problems.count === before) checkSize(config, path, problems)
  return config
}

function readPreset(table: TopologyTable, path: Path, problems: Problems, warnings: string[]): Preset | null {
  const name = table.type ?? table.topology
  if (table.type !== undefined && table.topology !== undefined && table.type !== table.topology)
    problems.add({
      path: [...path, 'topology'],
      value: table.topology,
      problem: `is another name of "type", which says "${table.type}"`,
    })
  const wanted = name === undefined ? null : (`${name}_config` as const)
  for (const key of CONFIG_KEYS)
    if (key !== wanted && table[key] !== undefined)
      warnings.push(`topology.${key} has no effect: the type is ${name === undefined ? 'not set' : `"${name}"`}`)
  if (name === undefined || wanted === null) return null
  if (table[wanted] === undefined) {
    problems.add({ path: [...path, wanted], problem: `is required with type = "${name}"` })
    return null
  }
  return presetOf(name, table)
}

/** The preset `name`, whose own parameter table is there. */
function presetOf(name: PresetName, table: TopologyTable): Preset {
  switch (name) {
    case 'torus': {
      const { dim, n } = table.torus_config as { dim: 1 | 2 | 3; n: number }
      return { type: name, dim, n }
    }
    case 'grid':
      return { type: name, ...(table.grid_config as { rows: number; columns: number }) }
    case 'fat_tree':
      return { type: name, k: (table.fat_tree_config as { k: number }).k }
    default:
      return { type: name, nNodes: (table[`${name}_config`] as { n_nodes: number }).n_nodes }
  }
}

function checkSize(config: TopologyConfig, path: Path, problems: Problems): void {
  const { preset } = config
  if (preset?.type === 'fat_tree' && preset.k % 2 !== 0) {
    problems.mustBe([...path, 'fat_tree_config', 'k'], preset.k, 'an even number above 0')
    return
  }
  const nodesCount = nodesCountOf(config)
  if (preset !== undefined) {
    const at = [...path, `${preset.type}_config`]
    if (nodesCount > NODE_ID_MAX) {
      problems.add({
        path: at,
        value: parametersOf(preset),
        problem: `makes ${nodesCount} nodes; at most ${NODE_ID_MAX} are possible`,
      })
      return
    }
    const edgesCount = (nodesCount * (nodesCount - 1)) / 2
    if (preset.type === 'full_mesh' && edgesCount > EDGES_MAX) {
      problems.add({
        path: at,
        value: parametersOf(preset),
        problem: `makes ${edgesCount} edges; at most ${EDGES_MAX} are possible`,
      })
      return
    }
    if (config.nNodes !== undefined && config.nNodes !== nodesCount)
      problems.add({
        path: [...path, 'n_nodes'],
        value: config.nNodes,
        problem: `does not fit the topology: ${preset.type} makes ${presetNodesCount(preset)} nodes`,
      })
  }
  config.edges.forEach((edge, index) => {
    if (Math.max(...edge) > nodesCount)
      problems.add({
        path: [...path, 'edges', index],
        value: edge,
        limit: `ids from 1 to ${nodesCount}`,
        problem: `has an id beyond the topology's ${nodesCount} nodes`,
      })
  })
}

function parametersOf({ type: _, ...parameters }: Preset): unknown {
  return parameters
}
