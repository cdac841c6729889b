// The namespaces that a schedule has alive, and which of them is dropped next. Pure.

import type { Random } from '../../base/random.ts'
import type { NetnsKind } from '../../protocol/churn.ts'

/** What a schedule knows of a namespace that lives. */
export interface Living {
  readonly id: number
  readonly kind: NetnsKind
  readonly name: string | null
  readonly madeS: number
}

/** How often a random choice is repeated that fell on one too young; then the oldest is taken. */
const TRIES_MAX = 8

/** Alive namespaces: found by age and at random, each in constant time. */
export class Alive {
  /** In the order of making: the first is the oldest. */
  readonly #byAge = new Set<Living>()
  readonly #dense: Living[] = []
  readonly #at = new Map<Living, number>()

  get size(): number {
    return this.#dense.length
  }

  add(living: Living): void {
    this.#byAge.add(living)
    this.#at.set(living, this.#dense.length)
    this.#dense.push(living)
  }

  delete(living: Living): void {
    const at = this.#at.get(living) as number
    const last = this.#dense.pop() as Living
    if (last !== living) {
      this.#dense[at] = last
      this.#at.set(last, at)
    }
    this.#at.delete(living)
    this.#byAge.delete(living)
  }

  oldest(): Living | undefined {
    return this.#byAge.values().next().value
  }

  /** One made at `beforeS` or earlier, at random; where few are so old, the oldest. */
  any(random: Random, beforeS: number): Living | undefined {
    for (let tries = 0; tries < TRIES_MAX && this.#dense.length > 0; tries++) {
      const living = this.#dense[random.below(this.#dense.length)] as Living
      if (living.madeS <= beforeS) return living
    }
    return this.oldest()
  }

  /** One with a name, at random; undefined where none was met. */
  named(random: Random): Living | undefined {
    for (let tries = 0; tries < TRIES_MAX && this.#dense.length > 0; tries++) {
      const living = this.#dense[random.below(this.#dense.length)] as Living
      if (living.name !== null) return living
    }
    return undefined
  }
}

/** Namespaces with a time of their own to go: a binary heap, the earliest first. */
export class Doomed {
  readonly #heap: (readonly [dropS: number, living: Living])[] = []

  add(dropS: number, living: Living): void {
    const heap = this.#heap
    let at = heap.length
    heap.push([dropS, living])
    for (let up = (at - 1) >> 1; at > 0 && this.#before(at, up); at = up, up = (at - 1) >> 1) this.#swap(at, up)
  }

  /** Takes out the one that is to go at `dueS` or earlier. */
  take(dueS: number): Living | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first[0] > dueS) return undefined
    this.#swap(0, heap.length - 1)
    heap.pop()
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let least = left < heap.length && this.#before(left, at) ? left : at
      if (right < heap.length && this.#before(right, least)) least = right
      if (least === at) return first[1]
      this.#swap(at, least)
      at = least
    }
  }

  /** By time, then by id: the order never depends on how the heap was filled. */
  #before(a: number, b: number): boolean {
    const [[aS, aLiving], [bS, bLiving]] = [this.#heap[a], this.#heap[b]] as [[number, Living], [number, Living]]
    return aS < bS || (aS === bS && aLiving.id < bLiving.id)
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap as [number, Living][]
    const [x, y] = [heap[a], heap[b]] as [[number, Living], [number, Living]]
    heap[a] = y
    heap[b] = x
  }
}
