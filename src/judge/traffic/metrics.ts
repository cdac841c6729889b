// The metrics of a run with traffic: what flows came to, and whether every packet is accounted for. A figure that has
// two sources (a flow's two ends, a link's two ends) keeps the second as another reading.

import { dropReasons } from '../../base/traffic-metrics.ts'
import type { Plan } from '../../plan.ts'
import type { Sample } from '../../protocol/sample.ts'
import { crashWords, known, type Metric, type Metrics, type Reading, unknown } from '../metric.ts'
import { siteOf } from '../process-metrics.ts'
import type { History } from '../types.ts'
import { type FlowFacts, readTraffic, type SinkEnd, type TrafficFacts } from './account.ts'
import { losslessMetricsOf } from './lossless.ts'
import { sumOf } from './totals.ts'

/** Faults named in the evidence of a metric. */
const NAMED_MAX = 3

const NO_STREAMS = 'no node was in max mode'

interface Facts extends TrafficFacts {
  readonly history: History
  /** Sinks whose packets carry the time of their own clock: on another kernel it is another's. */
  readonly timed: readonly SinkEnd[]
}

/** Name → how it is derived. */
const derivations: Readonly<Record<string, (facts: Facts) => Metric>> = {
  flows_count: ({ flows }) => known(begun(flows).length, 'flows that a source told of'),
  flows_planned_count: ({ plannedCount }) => known(plannedCount, 'flows of the plan'),
  flows_finished_count: ({ flows }) =>
    known(flows.filter(flow => flow.isFinished).length, `of ${flows.length}, as both ends told`),
  flows_unfinished_count: ({ flows }) =>
    listed(flows.filter(flow => !flow.isFinished).map(unfinishedText), 'both ends of every flow told that it is over'),
  flow_packets_sent_count: ({ flows }) =>
    known(
      sumOf(flows, ({ source }) => source?.sent_packets ?? 0),
      'counted by their sources',
      announcedReading(flows, flow => flow.source?.sent_packets ?? 0, announcedOf),
    ),
  flow_packets_received_count: ({ flows }) =>
    known(
      sumOf(flows, ({ sinks }) => sumOf(sinks, sink => sink.received_packets)),
      `counted at ${sumOf(flows, ({ destinations }) => destinations.length)} destinations`,
    ),
  flow_packets_lost_count: ({ flows }) => lostMetric(flows, lost => lost),
  flow_loss_ratio: ({ flows }) => {
    const due = sumOf(flows, flow => flow.due)
    return due === 0 ? unknown('no flow has sent a packet') : lostMetric(flows, lost => lost / due)
  },
  flow_packets_duplicated_count: f => ofSinks(f, sink => sink.duplicate_packets, 'came more than once'),
  flow_packets_reordered_count: f =>
    ofSinks(f, sink => sink.reordered_packets + sink.too_late_packets, 'came after a later one'),
  flow_latency_p50_s: f => latency(f, sink => sink.latency_p50_s, median),
  flow_latency_p99_s: f => latency(f, sink => sink.latency_p99_s, median),
  flow_latency_p50_max_s: f => latency(f, sink => sink.latency_p50_s, most),
  flow_latency_p99_max_s: f => latency(f, sink => sink.latency_p99_s, most),
  flow_latency_max_s: f => latency(f, sink => sink.latency_max_s, most),
  flow_rate_min_ratio: rateMin,
  flow_received_bytes_per_s: ({ flows, window }) =>
    perSecond(
      sumOf(flows, ({ sinks }) => sumOf(sinks, sink => sink.received_bytes)),
      window,
      'bytes of packets',
    ),
  packets_held_count: ({ held }) => known(held, 'waiting at nodes and links'),
  packets_dropped_count: ({ dropped }) =>
    known(
      sumOf(Object.values(dropped), count => count),
      Object.keys(dropped).length === 0
        ? 'no node and no link dropped any'
        : Object.entries(dropped)
            .map(([reason, count]) => `${count} ${reason}`)
            .join(', '),
    ),
  ...Object.fromEntries(
    Object.keys(dropReasons).map(reason => [
      `packets_dropped_${reason}_count`,
      ({ dropped }: Facts): Metric => known(dropped[reason] ?? 0, 'counted by nodes and links'),
    ]),
  ),
  packets_unaccounted_count: ({ unaccounted, discrepancies }) =>
    known(unaccounted, summary(discrepancies, 'every node and every link that stayed up adds up')),
  packets_lost_with_links_count: ({ lostWithLinks, broken }) =>
    known(
      lostWithLinks,
      summary(
        broken.map(({ link, lost }) => `${link}: ${lost}`),
        'no link broke',
      ),
    ),
  packets_lost_in_transport_count: ({ lostInTransport, lossy }) =>
    known(lostInTransport, summary(lossy, 'every packet that was given to a link came out of it, or the link broke')),
  packets_lost_with_streams_count: ({ streams }) =>
    known(streams?.lost ?? 0, streams === null ? NO_STREAMS : `${streams.faults} ends of streams by a fault`),
  packets_streamed_count: ({ streams }) =>
    known(
      streams?.received ?? 0,
      streams === null ? NO_STREAMS : 'taken from streams where they ended',
      streams === null || streams.faults > 0 ? [] : [{ value: streams.given, evidence: 'given to streams' }],
    ),
  ...Object.fromEntries(
    (['opened', 'failed', 'refused', 'relayed', 'broken'] as const).map(what => [
      `streams_${what}_count`,
      ({ streams }: Facts): Metric => known(streams?.[what] ?? 0, streams === null ? NO_STREAMS : 'counted by fleets'),
    ]),
  ),
  packet_hops_count: ({ hops, given, broken, streams, lostInTransport }) =>
    known(
      hops,
      'taken from links and streams',
      broken.length > 0 || lostInTransport > 0 || (streams?.faults ?? 0) > 0
        ? []
        : [{ value: given, evidence: 'given to them by their senders' }],
    ),
  packet_hops_per_s: ({ hops, window }) => perSecond(hops, window, 'packets taken from links'),
  packet_hop_cpu_s: hopCpu,
}

