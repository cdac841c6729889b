// A configured topology to nodes and edges. Ids and edges of the presets follow Nextmini (facts/nextmini.md 1.2),
// with two differences: a ring of one has no self edge, and a fat tree's servers are attached to their edge switches.

import { EdgeList } from './csr.ts'
import { nodesCountOf } from './size.ts'
import type { Topology, TopologyConfig } from './types.ts'

type Preset = NonNullable<TopologyConfig['preset']>

/** Nodes and edges of a valid configuration. O(nodes + edges) memory. */
export function makeTopology(config: TopologyConfig): Topology {
  const nodesCount = nodesCountOf(config)
  const edges = new EdgeList(config.edges.length + (config.preset === undefined ? 0 : nodesCount))
  if (config.preset !== undefined) addPreset(edges, config.preset)
  for (const [x, y] of config.edges) edges.add(x, y)
  return edges.build(config.preset?.type ?? (config.edges.length > 0 ? 'custom' : 'none'), nodesCount)
}

/** Neighbours of `id`, rising; a view, not a copy. */
export function neighboursOf(topology: Topology, id: number): Uint32Array {
  return topology.neighbours.subarray(topology.offsets[id], topology.offsets[id + 1])
}

/** Whether two ids are neighbours; by halves of the shorter row. */
export function isEdge(topology: Topology, x: number, y: number): boolean {
  const [of, to] = neighboursOf(topology, x).length <= neighboursOf(topology, y).length ? [x, y] : [y, x]
  const row = neighboursOf(topology, of)
  let low = 0
  for (let high = row.length; low < high; ) {
    const middle = (low + high) >>> 1
    if ((row[middle] as number) < to) low = middle + 1
    else high = middle
  }
  return row[low] === to
}

function addPreset(edges: EdgeList, preset: Preset): void {
  switch (preset.type) {
    case 'ring':
      addPath(edges, preset.nNodes)
      edges.add(preset.nNodes, 1)
      break
    case 'line':
      addPath(edges, preset.nNodes)
      break
    case 'star':
      for (let id = 2; id <= preset.nNodes; id++) edges.add(1, id)
      break
    case 'full_mesh':
      for (let x = 1; x < preset.nNodes; x++) for (let y = x + 1; y <= preset.nNodes; y++) edges.add(x, y)
      break
    case 'grid':
      addGrid(edges, preset.rows, preset.columns)
      break
    case 'torus':
      addTorus(edges, preset.dim, preset.n)
      break
    case 'fat_tree':
      addFatTree(edges, preset.k)
      break
  }
}

function addPath(edges: EdgeList, nNodes: number): void {
  for (let id = 1; id < nNodes; id++) edges.add(id, id + 1)
}

/** id = 1 + row · columns + column. */
function addGrid(edges: EdgeList, rows: number, columns: number): void {
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const id = 1 + row * columns + column
      if (column + 1 < columns) edges.add(id, id + 1)
      if (row + 1 < rows) edges.add(id, id + columns)
    }
}

/** id = 1 + i + j·n + k·n²; one edge to the next node of each dimension, wrapping. */
function addTorus(edges: EdgeList, dim: number, n: number): void {
  const nodesCount = n ** dim
  for (let index = 0; index < nodesCount; index++)
    for (let axis = 0, stride = 1; axis < dim; axis++, stride *= n) {
      const coordinate = Math.floor(index / stride) % n
      edges.add(1 + index, 1 + index - coordinate * stride + ((coordinate + 1) % n) * stride)
    }
}

/**
 * Al-Fares, Loukissas and Vahdat's fat tree of k-port switches. Ids: k²/2 edge switches pod by pod, then k²/2
 * aggregation switches, k²/4 core switches, and k³/4 servers, k/2 to each edge switch in order.
 */
function addFatTree(edges: EdgeList, k: number): void {
  const half = k / 2
  for (let pod = 0; pod < k; pod++)
    for (let up = 0; up < half; up++) {
      const aggregation = 1 + k * half + pod * half + up
      for (let down = 0; down < half; down++) edges.add(1 + pod * half + down, aggregation)
      for (let core = 0; core < half; core++) edges.add(aggregation, 1 + 2 * k * half + up * half + core)
    }
  const firstServer = 1 + 2 * k * half + half * half
  for (let server = 0; server < k * half * half; server++)
    edges.add(1 + Math.floor(server / half), firstServer + server)
}
