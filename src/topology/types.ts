// A topology past its configuration: how many nodes, which edges.

export interface Topology {
  /** "ring", "torus", … or "custom" (edges only) or "none" (connection-only). */
  readonly name: string
  /** Ids run from 1 to nodesCount. */
  readonly nodesCount: number
  readonly edgesCount: number
  /** Edge e joins ids a[e] < b[e]; sorted by (a, b), without duplicates or self edges. */
  readonly a: Uint32Array
  readonly b: Uint32Array
  /**
   * Neighbours of id i: neighbours[offsets[i] .. offsets[i+1]), rising. offsets has nodesCount + 2 entries (id 0 is
   * empty).
   */
  readonly offsets: Uint32Array
  readonly neighbours: Uint32Array
}

/** A topology as configured; make.ts turns it into nodes and edges. */
export interface TopologyConfig {
  readonly preset?:
    | { readonly type: 'ring' | 'full_mesh' | 'line' | 'star'; readonly nNodes: number }
    | { readonly type: 'grid'; readonly rows: number; readonly columns: number }
    | { readonly type: 'torus'; readonly dim: 1 | 2 | 3; readonly n: number }
    | { readonly type: 'fat_tree'; readonly k: number }
  /** Extra undirected edges, merged with the preset's. */
  readonly edges: readonly (readonly [number, number])[]
  /** Expected nodes where no preset says so; alone: connection-only. */
  readonly nNodes?: number
}
