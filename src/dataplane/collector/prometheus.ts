// Prometheus' text format, as much of it as a collector needs. Source: prometheus.io, "Exposition formats", 0.0.4.

/** How many observations were at most `bound`, and their sum. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  /** `bounds`: rising; one more bucket takes what is above the last. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = Array(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    const at = this.#bounds.findIndex(bound => value <= bound)
    const bucket = at < 0 ? this.#bounds.length : at
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sum += value
  }

  /** The lines of this histogram; `labels` as in `of="all"`. */
  lines(name: string, labels = ''): string[] {
    const separator = labels === '' ? '' : ','
    let count = 0
    const buckets = [...this.#bounds, Number.POSITIVE_INFINITY].map((bound, at) => {
      count += this.#counts[at] as number
      const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : bound
      return `${name}_bucket{${labels}${separator}le="${le}"} ${count}`
    })
    const braces = labels === '' ? '' : `{${labels}}`
    return [...buckets, `${name}_sum${braces} ${this.#sum}`, `${name}_count${braces} ${count}`]
  }
}

export type MetricType = 'counter' | 'gauge' | 'histogram'

/** One metric: its description, then its lines. */
export function describeMetric(name: string, type: MetricType, help: string, lines: readonly string[]): string {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
}

/** A metric of one number. */
export const describeNumber = (name: string, type: MetricType, help: string, value: number): string =>
  describeMetric(name, type, help, [`${name} ${value}`])