/** Of a run with traffic. Never throws: a derivation that crashes makes its metric unknown. */
export function computeTrafficMetrics(history: History): Metrics {
  const facts = read(history)
  const lossless = losslessMetricsOf(facts, history.plan as Plan)
  const flows = Object.fromEntries(
    Object.entries(derivations).map(([name, derive]) => {
      if (typeof facts === 'string') return [name, unknown(facts)]
      try {
        return [name, derive(facts)]
      } catch (error) {
        return [name, unknown(crashWords(error))]
      }
    }),
  )
  return { ...flows, ...lossless }
}

function read(history: History): Facts | string {
  const damage = history.damage?.find(({ file, kind }) => file === 'traffic.ndjson' && kind !== 'missing')
  if (damage !== undefined) return `traffic.ndjson is damaged: ${damage.problem}`
  try {
    const facts = readTraffic(history)
    return typeof facts === 'string' ? facts : { ...facts, history, timed: timedSinks(history, facts) }
  } catch (error) {
    return crashWords(error)
  }
}

const begun = (flows: readonly FlowFacts[]): FlowFacts[] => flows.filter(({ source }) => source !== null)

const named = (flow: FlowFacts): string =>
  `flow ${flow.id} (${flow.sourceNode} to ${flow.group ?? flow.destinations[0] ?? 'nobody'})`

function unfinishedText(flow: FlowFacts): string {
  const { source, sinks, destinations, isStopped } = flow
  if (source === null) return `${named(flow)} never began`
  if (!source.finished || isStopped) return `${named(flow)} had not sent all`
  const deaf = destinations.filter(node => !sinks.some(sink => sink.node_id === node && sink.finished))
  return `${named(flow)}: node ${deaf.slice(0, NAMED_MAX).join(', ')} had not heard the end`
}

/** What the sinks of a flow were told that it sent; null where none was told, or they were told differently. */
function announcedOf({ sinks }: FlowFacts): number | null {
  const told = [...new Set(sinks.flatMap(sink => (sink.announced_packets > 0 ? [sink.announced_packets] : [])))]
  return told.length === 1 ? (told[0] as number) : null
}

/** The same sum by what sources told their sinks on the way, where that differs from their own count. */
function announcedReading(
  flows: readonly FlowFacts[],
  counted: (flow: FlowFacts) => number,
  announced: (flow: FlowFacts) => number | null,
): Reading[] {
  const value = sumOf(flows, flow => announced(flow) ?? counted(flow))
  return value === sumOf(flows, counted) ? [] : [{ value, evidence: 'what sources told their sinks' }]
}

/** `scale`: of the number of packets. */
function lostMetric(flows: readonly FlowFacts[], scale: (lost: number) => number): Metric {
  const lost = sumOf(flows, flow => flow.lost)
  const losers = flows.filter(flow => flow.lost > 0).sort((a, b) => b.lost - a.lost)
  const evidence = summary(
    losers.map(flow => `${named(flow)}: ${flow.lost} of ${flow.due}`),
    `every destination had every packet of ${begun(flows).length} flows`,
  )
  const others = announcedReading(
    flows,
    flow => flow.lost,
    flow => {
      const told = announcedOf(flow)
      return told === null ? null : Math.max(0, told * flow.destinations.length - receivedOf(flow))
    },
  ).map(({ value, evidence: where }) => ({ value: scale(value), evidence: where }))
  const metric = known(scale(lost), evidence, others)
  const forgetful = flows.filter(flow => flow.isForgetful)
  if (forgetful.length === 0 || !metric.known) return metric
  const why = `${forgetful.length} flows ended at nodes that were made anew and forgot what they had counted`
  return { ...metric, doubt: { of: 'both', why } }
}

const receivedOf = ({ sinks }: FlowFacts): number => sumOf(sinks, sink => sink.received_packets)

