// How far the fleet is: counts nodes up, connected and ready from events, and says who is missing.

import type { RunEvent } from '../../protocol/events.ts'

export class Wiring {
  readonly up = new Set<number>()
  readonly connected = new Set<number>()
  readonly ready = new Set<number>()
  allWired = false

  see(event: RunEvent): void {
    switch (event.kind) {
      case 'node_up':
        this.up.add(event.node_id)
        break
      case 'node_connected':
        this.connected.add(event.node_id)
        break
      case 'node_ready':
        this.ready.add(event.node_id)
        break
      case 'node_left':
        this.connected.delete(event.node_id)
        this.ready.delete(event.node_id)
        break
      case 'node_lost':
        this.up.delete(event.node_id)
        break
      case 'all_wired':
        this.allWired = true
        break
    }
  }

  /** These nodes are gone, whoever may not have noticed yet. */
  forget(ids: readonly number[]): void {
    for (const id of ids) for (const seen of [this.up, this.connected, this.ready]) seen.delete(id)
  }

  /** The stage that is not complete, and the ids it lacks of 1..`nodesCount`. */
  missing(nodesCount: number): { readonly stage: string; readonly ids: readonly number[] } {
    for (const [stage, seen] of [
      ['namespace up', this.up],
      ['connected to the controller', this.connected],
      ['wired', this.ready],
    ] as const) {
      if (seen.size < nodesCount) {
        const ids = Array.from({ length: nodesCount }, (_, index) => index + 1).filter(id => !seen.has(id))
        return { stage, ids }
      }
    }
    return { stage: 'acknowledged by the controller', ids: [] }
  }
}

/** Ids in short: [1, 2, 3, 7] → "1-3, 7"; at most `rangesMax` ranges are named. */
export function formatIds(ids: readonly number[], rangesMax = 20): string {
  const ranges: string[] = []
  for (let i = 0; i < ids.length; ) {
    let j = i
    while (j + 1 < ids.length && ids[j + 1] === (ids[j] as number) + 1) j += 1
    ranges.push(i === j ? `${ids[i]}` : `${ids[i]}-${ids[j]}`)
    i = j + 1
  }
  const rest = ranges.length - rangesMax
  return rest > 0 ? `${ranges.slice(0, rangesMax).join(', ')} and ${rest} more ranges` : ranges.join(', ')
}
