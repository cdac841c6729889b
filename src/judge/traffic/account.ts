// What became of every packet, from what the fleets said of their nodes, links and flows once no source made any more:
// whether it adds up, and what each flow came to. Pure.

import type { Plan } from '../../plan.ts'
import type { RunEvent } from '../../protocol/events.ts'
import {
  type FleetTraffic,
  type FlowEnd,
  isLossless,
  type LinkTraffic,
  type PacketTotals,
} from '../../protocol/traffic.ts'
import { readTimeline } from '../timeline.ts'
import type { History, TrafficLine } from '../types.ts'
import { type TransferFacts, transfersOf } from './lossless.ts'
import { readStreams, type StreamFacts } from './streams.ts'
import { accountText, type Discrepancy, excessOf, sumOf } from './totals.ts'

type SourceEnd = Extract<FlowEnd, { readonly end: 'source' }>
export type SinkEnd = Extract<FlowEnd, { readonly end: 'sink' }>
type PlannedFlow = Plan['scenario']['controller']['flows'][number]

export interface FlowFacts {
  readonly id: number
  readonly sourceNode: number
  /** Where every packet of it has to come. */
  readonly destinations: readonly number[]
  /** Label of its group; null: it has one destination. */
  readonly group: string | null
  /** Bytes a second that it is paced to; null: none, or nobody planned it. */
  readonly askedBytesPerS: number | null
  /** Null: it never began. */
  readonly source: SourceEnd | null
  /** Those of its destinations that have seen a packet. */
  readonly sinks: readonly SinkEnd[]
  /** Packets by destinations: what had to come. */
  readonly due: number
  readonly lost: number
  /** The source has sent all, and every destination has heard so. */
  readonly isFinished: boolean
  /** Its source was stopped before it had sent all. */
  readonly isStopped: boolean
  /** One of its ends was made anew while it ran, and has forgotten what it had counted. */
  readonly isForgetful: boolean
}

export interface TrafficFacts {
  /** Of lossless transfers, which are none of `flows`; by id. */
  readonly transfers: readonly TransferFacts[]
  /** By id. */
  readonly flows: readonly FlowFacts[]
  readonly plannedCount: number
  readonly dropped: Readonly<Record<string, number>>
  readonly held: number
  /** Of nodes, and of links that stayed up. */
  readonly unaccounted: number
  /** Where, in words, most first. */
  readonly discrepancies: readonly string[]
  /** Directions of links that broke, with what was lost on them: "3-4". */
  readonly broken: readonly { readonly link: string; readonly lost: number }[]
  readonly lostWithLinks: number
  /** Of links over UDP, as their receivers know by their senders' counts. */
  readonly lostInTransport: number
  /** Those links' directions, most first: "3-4: 12". */
  readonly lossy: readonly string[]
  /** Of max mode; null: no node was in it. */
  readonly streams: StreamFacts | null
  /** Packets that links and streams brought, and those that were given to them. */
  readonly hops: number
  readonly given: number
  /** First packet of any flow to the last one of any; null where there was none. */
  readonly window: readonly [fromS: number, toS: number] | null
}