function ofSinks({ flows }: Facts, of: (sink: SinkEnd) => number, what: string): Metric {
  const rows = flows
    .map(flow => ({ flow, count: sumOf(flow.sinks, of) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
  const texts = rows.map(({ flow, count }) => `${named(flow)}: ${count}`)
  return known(
    sumOf(rows, ({ count }) => count),
    summary(texts, `no packet of a flow ${what}`),
  )
}

/** Sinks with packets whose source is on the same kernel: clocks of two kernels don't compare. */
function timedSinks({ environment, plan }: History, { flows }: TrafficFacts): SinkEnd[] {
  const { fleets } = plan as { fleets: readonly { host: string; nodeIdOffset: number; nNodes: number }[] }
  const isOneKernel = environment.level === 'host'
  const hostOf = (id: number): string | undefined =>
    fleets.find(({ nodeIdOffset, nNodes }) => id > nodeIdOffset && id <= nodeIdOffset + nNodes)?.host
  return flows.flatMap(({ sourceNode, sinks }) =>
    sinks.filter(sink => sink.received_packets > 0 && (isOneKernel || hostOf(sourceNode) === hostOf(sink.node_id))),
  )
}

function latency({ timed }: Facts, of: (sink: SinkEnd) => number, choose: (values: number[]) => number): Metric {
  if (timed.length === 0) return unknown('no packet of a flow came from a node with the same clock')
  return known(choose(timed.map(of)), `of ${timed.length} ends of flows`)
}

const most = (values: readonly number[]): number => values.reduce((top, value) => Math.max(top, value), 0)

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] as number
}

/** Between the first and the last packet lie as many intervals as packets but one. */
function rateMin({ flows }: Facts): Metric {
  const rates = flows.flatMap(flow => {
    const { askedBytesPerS: asked, source, sinks, destinations } = flow
    if (asked === null || (source?.sent_packets ?? 0) < 2) return []
    const packetBytes = (source?.sent_bytes ?? 0) / (source?.sent_packets ?? 1)
    return destinations.map(node => {
      const sink = sinks.find(({ node_id }) => node_id === node)
      const spanS = (sink?.last_s ?? 0) - (sink?.first_s ?? 0)
      const bytes = (sink?.received_bytes ?? 0) - packetBytes
      return { flow, ratio: bytes > 0 && spanS > 0 ? bytes / spanS / asked : 0 }
    })
  })
  const worst = rates.reduce<(typeof rates)[number] | null>(
    (least, rate) => (least === null || rate.ratio < least.ratio ? rate : least),
    null,
  )
  if (worst === null) return unknown('no flow that has a rate has sent two packets')
  return known(worst.ratio, `${named(worst.flow)}, of ${rates.length} paced ends`)
}

function perSecond(count: number, window: TrafficFacts['window'], what: string): Metric {
  if (window === null) return unknown('no flow has sent a packet')
  const [fromS, toS] = window
  if (toS <= fromS) return unknown('all packets of flows came at one moment')
  return known(count / (toS - fromS), `${count} ${what} from ${fromS.toFixed(2)} s to ${toS.toFixed(2)} s`)
}

/** Processor time of all dataplanes between the samples around the flows' time. */
function hopCpu({ history, hops, window }: Facts): Metric {
  if (window === null) return unknown('no flow has sent a packet')
  if (hops === 0) return unknown('no packet went over a link')
  const sites = [...new Set(history.samples.map(siteOf))]
  const spent = sites.flatMap(site => {
    const samples = history.samples.filter(sample => siteOf(sample) === site && cpuOf(sample) !== null)
    const before = samples.findLast(({ t_s }) => t_s <= window[0])
    const after = samples.find(({ t_s }) => t_s >= window[1])
    if (before === undefined || after === undefined) return []
    return [{ cpuS: (cpuOf(after) as number) - (cpuOf(before) as number), fromS: before.t_s, toS: after.t_s }]
  })
  const [first] = spent
  if (first === undefined) return unknown("no samples of a dataplane around the flows' time")
  const cpuS = sumOf(spent, each => each.cpuS)
  if (cpuS < 0) return unknown('a dataplane was started anew in that time')
  const when = `samples at ${first.fromS.toFixed(1)} s and ${first.toS.toFixed(1)} s`
  return known(cpuS / hops, `${cpuS.toFixed(2)} s of processors between ${when}, by ${hops} packet-hops`)
}

function cpuOf({ processes }: Sample): number | null {
  const own = processes.filter(({ name }) => name === 'dataplane' || name.startsWith('dataplane:'))
  return own.length === 0 ? null : sumOf(own, ({ cpu_s }) => cpu_s)
}

const listed = (faults: readonly string[], good: string): Metric => known(faults.length, summary(faults, good))

function summary(faults: readonly string[], good: string): string {
  if (faults.length === 0) return good
  const more = faults.length > NAMED_MAX ? `; and ${faults.length - NAMED_MAX} more` : ''
  return `${faults.slice(0, NAMED_MAX).join('; ')}${more}`
}
