// The metrics of lossless transfers. Names end in their unit and are a contract: the list only grows.

import { type Metric, metric } from './metric.ts'

export const losslessMetrics: readonly Metric[] = [
  metric('lossless_transfers_count', 'count', 'payloads that a source has begun to send'),
  metric('lossless_receivers_count', 'count', 'receivers of all payloads of the plan'),
  metric(
    'lossless_delivered_count',
    'count',
    'receivers whose bytes have the SHA-256 of the payload, as both ends say',
  ),
  metric('lossless_undelivered_count', 'count', 'receivers of which that is not so'),
  metric('lossless_repaired_symbols_count', 'count', 'symbols that were sent again, as a receiver missed them'),
  metric('lossless_decoded_blocks_count', 'count', 'blocks that receivers completed by parity'),
  metric('lossless_goodput_bytes_per_s', 'per_s', 'payload at each receiver, from first symbol to last, the slowest'),
]
