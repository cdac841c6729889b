// A link's shape in words, in the units that it is set in.

import type { LinkShape } from '../protocol/traffic.ts'
import { formatBytes, formatCount, formatSeconds } from './format.ts'

/** "10 Mbit/s, burst 15 kB, delay 20 ms ± 2 ms, loss 0.1 %"; "as it comes" where nothing is set. */
export function shapeText(shape: LinkShape): string {
  const { rate, bucket_size, queue_packets, delay_s, jitter_s } = shape
  const share = (what: string, ratio: number | undefined): string =>
    ratio === undefined || ratio === 0 ? '' : `${what} ${Number((ratio * 100).toPrecision(6))} %`
  const delay = delay_s || jitter_s ? `delay ${formatSeconds(delay_s ?? 0)}` : ''
  const facts = [
    rate === undefined ? '' : bitRate(rate),
    bucket_size === undefined ? '' : `burst ${formatBytes(bucket_size)}`,
    queue_packets === undefined ? '' : `queue ${formatCount(queue_packets)} packets`,
    jitter_s ? `${delay} ± ${formatSeconds(jitter_s)}` : delay,
    share('loss', shape.loss_ratio),
    share('duplicates', shape.duplicate_ratio),
    share('corrupted', shape.corrupt_ratio),
    share('reordered', shape.reorder_ratio),
  ].filter(fact => fact !== '')
  return facts.length === 0 ? 'as it comes: no rate, no delay, no loss' : facts.join(', ')
}

const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'] as const

/** Of bytes a second: "10 Mbit/s". */
export function bitRate(bytesPerS: number): string {
  let value = bytesPerS * 8
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${Number(value.toPrecision(4))} ${units[unit]}`
}
