// A run's traffic in a few lines: what flows came to, what was dropped, and whether every packet is accounted for.

import { hasTraffic } from '../config/has-traffic.ts'
import { type FlowFacts, readTraffic, type TrafficFacts } from '../judge/traffic/account.ts'
import { sumOf } from '../judge/traffic/totals.ts'
import type { History, Report } from '../judge/types.ts'
import type { Plan } from '../plan.ts'
import { formatBytes, formatCount, formatSeconds } from './format.ts'
import { bitRate } from './link-shape.ts'

export interface TrafficLineOfReport {
  readonly what: string
  readonly text: string
  /** Something that no run without faults should have. */
  readonly isBad: boolean
}

/** Flows shown of those that lost most, or were slowest. */
const WORST_MAX = 10
const NAMED_MAX = 3

/** Null where the run had no traffic; a sentence where nothing is known of it. */
export function trafficOf(history: History): TrafficFacts | string | null {
  if (history.soak || !hasTraffic((history.plan as Plan).scenario)) return null
  try {
    return readTraffic(history)
  } catch (error) {
    // Damaged data: the metrics say so, too.
    return `what was saved of it can't be read: ${error instanceof Error ? error.message : String(error)}`
  }
}

export function trafficLines({ metrics }: Report, history: History): TrafficLineOfReport[] {
  const facts = trafficOf(history)
  if (facts === null) return []
  if (typeof facts === 'string') return [{ what: 'Packets', text: facts, isBad: true }]
  return [
    flowsLine(facts),
    transfersLine(facts, metrics),
    packetsLine(facts, metrics),
    latencyLine(metrics),
    rateLine(metrics),
    worstLine(facts),
    hopsLine(facts, metrics),
    streamsLine(facts),
    droppedLine(facts),
    accountLine(facts),
    transportLine(facts),
    brokenLine(facts),
  ].flatMap(line => line ?? [])
}

const line = (what: string, text: string, isBad = false): TrafficLineOfReport => ({ what, text, isBad })

type MetricValues = Report['metrics']

function flowsLine({ flows, transfers }: TrafficFacts): TrafficLineOfReport | null {
  if (flows.length === 0 && transfers.length > 0) return null
  if (flows.length === 0) return line('Flows', 'none: packets of TUN interfaces alone')
  const open = flows.filter(flow => !flow.isFinished).length
  const all = `${formatCount(flows.length)} ${flows.length === 1 ? 'flow' : 'flows'}`
  return open === 0 ? line('Flows', `${all}, finished`) : line('Flows', `${all}, ${formatCount(open)} unfinished`, true)
}

function transfersLine({ transfers }: TrafficFacts, metrics: MetricValues): TrafficLineOfReport | null {
  const receivers = transfers.flatMap(transfer => transfer.receivers.map(each => ({ ...each, id: transfer.id })))
  if (transfers.length === 0) return null
  const missing = receivers.filter(({ isDelivered }) => !isDelivered)
  const repaired = metrics.lossless_repaired_symbols_count ?? 0
  const decoded = metrics.lossless_decoded_blocks_count ?? 0
  const facts = [
    `${formatCount(receivers.length - missing.length)} of ${formatCount(receivers.length)} receivers have all, by SHA-256`,
    ...missing.slice(0, NAMED_MAX).map(({ nodeId, why }) => `node ${nodeId} ${why}`),
    repaired === 0 ? '' : `${formatCount(repaired)} symbols sent again`,
    decoded === 0 ? '' : `${formatCount(decoded)} blocks completed by parity`,
    metrics.lossless_goodput_bytes_per_s === undefined
      ? ''
      : `${bitRate(metrics.lossless_goodput_bytes_per_s)} at the slowest`,
  ]
  return line('Lossless', joined(facts), missing.length > 0)
}

function packetsLine({ flows }: TrafficFacts, metrics: MetricValues): TrafficLineOfReport | null {
  if (flows.length === 0) return null
  const sent = sumOf(flows, ({ source }) => source?.sent_packets ?? 0)
  const bytes = sumOf(flows, ({ source }) => source?.sent_bytes ?? 0)
  const due = sumOf(flows, flow => flow.due)
  const lost = sumOf(flows, flow => flow.lost)
  const odd = (name: string, what: string): string => {
    const count = metrics[name] ?? 0
    return count === 0 ? '' : `${formatCount(count)} ${what}`
  }
  const facts = [
    `${formatCount(sent)} sent (${formatBytes(bytes)})`,
    due === sent ? '' : `${formatCount(due)} due at all destinations`,
    lost === 0 ? 'none lost' : `${formatCount(lost)} lost (${Number(((lost / due) * 100).toPrecision(3))} %)`,
    odd('flow_packets_duplicated_count', 'came twice'),
    odd('flow_packets_reordered_count', 'overtaken'),
    metrics.flow_received_bytes_per_s === undefined ? '' : `${bitRate(metrics.flow_received_bytes_per_s)} in all`,
  ]
  return line('Packets', joined(facts), lost > 0)
}

const joined = (facts: readonly string[]): string => facts.filter(fact => fact !== '').join(', ')

