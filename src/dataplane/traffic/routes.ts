// The explicit routes through one node, and what to change in the engine when others are told.

import type { RouteChange } from '../../native/engine.ts'
import type { RouteEntry } from '../../protocol/messages.ts'

interface Pair {
  readonly source: number
  readonly destination: number
  readonly entries: readonly RouteEntry[]
  readonly text: string
}

const NO_PAIRS: ReadonlyMap<string, Pair> = new Map()

const keyOf = (source: number, destination: number): string => `${source} ${destination}`

export class RouteSet {
  /** What the engine has. */
  #pairs = NO_PAIRS

  get entriesCount(): number {
    let count = 0
    for (const { entries } of this.#pairs.values()) count += entries.length
    return count
  }

  /** Whether packets of this pair can be told to take the route. */
  has(source: number, destination: number, routeId: number): boolean {
    const pair = this.#pairs.get(keyOf(source, destination))
    return pair?.entries.some(entry => entry.route_id === routeId) === true
  }

  /**
   * These are all routes from now on: what differs, pair by pair. Routes of a pair in rising order of id, so that the
   * order in which they were told changes nothing.
   */
  replace(entries: readonly RouteEntry[]): RouteChange[] {
    if (entries.length === 0 && this.#pairs.size === 0) return []
    const pairs = pairsOf(entries)
    const changes: RouteChange[] = []
    for (const [key, { source, destination }] of this.#pairs)
      if (!pairs.has(key)) changes.push({ change: 'install', source, destination, routes: [] })
    for (const [key, { source, destination, entries, text }] of pairs) {
      if (this.#pairs.get(key)?.text === text) continue
      const routes = entries.map(({ route_id, next_hops }) => ({ id: route_id, nextHops: next_hops }))
      changes.push({ change: 'install', source, destination, routes })
    }
    this.#pairs = pairs
    return changes
  }
}

function pairsOf(entries: readonly RouteEntry[]): ReadonlyMap<string, Pair> {
  if (entries.length === 0) return NO_PAIRS
  const byKey = new Map<string, RouteEntry[]>()
  for (const entry of entries) {
    const key = keyOf(entry.src_node_id, entry.dst_node_id)
    const known = byKey.get(key)
    if (known === undefined) byKey.set(key, [entry])
    else known.push(entry)
  }
  const pairs = new Map<string, Pair>()
  for (const [key, unordered] of byKey) {
    const entries = unordered.sort((a, b) => a.route_id - b.route_id)
    const { src_node_id: source, dst_node_id: destination } = entries[0] as RouteEntry
    const text = JSON.stringify(entries.map(({ route_id, next_hops }) => [route_id, next_hops]))
    pairs.set(key, { source, destination, entries, text })
  }
  return pairs
}
