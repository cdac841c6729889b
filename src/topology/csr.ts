// Undirected edges to a compressed sparse row form: O(edges) memory, typed arrays only.

import type { Topology } from './types.ts'

/** Collects edges in any order and either direction; self edges and repeats vanish in `build`. */
export class EdgeList {
  #a: Uint32Array
  #b: Uint32Array
  #length = 0

  constructor(expected: number) {
    this.#a = new Uint32Array(Math.max(expected, 16))
    this.#b = new Uint32Array(Math.max(expected, 16))
  }

  /** Adds the edge between ids x and y; a self edge is left out. */
  add(x: number, y: number): void {
    if (x === y) return
    if (this.#length === this.#a.length) this.#grow()
    this.#a[this.#length] = Math.min(x, y)
    this.#b[this.#length] = Math.max(x, y)
    this.#length++
  }

  /** `nodesCount` at least the highest id added. */
  build(name: string, nodesCount: number): Topology {
    const [a, b] = sortEdges(this.#a.subarray(0, this.#length), this.#b.subarray(0, this.#length), nodesCount)
    return { name, nodesCount, edgesCount: a.length, a, b, ...adjacency(a, b, nodesCount) }
  }

  #grow(): void {
    const grow = (from: Uint32Array): Uint32Array => {
      const to = new Uint32Array(from.length * 2)
      to.set(from)
      return to
    }
    this.#a = grow(this.#a)
    this.#b = grow(this.#b)
  }
}

/** Two counting sorts, by b and then by a, and one pass that drops repeats. */
function sortEdges(a: Uint32Array, b: Uint32Array, nodesCount: number): [Uint32Array, Uint32Array] {
  const byB = countingOrder(b, nodesCount)
  const a1 = byB.map(e => a[e] as number)
  const byA = countingOrder(a1, nodesCount)
  const sortedA = new Uint32Array(a.length)
  const sortedB = new Uint32Array(a.length)
  let kept = 0
  for (const position of byA) {
    const edge = byB[position] as number
    const x = a[edge] as number
    const y = b[edge] as number
    if (kept > 0 && sortedA[kept - 1] === x && sortedB[kept - 1] === y) continue
    sortedA[kept] = x
    sortedB[kept] = y
    kept++
  }
  return [sortedA.slice(0, kept), sortedB.slice(0, kept)]
}

/** Indexes of `keys` in stable rising order of key. */
function countingOrder(keys: Uint32Array, keyMax: number): Uint32Array {
  const starts = new Uint32Array(keyMax + 2)
  for (const key of keys) bump(starts, key + 1)
  for (let key = 0; key <= keyMax; key++) starts[key + 1] = (starts[key + 1] as number) + (starts[key] as number)
  const order = new Uint32Array(keys.length)
  for (let index = 0; index < keys.length; index++) order[bump(starts, keys[index] as number)] = index
  return order
}

function adjacency(a: Uint32Array, b: Uint32Array, nodesCount: number): Pick<Topology, 'offsets' | 'neighbours'> {
  const offsets = new Uint32Array(nodesCount + 2)
  for (const id of a) bump(offsets, id + 1)
  for (const id of b) bump(offsets, id + 1)
  for (let id = 0; id <= nodesCount; id++) offsets[id + 1] = (offsets[id + 1] as number) + (offsets[id] as number)
  const next = offsets.slice()
  const neighbours = new Uint32Array(a.length * 2)
  // Lower neighbours first, in the order of a; then higher ones, in the order of b: every row comes out rising.
  for (let edge = 0; edge < a.length; edge++) neighbours[bump(next, b[edge] as number)] = a[edge] as number
  for (let edge = 0; edge < a.length; edge++) neighbours[bump(next, a[edge] as number)] = b[edge] as number
  return { offsets, neighbours }
}

/** Adds one and returns what was there before. */
function bump(counters: Uint32Array, index: number): number {
  const before = counters[index] as number
  counters[index] = before + 1
  return before
}
