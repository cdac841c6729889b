// `nodes = N` (--nodes N): sets the parameter of the configured topology that makes N nodes of it.

import { presetNodesCount } from '../topology/size.ts'
import type { Path } from './locate.ts'
import type { Problems, TomlTable } from './problems.ts'
import { isTable } from './table.ts'

const BY_N_NODES = new Set(['ring', 'full_mesh', 'line', 'star'])

/**
 * Changes the raw [topology] in place. Sizes that the topology can't have are a problem at `path` that names the
 * nearest that it can. A topology that is itself wrong is left alone: its own problems are told elsewhere.
 */
export function setNodes(topology: TomlTable, nodes: number, path: Path, problems: Problems): void {
  const type = topology.type ?? topology.topology
  if (topology.n_nodes !== undefined || type === undefined) topology.n_nodes = nodes
  if (typeof type !== 'string') return
  if (BY_N_NODES.has(type)) topology[`${type}_config`] = { n_nodes: nodes }
  const parameters = topology[`${type}_config`]
  if (!isTable(parameters)) return
  const fitting = sizesOf(type, parameters)
  if (fitting === null) return
  let lower = 0
  for (let step = 1; ; step++) {
    const size = fitting(step)
    if (size.nodes === nodes) {
      topology[`${type}_config`] = size.parameters
      return
    }
    if (size.nodes > nodes) {
      const near = lower === 0 ? `${size.nodes}` : `${lower} or ${size.nodes}`
      problems.add({
        path,
        value: nodes,
        limit: near,
        problem: `does not fit ${type}${keptText(type, parameters)}; the nearest that fit are ${near}`,
      })
      return
    }
    lower = size.nodes
  }
}

interface Size {
  readonly nodes: number
  readonly parameters: TomlTable
}

/** The sizes of a preset from small to large; null where its own parameters are wrong, or any number fits. */
function sizesOf(type: string, parameters: TomlTable): ((step: number) => Size) | null {
  const { dim, columns } = parameters
  if (type === 'torus' && (dim === 1 || dim === 2 || dim === 3))
    return n => ({ nodes: presetNodesCount({ type, dim, n }), parameters: { dim, n } })
  if (type === 'grid' && Number.isSafeInteger(columns) && (columns as number) > 0)
    return rows => ({ nodes: rows * (columns as number), parameters: { rows, columns } })
  if (type === 'fat_tree')
    return half => ({ nodes: presetNodesCount({ type, k: 2 * half }), parameters: { k: 2 * half } })
  return null
}

function keptText(type: string, parameters: TomlTable): string {
  return type === 'torus'
    ? ` of dim ${String(parameters.dim)}`
    : type === 'grid'
      ? ` of ${String(parameters.columns)} columns`
      : ''
}
