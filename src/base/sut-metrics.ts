// Metrics that a user's own program tells of itself, as metrics of the run: which there are of each, and their names.

import { type Metric, type MetricUnit, metric } from './metric.ts'

/** Endings that Prometheus' naming conventions give to base units, and what a total is counted in. */
const UNITS: readonly (readonly [ending: string, unit: MetricUnit])[] = [
  ['bytes', 'bytes'],
  ['seconds', 's'],
  ['ratio', 'ratio'],
]

export interface SutMetricNames {
  /** As `sut.metrics` has it: a name, with or without labels. */
  readonly source: string
  readonly last: string
  readonly max: string
  readonly min: string
  /** Of a counter: by how much it grew while it churned, and that a second. */
  readonly increase: string
  readonly rate: string
  /** Its growth and the ends of its interval; null: of a unit whose growth has no name. */
  readonly slopes: { readonly middle: string; readonly lower: string; readonly upper: string } | null
  readonly unit: MetricUnit
}

/**
 * `http_requests_total{code="500"}` is sut_http_requests_code_500_…_count, `heap_bytes` is sut_heap_…_bytes,
 * `wait_seconds_total` is sut_wait_…_s.
 */
export function sutMetricNames(source: string): SutMetricNames {
  const words = source
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  const [name = ''] = /^[^{]*/.exec(source.toLowerCase()) ?? []
  const bare = name.replace(/_total$/, '')
  const [ending, unit] = UNITS.find(([end]) => bare.endsWith(`_${end}`)) ?? ['', 'count' as const]
  const stem = (ending === '' ? bare : bare.slice(0, -ending.length - 1)).replace(/[^a-z0-9]+/g, '_')
  const labels = words.slice(name.replace(/[^a-z0-9]+/g, '_').length)
  const of = `sut_${stem}${labels}`
  const perH = unit === 'bytes' ? 'bytes_per_h' : 'count_per_h'
  return {
    source,
    last: `${of}_last_${unit}`,
    max: `${of}_max_${unit}`,
    min: `${of}_min_${unit}`,
    increase: `${of}_increase_${unit}`,
    rate: `${of}${unit === 'count' ? '' : `_${unit}`}_per_s`,
    slopes:
      unit === 'bytes' || unit === 'count'
        ? { middle: `${of}_slope_${perH}`, lower: `${of}_slope_lower_${perH}`, upper: `${of}_slope_upper_${perH}` }
        : null,
    unit,
  }
}

/** What of them a gate may name. */
export function sutMetrics(sources: readonly string[]): readonly Metric[] {
  return sources.flatMap(source => {
    const { last, max, min, increase, rate, slopes, unit } = sutMetricNames(source)
    const growth = unit === 'bytes' ? 'bytes_per_h' : 'count_per_h'
    return [
      metric(last, unit, `${source} as it was at last`),
      metric(max, unit, `the most of ${source}`),
      metric(min, unit, `the least of ${source}`),
      metric(increase, unit, `by how much ${source} grew while it churned, beginnings from nothing counted in`),
      metric(rate, 'per_s', `that a second`),
      ...Object.values(slopes ?? {}).map(name => metric(name, growth, `how fast ${source} grows`)),
    ]
  })
}