/** A sentence where the run did not tell. Of a run whose scenario has traffic. */
export function readTraffic(history: History): TrafficFacts | string {
  const plan = history.plan as Plan
  const answer = lastAnswer(plan, history.traffic ?? [])
  if (typeof answer === 'string') return answer
  const { parts, atS } = answer
  const remade = nodesRemade(history.events, atS)
  const links = parts.flatMap(part => part.links)
  const nodes = parts.flatMap(part => part.nodes)
  const ends = parts.flatMap(part => part.flows)
  const stopped = new Set((history.traffic ?? []).flatMap(line => ('running' in line ? line.running : [])))
  const flows = flowsOf(plan, ends, { remade, stopped })
  const found: Discrepancy[] = nodes.flatMap(({ node_id, totals }) => {
    const packets = excessOf(totals)
    return packets === 0 ? [] : [{ packets: Math.abs(packets), text: `node ${node_id}: ${accountText(totals)}` }]
  })
  const { between, broken } = compareLinks(links, remade)
  const { streams, sent: streamed, discrepancies } = readStreams(parts, remade)
  found.push(...between, ...discrepancies)
  found.sort((a, b) => b.packets - a.packets)
  const totals = [...nodes.map(node => node.totals), ...links.map(link => link.sent), ...streamed]
  const transferEnds = parts.flatMap(part => part.transfers ?? [])
  return {
    flows,
    transfers: transfersOf(plan, transferEnds, remade),
    plannedCount: plan.scenario.controller.flows.filter(({ spec }) => !isLossless(spec)).length,
    dropped: droppedBy(totals),
    held: sumOf(totals, total => total.held_packets),
    unaccounted: sumOf(found, each => each.packets),
    discrepancies: found.map(({ text }) => text),
    broken,
    lostWithLinks: sumOf(broken, ({ lost }) => lost),
    lostInTransport: sumOf(links, lostOf),
    lossy: links
      .filter(link => lostOf(link) > 0)
      .sort((a, b) => lostOf(b) - lostOf(a))
      .map(link => `${link.peer_id}-${link.node_id}: ${lostOf(link)}`),
    streams,
    hops: sumOf(links, link => link.received_packets) + (streams?.received ?? 0),
    given: sumOf(links, link => link.sent.out_packets) + (streams?.given ?? 0),
    window: windowOf([...ends, ...transferEnds]),
  }
}

/** The parts of the last question that every fleet has answered whole. */
function lastAnswer(
  { fleets }: Plan,
  lines: readonly TrafficLine[],
): { readonly parts: FleetTraffic[]; readonly atS: number } | string {
  const answers = lines.flatMap(line => ('part' in line ? [line] : []))
  if (answers.length === 0) return 'the run did not account for its packets'
  const ask = answers.reduce((last, line) => Math.max(last, line.ask), 0)
  const asked = answers.filter(line => line.ask === ask)
  const silent = fleets.filter(({ host }) => !asked.some(line => line.host === host && !line.more))
  if (silent.length > 0) return `${silent.map(({ host }) => host).join(', ')} did not say what became of its packets`
  return { parts: asked.map(line => line.part), atS: Math.max(...asked.map(line => line.t_s)) }
}

/** Nodes that were gone at some time between the first wiring and the answer: they count from their last making. */
function nodesRemade(events: readonly RunEvent[], atS: number): ReadonlySet<number> {
  const { allWiredS } = readTimeline(events)
  const gone = new Set<number>()
  for (const event of events) {
    const isAfter = allWiredS !== null && event.t_s > allWiredS && event.t_s < atS
    const isGone = event.kind === 'node_left' || event.kind === 'node_lost' || event.kind === 'node_restarted'
    if (isAfter && isGone) gone.add(event.node_id)
  }
  return gone
}

const lostOf = (link: LinkTraffic): number => link.lost_packets ?? 0

function droppedBy(totals: readonly PacketTotals[]): Record<string, number> {
  const by: Record<string, number> = {}
  for (const { dropped } of totals)
    for (const [reason, count] of Object.entries(dropped)) by[reason] = (by[reason] ?? 0) + count
  return by
}

/** Each direction of each link: what its sender gave against what its receiver took, and each sender's own account. */
function compareLinks(
  links: readonly LinkTraffic[],
  remade: ReadonlySet<number>,
): Pick<TrafficFacts, 'broken'> & { readonly between: Discrepancy[] } {
  const between: Discrepancy[] = []
  const broken: { link: string; lost: number }[] = []
  const byEnds = new Map(links.map(link => [`${link.node_id}-${link.peer_id}`, link]))
  const isWell = (link: LinkTraffic | undefined): boolean => link?.up === true && (link.breaks ?? 0) === 0
  for (const link of links) {
    const { node_id: from, peer_id: to, sent } = link
    const excess = excessOf(sent)
    if (excess !== 0) between.push({ packets: Math.abs(excess), text: `link ${from}-${to}: ${accountText(sent)}` })
    const far = byEnds.get(`${to}-${from}`)
    const lost = far === undefined ? 0 : lostOf(far)
    const under = sent.out_packets - (far?.received_packets ?? 0) - lost
    if (!isWell(link) || !isWell(far) || remade.has(from) || remade.has(to)) {
      broken.push({ link: `${from}-${to}`, lost: Math.max(0, under) })
    } else if (under !== 0) {
      const inTransport = lost === 0 ? '' : `, ${lost} lost in transport`
      const text = `link ${from}-${to}: ${sent.out_packets} sent, ${far?.received_packets} received${inTransport}`
      between.push({ packets: Math.abs(under), text })
    }
  }
  return { between, broken }
}