function latencyLine(metrics: MetricValues): TrafficLineOfReport | null {
  const shown = (name: string): string => formatSeconds(metrics[name] ?? 0)
  if (metrics.flow_latency_p50_s === undefined) return null
  const [usual, slowest] = ['flow_latency_p50_s', 'flow_latency_p50_max_s'].map(shown)
  const [usual99, slowest99] = ['flow_latency_p99_s', 'flow_latency_p99_max_s'].map(shown)
  return line('Latency', `${usual} (p99 ${usual99}) of the median flow, ${slowest} (p99 ${slowest99}) of the slowest`)
}

function rateLine(metrics: MetricValues): TrafficLineOfReport | null {
  const least = metrics.flow_rate_min_ratio
  if (least === undefined) return null
  return line('Rate', `every paced flow had ${(least * 100).toFixed(1)} % of its rate or more`)
}

const slowness = ({ sinks }: FlowFacts): number => sinks.reduce((most, sink) => Math.max(most, sink.latency_p99_s), 0)

/** Those that lost most first, then the slowest. */
export function worstFlows(flows: readonly FlowFacts[], count = WORST_MAX): FlowFacts[] {
  const unfinished = (flow: FlowFacts): number => (flow.isFinished ? 0 : 1)
  return flows
    .toSorted((a, b) => b.lost - a.lost || unfinished(b) - unfinished(a) || slowness(b) - slowness(a) || a.id - b.id)
    .slice(0, count)
}

export const flowName = ({ id, sourceNode, group, destinations }: FlowFacts): string =>
  `${id}: ${sourceNode} to ${group ?? destinations.join(', ')}`

function worstLine({ flows }: TrafficFacts): TrafficLineOfReport | null {
  const [worst] = worstFlows(flows, 1)
  if (worst === undefined || (flows.length === 1 && worst.lost === 0)) return null
  const lost = worst.lost === 0 ? 'lost nothing' : `lost ${formatCount(worst.lost)} of ${formatCount(worst.due)}`
  return line('Worst flow', `${flowName(worst)}, ${lost}, p99 ${formatSeconds(slowness(worst))}`)
}

function streamsLine({ streams }: TrafficFacts): TrafficLineOfReport | null {
  if (streams === null) return null
  const { opened, relayed, failed, refused, received, faults, lost } = streams
  const some = (count: number, what: string): string => (count === 0 ? '' : `${formatCount(count)} ${what}`)
  const facts = [
    `${formatCount(opened)} opened`,
    some(relayed, 'of them by relays'),
    some(failed, 'could not be'),
    some(refused, 'refused'),
    `${formatCount(received)} packets`,
    faults === 0 ? '' : `${formatCount(lost)} lost where streams broke`,
  ]
  return line('Streams', joined(facts), lost > 0)
}

function hopsLine({ hops, streams }: TrafficFacts, metrics: MetricValues): TrafficLineOfReport {
  const { packet_hops_per_s: rate, packet_hop_cpu_s: cost } = metrics
  return line(
    'Hops',
    joined([
      `${formatCount(hops)} packets over links${streams === null ? '' : ' and streams'}`,
      rate === undefined ? '' : `${formatCount(Math.round(rate))} a second`,
      cost === undefined ? '' : `${formatSeconds(cost)} of a processor each`,
    ]),
  )
}

function droppedLine({ dropped, held }: TrafficFacts): TrafficLineOfReport {
  const reasons = Object.entries(dropped)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
  const total = sumOf(reasons, ([, count]) => count)
  const by = reasons.map(([reason, count]) => `${formatCount(count)} ${reason}`).join(', ')
  const waiting = held === 0 ? '' : `${formatCount(held)} still waited`
  return line('Dropped', joined([total === 0 ? 'none' : `${formatCount(total)}: ${by}`, waiting]))
}

function accountLine({ unaccounted, discrepancies }: TrafficFacts): TrafficLineOfReport {
  if (unaccounted === 0) return line('Account', 'every packet is accounted for, at every node and link')
  const more = discrepancies.length > NAMED_MAX ? `; and ${discrepancies.length - NAMED_MAX} more` : ''
  const where = discrepancies.slice(0, NAMED_MAX).join('; ')
  return line('Account', `${formatCount(unaccounted)} packets are unaccounted for: ${where}${more}`, true)
}

function transportLine({ lostInTransport, lossy }: TrafficFacts): TrafficLineOfReport | null {
  if (lostInTransport === 0) return null
  const more = lossy.length > NAMED_MAX ? `; and ${lossy.length - NAMED_MAX} more links` : ''
  return line('Lost in transport', `${formatCount(lostInTransport)}: ${lossy.slice(0, NAMED_MAX).join('; ')}${more}`)
}

function brokenLine({ broken, lostWithLinks }: TrafficFacts): TrafficLineOfReport | null {
  if (broken.length === 0) return null
  const names = broken.slice(0, NAMED_MAX).map(({ link }) => link)
  const more = broken.length > NAMED_MAX ? ` and ${broken.length - NAMED_MAX} more` : ''
  const lost = `${formatCount(lostWithLinks)} packets were under way on them`
  return line('Broken links', `${names.join(', ')}${more}; ${lost}`, true)
}
