// The unit of a metric is the end of its name.

/** "s", "h", "bytes", "count", "ratio", "1/s", "1/h" or "bytes/h"; empty where the name ends in none of them. */
export function unitOf(metric: string): string {
  if (metric.endsWith('_per_s')) return '1/s'
  if (metric.endsWith('_per_h')) return metric.endsWith('_bytes_per_h') ? 'bytes/h' : '1/h'
  if (metric.endsWith('_h')) return 'h'
  if (metric.endsWith('_s')) return 's'
  return /_(bytes|count|ratio)$/.exec(metric)?.[1] ?? ''
}

/** Seconds to the nanosecond: what the clock gives, without the noise of subtracting two numbers. */
export function toNanosecond(seconds: number): number {
  return Math.round(seconds * 1e9) / 1e9
}
