// What lossless transfers came to. A receiver has its payload where the source's SHA-256, the receiver's own and the
// receiver's word to the source all say so.

import { losslessMetrics } from '../../base/lossless-metrics.ts'
import type { Plan } from '../../plan.ts'
import { isLossless, type TransferEnd } from '../../protocol/traffic.ts'
import { known, type Metric, type Metrics, type Reading, unknown } from '../metric.ts'
import type { TrafficFacts } from './account.ts'

type Sender = Extract<TransferEnd, { readonly end: 'sender' }>
type Receiver = Extract<TransferEnd, { readonly end: 'receiver' }>
type PlannedFlow = Plan['scenario']['controller']['flows'][number]

export interface TransferFacts {
  readonly id: number
  readonly sourceNode: number
  /** Null: it never began. */
  readonly sender: Sender | null
  readonly receivers: readonly {
    readonly nodeId: number
    readonly isDelivered: boolean
    /** In words, where it is not. */
    readonly why: string
    /** It is not, and one of its ends was made anew and has forgotten whether it was. */
    readonly isForgotten: boolean
    /** Null: it has told nothing. */
    readonly end: Receiver | null
  }[]
}

const NAMED_MAX = 3

/** Planned transfers by the number that the controller gives them, and those that others asked for; by rising id. */
export function transfersOf(
  { scenario }: Plan,
  ends: readonly TransferEnd[],
  remade: ReadonlySet<number>,
): TransferFacts[] {
  const { flows, groups } = scenario.controller
  const senders = new Map<number, Sender>()
  const receivers = new Map<string, Receiver>()
  for (const end of ends) {
    if (end.end === 'sender') senders.set(end.flow_id, end)
    else receivers.set(`${end.flow_id} ${end.node_id}`, end)
  }
  const ids = new Set(senders.keys())
  for (const [index, flow] of flows.entries()) if (isLossless(flow.spec)) ids.add(index + 1)
  return [...ids]
    .sort((a, b) => a - b)
    .map(id => {
      const sender = senders.get(id) ?? null
      const flow = flows[id - 1]
      const planned = flow !== undefined && isLossless(flow.spec) ? destinationsOf(flow, groups) : []
      const nodes = new Set([...planned, ...(sender?.receivers ?? []).map(({ node_id }) => node_id)])
      const sourceNode = sender?.node_id ?? flow?.srcNodeId ?? 0
      const told = [...nodes].map(nodeId => receiverOf(nodeId, sender, receivers.get(`${id} ${nodeId}`) ?? null))
      const isForgotten = (nodeId: number, why: string): boolean =>
        (why === NOT_ASKED && remade.has(sourceNode)) || (why === SAID_ONLY && remade.has(nodeId))
      return {
        id,
        sourceNode,
        sender,
        receivers: told.map(each => ({ ...each, isForgotten: isForgotten(each.nodeId, each.why) })),
      }
    })
}

/** A source is not among the members that have to have it. */
function destinationsOf(flow: PlannedFlow, groups: Plan['scenario']['controller']['groups']): readonly number[] {
  if (flow.dstGroup === undefined) return [flow.dstNodeId]
  const members = groups.find(({ label }) => label === flow.dstGroup)?.members ?? []
  return members.filter(member => member !== flow.srcNodeId)
}

function receiverOf(
  nodeId: number,
  sender: Sender | null,
  end: Receiver | null,
): Omit<TransferFacts['receivers'][number], 'isForgotten'> {
  const outcome = sender?.receivers.find(({ node_id }) => node_id === nodeId)?.outcome
  const isEqual = sender !== null && sender.sha256 !== null && end?.sha256 === sender.sha256
  const isDelivered = outcome === 'delivered' && isEqual
  const why = isDelivered
    ? ''
    : outcome === undefined
      ? NOT_ASKED
      : outcome === 'delivered'
        ? SAID_ONLY
        : (LACKS[outcome] ?? outcome)
  return { nodeId, isDelivered, why, end }
}

const NOT_ASKED = 'was not asked'
const SAID_ONLY = 'said delivered, and has other bytes or none'

/** Outcomes as the end of a sentence. */
const LACKS: Readonly<Record<string, string>> = {
  mismatch: 'has other bytes',
  left: 'left, or was made anew',
  silent: 'was not heard of for too long',
  stopped: 'had not all when the flow was stopped',
  pending: 'had not all yet',
}

/** Empty of a run without any. `facts`: a sentence where the run did not tell. */
export function losslessMetricsOf(facts: TrafficFacts | string, { scenario }: Plan): Metrics {
  if (typeof facts === 'string') {
    const isAsked = scenario.controller?.flows?.some(({ spec }) => isLossless(spec)) === true
    return Object.fromEntries(isAsked ? losslessMetrics.map(({ name }) => [name, unknown(facts)]) : [])
  }
  const { transfers } = facts
  if (transfers.length === 0) return {}
  const all = transfers.flatMap(transfer => transfer.receivers.map(receiver => ({ ...receiver, transfer })))
  const missing = all.filter(({ isDelivered }) => !isDelivered)
  const forgotten = missing.filter(({ isForgotten }) => isForgotten).length
  const named = missing
    .slice(0, NAMED_MAX)
    .map(({ nodeId, why, transfer }) => `flow ${transfer.id}: node ${nodeId} ${why}`)
  const begun = transfers.flatMap(({ sender }) => sender ?? [])
  const sum = (list: readonly number[]): number => list.reduce((total, each) => total + each, 0)
  return {
    lossless_transfers_count: known(begun.length, `of ${transfers.length}, as sources told`),
    lossless_receivers_count: known(all.length, 'of all payloads'),
    lossless_delivered_count: known(
      all.length - missing.length,
      'SHA-256 at the source and at the receiver',
      otherwise(forgotten, all.length - missing.length + forgotten),
    ),
    lossless_undelivered_count: known(
      missing.length,
      missing.length === 0 ? `all ${all.length} have the SHA-256 of their source` : named.join('; '),
      otherwise(forgotten, missing.length - forgotten),
    ),
    lossless_repaired_symbols_count: known(sum(begun.map(({ repaired_symbols }) => repaired_symbols)), 'sent again'),
    lossless_decoded_blocks_count: known(sum(all.map(({ end }) => end?.decoded_blocks ?? 0)), 'completed by parity'),
    lossless_goodput_bytes_per_s: goodput(all),
  }
}

/** The count if those had it whose ends were made anew and have forgotten. */
const otherwise = (forgotten: number, value: number): Reading[] =>
  forgotten === 0 ? [] : [{ value, evidence: `case that ${forgotten}, of nodes made anew that forgot, had it` }]

function goodput(all: readonly TransferFacts['receivers'][number][]): Metric {
  const rates = all.flatMap(({ end, isDelivered }) => {
    const spanS = (end?.last_s ?? 0) - (end?.first_s ?? 0)
    return isDelivered && end !== null && spanS > 0 ? [end.received_bytes / spanS] : []
  })
  if (rates.length === 0) return unknown('no receiver had a payload in more than one moment')
  return known(
    rates.reduce((least, rate) => Math.min(least, rate)),
    `the slowest of ${rates.length} receivers`,
  )
}
