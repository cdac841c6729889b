// Shortest paths of a graph without a closed form: one breadth-first search for the node that asks, nothing kept.

import { bfsNextHops } from '../topology/routes.ts'
import { runsOf } from '../topology/runs.ts'
import type { Topology } from '../topology/types.ts'

/**
 * Next hops from `nodeId` to destinations 1, 2, … as runs [count, hop, count, hop, …]: its own id for itself, 0 for
 * what can't be reached. O(nodes + edges) time and memory; a ring's or a line's table is three or four runs whatever
 * its size.
 */
export function nextHopRuns(topology: Topology, nodeId: number): number[] {
  const hops = bfsNextHops(topology, nodeId)
  return runsOf(topology.nodesCount, id => hops[id] as number)
}
