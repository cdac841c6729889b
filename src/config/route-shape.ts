// The shape of an explicit route: a path of ids or a list of directed edges, to edges that form a graph without cycles.

type Edge = readonly [number, number]

/** Edges of a route as written; a string says what is wrong with it. */
export function routeEdges(route: readonly (number | Edge)[]): readonly Edge[] | string {
  const ids = route.filter(part => typeof part === 'number')
  const edges = route.filter(part => typeof part !== 'number')
  if (ids.length > 0 && edges.length > 0)
    return 'mixes node ids and edges: write a path [1, 2, 3] or edges [[1, 2], [2, 3]]'
  if (edges.length > 0) return findCycle(edges) ?? findSources(edges) ?? edges
  if (ids.length < 2) return 'must have at least two nodes'
  if (new Set(ids).size < ids.length) return 'passes a node twice'
  return ids.slice(1).map((id, index) => [ids[index] as number, id] as const)
}

/**
 * Kahn's algorithm: what is left when nodes without in-edges are taken away again and again lies on or behind a
 * cycle.
 */
function findCycle(edges: readonly Edge[]): string | null {
  const entering = new Map<number, number>()
  const leaving = new Map<number, number[]>()
  for (const [from, to] of edges) {
    entering.set(from, entering.get(from) ?? 0)
    entering.set(to, (entering.get(to) ?? 0) + 1)
    const known = leaving.get(from)
    if (known === undefined) leaving.set(from, [to])
    else known.push(to)
  }
  const free = [...entering].filter(([, count]) => count === 0).map(([id]) => id)
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    entering.delete(id)
    for (const to of leaving.get(id) ?? []) {
      const count = (entering.get(to) as number) - 1
      entering.set(to, count)
      if (count === 0) free.push(to)
    }
  }
  return entering.size === 0 ? null : `has a cycle through node ${Math.min(...entering.keys())}`
}

function findSources(edges: readonly Edge[]): string | null {
  const entered = new Set(edges.map(([, to]) => to))
  const sources = [...new Set(edges.map(([from]) => from))].filter(id => !entered.has(id))
  return sources.length === 1 ? null : `has ${sources.length} sources (${sources.join(', ')}); a route has one`
}
