// Routes in O(edges) memory: next hops by breadth-first search, by formula for presets, and along explicit routes.
// No table of N·(N−1) rows is ever made: a node derives what it needs.

import { neighboursOf } from './make.ts'
import type { Topology } from './types.ts'

/**
 * Next hop from `source` towards every id (index = destination id) on a shortest path; of several the lowest id.
 * The source's own entry is the source (delivered locally); 0 where there is no way.
 */
export function bfsNextHops(topology: Topology, source: number): Uint32Array {
  const nextHops = new Uint32Array(topology.nodesCount + 1)
  const queue = new Uint32Array(topology.nodesCount)
  nextHops[source] = source
  let head = 0
  let tail = 0
  queue[tail++] = source
  // Rows rise, so the queue of each distance is ordered by first hop: whoever finds an id first has the lowest.
  while (head < tail) {
    const id = queue[head++] as number
    for (const neighbour of neighboursOf(topology, id)) {
      if (nextHops[neighbour] !== 0) continue
      nextHops[neighbour] = id === source ? neighbour : (nextHops[id] as number)
      queue[tail++] = neighbour
    }
  }
  return nextHops
}

/** Steps from `source` to the id that is farthest from it, of those that can be reached. */
export function farthest(topology: Topology, source: number): number {
  const isSeen = new Uint8Array(topology.nodesCount + 1)
  isSeen[source] = 1
  let ring = [source]
  for (let steps = 0; ; steps++) {
    const next: number[] = []
    for (const id of ring)
      for (const neighbour of neighboursOf(topology, id)) {
        if (isSeen[neighbour] === 1) continue
        isSeen[neighbour] = 1
        next.push(neighbour)
      }
    if (next.length === 0) return steps
    ring = next
  }
}

/** The lowest id that can't be reached from id 1; 0 when all can. */
export function firstUnreachable(topology: Topology): number {
  const nextHops = bfsNextHops(topology, 1)
  for (let id = 1; id <= topology.nodesCount; id++) if (nextHops[id] === 0) return id
  return 0
}

/**
 * Next hop from `from` to `to` with O(1) memory: the lowest of `neighbours` (of `from`, rising) that is one step
 * nearer. Equal to `bfsNextHops(…)[to]` where `distance` is the topology's own.
 */
export function nextHop(
  distance: (x: number, y: number) => number,
  neighbours: Iterable<number>,
  from: number,
  to: number,
): number {
  const steps = distance(from, to)
  if (steps <= 1) return to
  for (const neighbour of neighbours) if (distance(neighbour, to) === steps - 1) return neighbour
  return 0
}
