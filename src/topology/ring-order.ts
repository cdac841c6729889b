// Whether a topology is one ring through all of its nodes, and in which order. For a token that walks it.

type Edge = readonly [number, number]

/**
 * Ids in the order of the ring, from 1 to its lower neighbour and on; null where the edges are not one ring through
 * nodes 1 to `nodesCount`. Two nodes with one link are a ring: out and back over it. One node without a link is one,
 * too: whoever leaves it is there.
 */
export function ringOrder(nodesCount: number, edges: readonly Edge[]): number[] | null {
  if (nodesCount === 1 && edges.length === 0) return [1]
  if (nodesCount === 2 && edges.length === 1) return [1, 2]
  if (nodesCount < 3 || edges.length !== nodesCount) return null
  const neighbours = neighboursOf(nodesCount, edges)
  if (neighbours === null) return null
  const order = [1]
  let before = Math.max(...(neighbours[1] as number[]))
  for (let id = 1; order.length < nodesCount; ) {
    const [one, other] = neighbours[id] as [number, number]
    const next = one === before ? other : one
    if (next === 1) return null
    order.push(next)
    before = id
    id = next
  }
  return order
}

/** Two of each node, by id; null where a node has another number of them, or two edges are one. */
function neighboursOf(nodesCount: number, edges: readonly Edge[]): number[][] | null {
  const neighbours: number[][] = Array.from({ length: nodesCount + 1 }, () => [])
  for (const [a, b] of edges) {
    if (a === b || neighbours[a]?.includes(b)) return null
    neighbours[a]?.push(b)
    neighbours[b]?.push(a)
  }
  return neighbours.slice(1).every(two => two.length === 2) ? neighbours : null
}
