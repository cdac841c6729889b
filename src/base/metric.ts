// What a metric is: a name that ends in its unit, and what it means.

export type MetricUnit = 's' | 'bytes' | 'count' | 'ratio' | 'per_s' | 'h' | 'bytes_per_h' | 'count_per_h'

export interface Metric {
  readonly name: string
  readonly unit: MetricUnit
  readonly meaning: string
}

export const metric = (name: string, unit: MetricUnit, meaning: string): Metric => ({ name, unit, meaning })
