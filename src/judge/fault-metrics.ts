// What the events say of faults that were done to hosts: how many, which of them anybody felt, what they left.

import type { FaultConfig } from '../config/types.ts'
import type { RunEvent } from '../protocol/events.ts'
import { isImpairmentFelt } from '../protocol/impairment.ts'

/** Faults that no token may get round during. */
export const FELT_BY_TOKENS: ReadonlySet<string> = new Set(['kill', 'cut'])

type FaultEvent = Extract<RunEvent, { kind: 'fault_started' | 'fault_ended' }>

/** Faults that were done and undone. */
export const faultsCount = (events: readonly RunEvent[]): number =>
  events.filter(event => event.kind === 'fault_ended').length

/**
 * Of those that cut a ring, how many had a walk sent out while they lasted that did not come home; and of those that
 * impair frames, how many did to every host's what they were to do.
 */
export function faultsFeltCount(
  events: readonly RunEvent[],
  nodesCount: number,
  faults: readonly FaultConfig[],
): number {
  const started = events.filter((event): event is FaultEvent => event.kind === 'fault_started')
  return started.filter(({ fault, op, t_s: fromS }) => {
    const end = events.find((event): event is FaultEvent => event.kind === 'fault_ended' && event.fault === fault)
    if (end === undefined) return false
    const asked = faults[fault]
    if (op === 'impair') return asked !== undefined && isImpairmentFelt(asked, end.frames)
    if (!FELT_BY_TOKENS.has(op)) return false
    const toS = end.t_s
    const walks = events.flatMap(event =>
      event.kind === 'proof_started' && event.t_s >= fromS && event.t_s < toS ? event.proof : [],
    )
    return walks.length > 0 && !walks.some(walk => cameHome(events, walk, nodesCount, toS))
  }).length
}

/** A token that a link held back while the fault lasted may still come home after it. */
const cameHome = (events: readonly RunEvent[], walk: number, nodesCount: number, toS: number): boolean =>
  events.some(
    event => event.kind === 'token_passed' && event.walk === walk && event.hops === nodesCount && event.t_s < toS,
  )

/** Nodes that the database had when a controller came back to it; null: none did. */
export function rowsKeptCount(events: readonly RunEvent[]): number | null {
  const back = events.findLast(event => event.kind === 'database_ready' && event.nodes_count !== undefined)
  return back?.kind === 'database_ready' ? (back.nodes_count ?? null) : null
}
