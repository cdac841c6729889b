// Explicit routes: directed edges of a path or a DAG, as [[routes]] gives them (facts/nextmini.md 1.3).

type Edges = readonly (readonly [number, number])[]

/** What one node must know of one route. */
export interface RouteHop {
  readonly nextHops: readonly number[]
  readonly sourceId: number
  readonly destinationId: number
  readonly forwardMode: 'unicast' | 'multicast'
}

export interface ExplicitRoute {
  readonly sourceId: number
  /** The first sink; with several sinks the route is multicast. */
  readonly destinationId: number
  readonly sinks: readonly number[]
  /** For every node on the route its next hops, in the order of the edges; a sink's next hop is itself. */
  readonly nextHops: ReadonlyMap<number, readonly number[]>
}

/**
 * Resolves a valid route. Source: the first node with out-edges and no in-edges. Destination: the first sink.
 * Order is that of first mention in the edges.
 */
export function resolveRoute(edges: Edges): ExplicitRoute {
  // Sets: a hub may have every other node for a next hop.
  const out = new Map<number, Set<number>>()
  const entered = new Set<number>()
  for (const [from, to] of edges) {
    if (!out.has(from)) out.set(from, new Set())
    if (!out.has(to)) out.set(to, new Set())
    out.get(from)?.add(to)
    entered.add(to)
  }
  const ids = [...out.keys()]
  const nextHops = new Map([...out].map(([id, hops]) => [id, hops.size === 0 ? [id] : [...hops]]))
  const sinks = ids.filter(id => out.get(id)?.size === 0)
  return {
    sourceId: ids.find(id => !entered.has(id)) ?? 0,
    destinationId: sinks[0] ?? 0,
    sinks,
    nextHops,
  }
}

/** The entry of node `id`; null when the route does not pass it. */
export function routeHop(route: ExplicitRoute, id: number): RouteHop | null {
  const nextHops = route.nextHops.get(id)
  if (nextHops === undefined) return null
  return {
    nextHops,
    sourceId: route.sourceId,
    destinationId: route.destinationId,
    forwardMode: route.sinks.length > 1 ? 'multicast' : 'unicast',
  }
}
