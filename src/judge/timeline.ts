// What the events say about wiring: the moments, who was there at each, and how often something went wrong.
// Events of several processes arrive in any order; here they are taken in the order of their times.

import type { RunEvent } from '../protocol/events.ts'

export interface Timeline {
  /** First node's StartUp accepted by the controller; null: none. All times in seconds from the run's start. */
  readonly firstArrivalS: number | null
  readonly allConnectedS: number | null
  readonly flowsSentS: number | null
  readonly allWiredS: number | null
  /** Per fleet: first kernel call, and after the last one. */
  readonly fabrics: ReadonlyMap<string, { readonly startedS: number; readonly endedS: number | null }>
  /** Ids connected when all_connected was said; the most at any one time where it never was. */
  readonly connected: ReadonlySet<number>
  /** Ids that had reported their links up when all_wired was said; the most at any one time where it never was. */
  readonly ready: ReadonlySet<number>
  readonly counts: Readonly<Record<CountedKind, number>>
  readonly endS: number
}

const countedKinds = [
  'refused',
  'link_refused',
  'node_restarted',
  'node_lost',
  'database_lost',
  'warning',
  'error',
] as const satisfies readonly RunEvent['kind'][]

type CountedKind = (typeof countedKinds)[number]

/** A set of ids that rises and falls, and what it was at its moment, else at its largest. */
class Presence {
  readonly #now = new Set<number>()
  #kept: ReadonlySet<number> = new Set()
  #frozen = false

  add(id: number): void {
    this.#now.add(id)
  }

  /** Copies only when the set has been at its largest and is about to shrink: a copy per arrival would be quadratic. */
  delete(id: number): void {
    this.#keepPeak()
    this.#now.delete(id)
  }

  freeze(): void {
    if (this.#frozen) return
    this.#kept = new Set(this.#now)
    this.#frozen = true
  }

  get kept(): ReadonlySet<number> {
    this.#keepPeak()
    return this.#kept
  }

  #keepPeak(): void {
    if (!this.#frozen && this.#now.size > this.#kept.size) this.#kept = new Set(this.#now)
  }
}

/** Events in the order of their times; those of one moment stay as they were written. */
export function inOrder(events: readonly RunEvent[]): RunEvent[] {
  return [...events].sort((one, other) => one.t_s - other.t_s)
}

export function readTimeline(events: readonly RunEvent[]): Timeline {
  const moments: Record<'arrival' | 'all_connected' | 'flows_sent' | 'all_wired', number | null> = {
    arrival: null,
    all_connected: null,
    flows_sent: null,
    all_wired: null,
  }
  const fabrics = new Map<string, { startedS: number; endedS: number | null }>()
  const connected = new Presence()
  const ready = new Presence()
  const counts = Object.fromEntries(countedKinds.map(kind => [kind, 0])) as Record<CountedKind, number>
  let endS = 0
  for (const event of inOrder(events)) {
    endS = event.t_s
    if (event.kind in counts) counts[event.kind as CountedKind]++
    switch (event.kind) {
      case 'node_connected':
        moments.arrival ??= event.t_s
        connected.add(event.node_id)
        break
      case 'node_ready':
        ready.add(event.node_id)
        break
      case 'node_left':
      case 'node_lost':
        connected.delete(event.node_id)
        ready.delete(event.node_id)
        break
      case 'all_connected':
        moments.all_connected ??= event.t_s
        connected.freeze()
        break
      case 'flows_sent':
        moments.flows_sent ??= event.t_s
        break
      case 'all_wired':
        moments.all_wired ??= event.t_s
        ready.freeze()
        break
      case 'fabric_started':
        if (!fabrics.has(event.from)) fabrics.set(event.from, { startedS: event.t_s, endedS: null })
        break
      case 'fabric_ended': {
        const fabric = fabrics.get(event.from)
        if (fabric) fabric.endedS ??= event.t_s
        break
      }
    }
  }
  return {
    firstArrivalS: moments.arrival,
    allConnectedS: moments.all_connected,
    flowsSentS: moments.flows_sent,
    allWiredS: moments.all_wired,
    fabrics,
    connected: connected.kept,
    ready: ready.kept,
    counts,
    endS,
  }
}
