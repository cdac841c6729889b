// The metrics of a run with traffic. Names end in their unit and are a contract: the list only grows.

import { type Metric, metric } from './metric.ts'

/** Why packets are dropped, as native/engine/packets/drop.cc names it, and what that means. */
export const dropReasons: Readonly<Record<string, string>> = {
  no_route: 'nothing was installed for their source and destination',
  no_link: 'there was no link to their next hop',
  hops_exceeded: 'they had gone over as many hops as a packet may',
  lane_full: 'the queue of a lane was full',
  queue_full: 'the queue of a link was full',
  early: 'RED dropped them before the queue was full',
  over_bucket: "they are larger than the link's token bucket",
  loss: 'the link loses so many on purpose',
  malformed: 'they are no IP packets, or to an address that no node and no group has',
  withdrawn: 'their route was withdrawn while they waited',
  ended: 'the link, node or engine ended while they waited',
  local_full: "the node's TUN interface took no more",
  nobody: 'nobody takes them where they arrived',
  no_spare: 'no memory was left to copy them',
}

export const trafficMetrics: readonly Metric[] = [
  metric('flows_count', 'count', 'flows that a source has begun'),
  metric('flows_planned_count', 'count', 'flows of the plan'),
  metric('flows_finished_count', 'count', 'flows whose source has sent all, and whose every destination has heard so'),
  metric('flows_unfinished_count', 'count', 'flows, planned or begun, of which that is not so'),
  metric('flow_packets_sent_count', 'count', 'packets that sources of flows made'),
  metric('flow_packets_received_count', 'count', 'packets of flows that their destinations had, each once'),
  metric('flow_packets_lost_count', 'count', 'packets of flows that a destination did not have'),
  metric('flow_loss_ratio', 'ratio', 'of packets of flows, counted at every destination, those that were lost'),
  metric('flow_packets_duplicated_count', 'count', 'packets of flows that a destination had more than once'),
  metric('flow_packets_reordered_count', 'count', 'packets of flows that came after one that was sent later'),
  metric('flow_latency_p50_s', 's', 'one way, the median packet of the median flow'),
  metric('flow_latency_p99_s', 's', 'one way, the 99th percentile of the median flow'),
  metric('flow_latency_p50_max_s', 's', 'one way, the median packet of the slowest flow'),
  metric('flow_latency_p99_max_s', 's', 'one way, the 99th percentile of the slowest flow'),
  metric('flow_latency_max_s', 's', 'one way, the slowest packet of all flows'),
  metric('flow_rate_min_ratio', 'ratio', 'rate at which a paced flow arrived over the rate it has, the least of all'),
  metric('flow_received_bytes_per_s', 'per_s', 'bytes of packets that all flows brought, a second of their time'),
  metric('packets_held_count', 'count', 'packets that still waited when the run stopped waiting for them'),
  metric('packets_dropped_count', 'count', 'packets that were dropped, for any reason'),
  ...Object.entries(dropReasons).map(([reason, meaning]) =>
    metric(`packets_dropped_${reason}_count`, 'count', `packets that were dropped: ${meaning}`),
  ),
  metric('packets_unaccounted_count', 'count', 'packets of which no node and no link that stayed up knows what became'),
  metric('packets_lost_with_links_count', 'count', 'packets that were under way on links that broke'),
  metric(
    'packets_lost_in_transport_count',
    'count',
    'packets that links over UDP lost on their way, by what both ends counted',
  ),
  metric('packets_lost_with_streams_count', 'count', 'packets that were under way in streams of max mode that broke'),
  metric('packets_streamed_count', 'count', 'packets that were taken from streams of max mode, where they ended'),
  metric('streams_opened_count', 'count', 'streams of max mode that were opened to a next hop'),
  metric('streams_failed_count', 'count', 'streams of max mode that could not be opened'),
  metric('streams_refused_count', 'count', 'streams of max mode that came to a node and were not taken there'),
  metric('streams_relayed_count', 'count', 'streams of max mode that a node handed on to the next'),
  metric('streams_broken_count', 'count', 'of streams that were handed on, those that a fault ended'),
  metric('packet_hops_count', 'count', 'packets that were taken from links, and from streams where they ended'),
  metric('packet_hops_per_s', 'per_s', "packets that were taken from links and streams, a second of the flows' time"),
  metric('packet_hop_cpu_s', 's', "processor time of the fleets by packets taken from them, in the flows' time"),
]
