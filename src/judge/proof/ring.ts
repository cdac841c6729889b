// The walk of a token through a ring, from what the fleets said: who was handed it, by whom, and as which hop.
// A ring is proven when the token came home through every node once, in the plan's order.

import type { Plan } from '../../plan.ts'
import type { RunEvent } from '../../protocol/events.ts'
import { ringOrder } from '../../topology/ring-order.ts'

type Passed = Extract<RunEvent, { kind: 'token_passed' }>

export interface WalkFacts {
  /** Hops in order up to the first that was not; as many as there are nodes where the ring is proven. */
  readonly hops: number
  readonly isWhole: boolean
  /** From the first node's sending to its being handed the token again; null where it was not. Of one clock. */
  readonly walkS: number | null
  /** What was seen, or what went wrong first. */
  readonly evidence: string
}

/** Numbers of the proofs that the run began, as they came; the last one is the one that counts. */
export function proofsOf(events: readonly RunEvent[]): number[] {
  return events.flatMap(event => (event.kind === 'proof_started' ? event.proof : []))
}

/** Reads the walk of a proof. Null where the topology is no ring, so that there is none. */
export function readWalk({ topology }: Plan, events: readonly RunEvent[], proof: number): WalkFacts | null {
  const order = ringOrder(topology.nodes_count, topology.edges)
  if (order === null) return null
  const started = events.find(event => event.kind === 'walk_started' && event.walk === proof)
  if (started === undefined) return { hops: 0, isWhole: false, walkS: null, evidence: 'no token was sent' }
  const passed = events.filter((event): event is Passed => event.kind === 'token_passed' && event.walk === proof)
  const fault = firstFault(order, passed)
  const home = passed.find(event => event.node_id === order[0] && event.hops === order.length)
  const walkS = home === undefined ? null : home.t_s - started.t_s
  if (fault !== null) return { hops: fault.hops, isWhole: false, walkS, evidence: fault.evidence }
  const evidence =
    order.length === 1
      ? `node ${order[0]} had the token from itself: a ring of one has no link`
      : `the token came home to node ${order[0]} through every node once, in order`
  return { hops: passed.length, isWhole: true, walkS, evidence }
}

interface Fault {
  readonly hops: number
  readonly evidence: string
}

/** The first hop that is missing, wrong or there twice, with how many were right before it. */
function firstFault(order: readonly number[], passed: readonly Passed[]): Fault | null {
  const byHop = new Map<number, Passed[]>()
  for (const event of passed) {
    const same = byHop.get(event.hops)
    if (same === undefined) byHop.set(event.hops, [event])
    else same.push(event)
  }
  for (const [index, from] of order.entries()) {
    const hops = index + 1
    const to = order[hops % order.length] as number
    const [event, again] = byHop.get(hops) ?? []
    const due = `hop ${hops}, from node ${from} to node ${to}`
    if (event === undefined) return { hops: index, evidence: `${due}, was not made: ${lastSeen(from, index, passed)}` }
    if (event.node_id !== to || event.from_id !== from)
      return { hops: index, evidence: `${due}, went from node ${event.from_id} to node ${event.node_id}` }
    if (again !== undefined)
      return {
        hops: index,
        evidence: `${due}, was made twice: node ${again.node_id} had it from node ${again.from_id}`,
      }
  }
  const stray = passed.find(({ hops }) => hops < 1 || hops > order.length)
  if (stray === undefined) return null
  const evidence = `a hop ${stray.hops} of ${order.length}: node ${stray.node_id} had the token from node ${stray.from_id}`
  return { hops: passed.length, evidence }
}

function lastSeen(nodeId: number, hops: number, passed: readonly Passed[]): string {
  const later = passed.find(event => event.hops > hops + 1)
  if (later !== undefined) return `all the same node ${later.node_id} had the token, as hop ${later.hops}`
  return hops === 0 ? `node ${nodeId} sent the token and nobody had it` : `node ${nodeId} had the token last`
}
