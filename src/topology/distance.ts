// Distances in the presets by formula, so that routes need no table.

import type { TopologyConfig } from './types.ts'

type Distance = (x: number, y: number) => number

/** Steps between two ids of the preset; null where edges were added or there is no preset: use `bfsNextHops`. */
export function distanceFormula(config: TopologyConfig): Distance | null {
  const preset = config.preset
  if (preset === undefined || config.edges.length > 0) return null
  switch (preset.type) {
    case 'ring':
      return (x, y) => around(Math.abs(x - y), preset.nNodes)
    case 'line':
      return (x, y) => Math.abs(x - y)
    case 'full_mesh':
      return (x, y) => (x === y ? 0 : 1)
    case 'star':
      return (x, y) => (x === y ? 0 : x === 1 || y === 1 ? 1 : 2)
    case 'grid':
      return (x, y) => gridDistance(x - 1, y - 1, preset.columns)
    case 'torus':
      return (x, y) => torusDistance(x - 1, y - 1, preset.dim, preset.n)
    case 'fat_tree':
      return (x, y) => fatTreeDistance(placeOf(x, preset.k), placeOf(y, preset.k))
  }
}

const around = (steps: number, n: number): number => Math.min(steps, n - steps)

function gridDistance(x: number, y: number, columns: number): number {
  return Math.abs(Math.floor(x / columns) - Math.floor(y / columns)) + Math.abs((x % columns) - (y % columns))
}

function torusDistance(x: number, y: number, dim: number, n: number): number {
  let steps = 0
  for (let axis = 0, stride = 1; axis < dim; axis++, stride *= n)
    steps += around(Math.abs((Math.floor(x / stride) % n) - (Math.floor(y / stride) % n)), n)
  return steps
}

/** Where an id of a fat tree sits. A server sits at its edge switch, one step below. */
interface Place {
  readonly layer: 'edge' | 'aggregation' | 'core'
  readonly pod: number
  /** Number within the pod; of a core switch, the number of the aggregation switches it hangs on. */
  readonly row: number
  readonly id: number
  readonly below: 0 | 1
}

function placeOf(id: number, k: number): Place {
  const half = k / 2
  const perLayer = k * half
  const index = id - 1
  if (index < perLayer) return { layer: 'edge', pod: Math.floor(index / half), row: index % half, id, below: 0 }
  if (index < 2 * perLayer) {
    const at = index - perLayer
    return { layer: 'aggregation', pod: Math.floor(at / half), row: at % half, id, below: 0 }
  }
  const core = index - 2 * perLayer
  if (core < half * half) return { layer: 'core', pod: -1, row: Math.floor(core / half), id, below: 0 }
  const at = Math.floor((core - half * half) / half)
  return { layer: 'edge', pod: Math.floor(at / half), row: at % half, id, below: 1 }
}

function fatTreeDistance(x: Place, y: Place): number {
  return x.id === y.id ? 0 : x.below + y.below + switchDistance(x, y)
}

/** Steps between the switches of two different places; a server's switch may be the other's too. */
function switchDistance(x: Place, y: Place): number {
  const samePod = x.pod === y.pod
  const sameRow = x.row === y.row
  if (x.layer === y.layer) {
    if (x.layer === 'core') return sameRow ? 2 : 4
    if (samePod) return sameRow ? 0 : 2
    return x.layer === 'aggregation' && sameRow ? 2 : 4
  }
  if (x.layer !== 'core' && y.layer !== 'core') return samePod ? 1 : 3
  if (x.layer === 'edge' || y.layer === 'edge') return 2
  return sameRow ? 1 : 3
}
