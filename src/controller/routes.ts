// Explicit routes: each a directed acyclic graph from one source; what each node on it must know. Pure, O(edges).

import type { RouteEntry } from '../protocol/messages.ts'
import { type ExplicitRoute, type RouteHop, resolveRoute, routeHop } from '../topology/explicit-routes.ts'

export type RouteEdges = readonly (readonly [number, number])[]

/** A route that can't be one; `reason` is a sentence for a warning. */
export class RouteInvalid extends Error {
  override readonly name = 'RouteInvalid'
}

type Entries = ReadonlyMap<number, RouteEntry>

/**
 * What each node of a route must install, or of `what` else is one. Throws RouteInvalid for an id outside the plan
 * (`nodesCount` 0: any id), for more or less than one source, and for a loop: rows of a database have passed no parser.
 */
export function compileRoute(
  routeId: number,
  edges: RouteEdges,
  nodesCount: number,
  what = `route ${routeId}`,
): Entries {
  if (routeId < 0) throw new RouteInvalid(`${what} has a number below 0`)
  for (const id of edges.flat()) {
    if (Number.isInteger(id) && id >= 1 && (nodesCount === 0 || id <= nodesCount)) continue
    throw new RouteInvalid(`${what} names node ${id}, which is not in the plan`)
  }
  if (edges.some(([from, to]) => from === to)) throw new RouteInvalid(`${what} has a loop`)
  const route = resolveRoute(edges)
  const entered = new Set(edges.map(([, to]) => to))
  const sourcesCount = [...route.nextHops.keys()].filter(id => !entered.has(id)).length
  if (sourcesCount !== 1) throw new RouteInvalid(`${what} has ${sourcesCount} sources, it must have one`)
  if (!isAcyclic(route)) throw new RouteInvalid(`${what} has a loop`)
  const entries = new Map<number, RouteEntry>()
  for (const id of route.nextHops.keys()) {
    const hop = routeHop(route, id) as RouteHop
    entries.set(id, {
      route_id: routeId,
      next_hops: hop.nextHops,
      src_node_id: hop.sourceId,
      dst_node_id: hop.destinationId,
      forward_mode: hop.forwardMode,
    })
  }
  return entries
}

/** Depth first from the source, which reaches everything that is not on a loop of its own. */
function isAcyclic(route: ExplicitRoute): boolean {
  const state = new Map<number, 'open' | 'done'>([[route.sourceId, 'open']])
  const path: { readonly id: number; at: number }[] = [{ id: route.sourceId, at: 0 }]
  while (path.length > 0) {
    const top = path[path.length - 1] as { readonly id: number; at: number }
    const next = (route.nextHops.get(top.id) as readonly number[])[top.at++]
    if (next === undefined || next === top.id) {
      state.set(top.id, 'done')
      path.pop()
    } else if (state.get(next) === 'open') {
      return false
    } else if (!state.has(next)) {
      state.set(next, 'open')
      path.push({ id: next, at: 0 })
    }
  }
  return state.size === route.nextHops.size
}

/** All explicit routes, by id and by node. */
export class RouteBook {
  readonly #nodesCount: number
  readonly #routes = new Map<number, { readonly text: string; readonly entries: Entries }>()
  readonly #byNode = new Map<number, Map<number, RouteEntry>>()

  constructor(nodesCount: number) {
    this.#nodesCount = nodesCount
  }

  ids(): number[] {
    return [...this.#routes.keys()]
  }

  /** What a node must install, in the order of route ids' arrival. */
  entriesOf(nodeId: number): readonly RouteEntry[] {
    const entries = this.#byNode.get(nodeId)
    return entries === undefined ? noEntries : [...entries.values()]
  }

  /**
   * Adds, replaces or (null) removes a route; returns the ids of nodes whose entries differ now. Throws RouteInvalid
   * for edges that make no route, with the book unchanged.
   */
  set(routeId: number, edges: RouteEdges | null): readonly number[] {
    const old = this.#routes.get(routeId)
    const text = edges === null ? '' : JSON.stringify(edges)
    if ((old?.text ?? '') === text) return []
    const entries = edges === null ? undefined : compileRoute(routeId, edges, this.#nodesCount)
    const concerned = new Set<number>()
    for (const [id, entry] of old?.entries ?? []) {
      if (JSON.stringify(entries?.get(id)) === JSON.stringify(entry)) continue
      concerned.add(id)
      const known = this.#byNode.get(id) as Map<number, RouteEntry>
      known.delete(routeId)
      if (known.size === 0) this.#byNode.delete(id)
    }
    for (const [id, entry] of entries ?? []) {
      const known = this.#byNode.get(id) ?? new Map<number, RouteEntry>()
      if (known.has(routeId)) continue
      concerned.add(id)
      this.#byNode.set(id, known.set(routeId, entry))
    }
    if (entries === undefined) this.#routes.delete(routeId)
    else this.#routes.set(routeId, { text, entries })
    return [...concerned].sort((a, b) => a - b)
  }
}

const noEntries: readonly RouteEntry[] = []