interface Circumstances {
  /** Nodes that have forgotten. */
  readonly remade: ReadonlySet<number>
  /** Flows whose sources were stopped before they had sent all. */
  readonly stopped: ReadonlySet<number>
}

/**
 * Planned flows by the number that the controller gives them, which is their place from 1, and those that others asked
 * for.
 */
function flowsOf({ scenario }: Plan, ends: readonly FlowEnd[], circumstances: Circumstances): FlowFacts[] {
  const planned = scenario.controller.flows
  const sources = new Map<number, SourceEnd>()
  const sinks = new Map<number, SinkEnd[]>()
  for (const end of ends) {
    if (end.end === 'source') sources.set(end.flow_id, end)
    else sinks.set(end.flow_id, [...(sinks.get(end.flow_id) ?? []), end])
  }
  const ids = new Set([...planned.keys()].filter(index => !isLossless(planned[index]?.spec ?? {})).map(at => at + 1))
  for (const id of [...sources.keys(), ...sinks.keys()]) ids.add(id)
  return [...ids]
    .sort((a, b) => a - b)
    .map(id => {
      const source = sources.get(id) ?? null
      const flow = planned[id - 1]
      const isPlanned = flow !== undefined && (source === null || source.node_id === flow.srcNodeId)
      const groups = scenario.controller.groups ?? []
      return factsOf(id, isPlanned ? flow : null, source, sinks.get(id) ?? [], groups, circumstances)
    })
}

function factsOf(
  id: number,
  planned: PlannedFlow | null,
  source: SourceEnd | null,
  sinks: readonly SinkEnd[],
  groups: Plan['scenario']['controller']['groups'],
  { remade, stopped }: Circumstances,
): FlowFacts {
  const destinations = destinationsOf(planned, sinks, groups)
  const heard = sinks.filter(({ node_id }) => destinations.includes(node_id))
  const sent = source?.sent_packets ?? 0
  const due = sent * destinations.length
  const lost = sumOf(destinations, node => {
    const sink = heard.find(({ node_id }) => node_id === node)
    return Math.max(0, sent - (sink?.received_packets ?? 0))
  })
  const sourceNode = planned?.srcNodeId ?? source?.node_id ?? 0
  return {
    id,
    sourceNode,
    destinations,
    group: planned?.dstGroup ?? null,
    askedBytesPerS: planned?.spec.flow_rate ?? null,
    source,
    sinks: heard,
    due,
    lost,
    isFinished:
      source?.finished === true &&
      !stopped.has(id) &&
      heard.length === destinations.length &&
      destinations.length > 0 &&
      heard.every(({ finished }) => finished),
    isStopped: stopped.has(id),
    isForgetful: [sourceNode, ...destinations].some(node => remade.has(node)),
  }
}

/** A source is not among the members that its packets have to reach. */
function destinationsOf(
  planned: PlannedFlow | null,
  sinks: readonly SinkEnd[],
  groups: Plan['scenario']['controller']['groups'],
): number[] {
  if (planned === null) return sinks.map(({ node_id }) => node_id)
  const { dstGroup, dstNodeId, srcNodeId } = planned
  if (dstGroup === undefined) return [dstNodeId]
  const group = groups.find(({ label }) => label === dstGroup)
  return (group?.members ?? []).filter(member => member !== srcNodeId)
}

function windowOf(ends: readonly Pick<FlowEnd, 'first_s' | 'last_s'>[]): TrafficFacts['window'] {
  const known = (of: 'first_s' | 'last_s'): number[] => ends.flatMap(end => end[of] ?? [])
  const [firsts, lasts] = [known('first_s'), known('last_s')]
  if (firsts.length === 0 || lasts.length === 0) return null
  return [firsts.reduce((least, s) => Math.min(least, s)), lasts.reduce((most, s) => Math.max(most, s))]
}
