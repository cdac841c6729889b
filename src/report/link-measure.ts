// What a probe of a link measured, in words.

import type { LinkMeasure } from '../protocol/traffic.ts'
import { formatCount, formatSeconds } from './format.ts'
import { bitRate } from './link-shape.ts'

/** "94.6 Mbit/s, 1,000 packets, 3 lost, latency 1.2 ms (p50), 2.4 ms (p99)". */
export function measureText(measure: LinkMeasure): string {
  const { bandwidth_mbps, sent_packets, received_packets, latency_p50_s, latency_p99_s } = measure
  const lost = sent_packets - received_packets
  return [
    bandwidth_mbps === null ? 'too short for a bandwidth' : bitRate((bandwidth_mbps * 1e6) / 8),
    `${formatCount(sent_packets)} packets`,
    ...(lost > 0 ? [`${formatCount(lost)} lost`] : []),
    `latency ${formatSeconds(latency_p50_s)} (p50), ${formatSeconds(latency_p99_s)} (p99)`,
  ].join(', ')
}
