// Metrics that the observer told of itself (`sut.metrics`), from its scraped page. A page that could not be read while
// it churned, or a metric that was not on it, leaves a gap: nothing that holds then is proven, what broke has broken.

import { sutMetricNames } from '../../base/sut-metrics.ts'
import type { ObservedLine } from '../../protocol/observed.ts'
import { known, type Metric, unknown } from '../metric.ts'
import type { Derive } from './count-metrics.ts'
import { Findings } from './findings.ts'
import { growthMetrics } from './growth.ts'
import type { SoakFacts } from './read.ts'
import type { Moment } from './series.ts'

type Scraped = Extract<ObservedLine, { is: 'scraped' }>

/** Scrapes of the wanted metrics: all of them, since counters can't be thinned out. 16 bytes each. */
export class SutScrapes {
  readonly #moments = new Map<string, Moment[]>()
  readonly #gaps = new Map<string, Findings>()

  constructor(sources: readonly string[]) {
    for (const source of sources) {
      this.#moments.set(source, [])
      this.#gaps.set(source, new Findings())
    }
  }

  add({ t_s, values, problem }: Scraped): void {
    for (const [source, moments] of this.#moments) {
      const value = Object.hasOwn(values, source) ? values[source] : undefined
      if (value !== undefined) moments.push([t_s, value])
      else this.#gaps.get(source)?.add(t_s, () => problem ?? 'it was not on the page, or no finite number')
    }
  }

  moments(source: string): readonly Moment[] {
    return this.#moments.get(source) ?? []
  }

  /** Why nothing that holds is proven; null: there is no gap. */
  doubt(source: string): string | null {
    const gaps = this.#gaps.get(source)
    const [first] = gaps?.earliest ?? []
    if (gaps === undefined || first === undefined) return null
    return `${gaps.count} scrapes without ${source}, the first at ${first.t_s.toFixed(3)} s: ${first.words}`
  }
}

/** Those of one, by their names. */
export function sutDerivations(sources: readonly string[]): Readonly<Record<string, Derive>> {
  return Object.fromEntries(sources.flatMap(source => Object.entries(derivationsOf(source))))
}

function derivationsOf(source: string): Record<string, Derive> {
  const { last, max, min, increase, rate, slopes } = sutMetricNames(source)
  const of =
    (derive: (moments: readonly [Moment, ...Moment[]], facts: SoakFacts) => Metric): Derive =>
    facts => {
      const [first, ...rest] = facts.sut.moments(source)
      return first === undefined ? none(facts, source) : doubtful(derive([first, ...rest], facts), facts, source)
    }
  const growth = slopes === null ? {} : growthMetrics(slopes, (_, facts) => facts.sut.moments(source))
  return {
    [last]: of(moments => at(moments.at(-1) as Moment, 'the last', moments.length)),
    [max]: of(moments =>
      at(
        most(moments, (one, other) => one > other),
        'the most',
        moments.length,
      ),
    ),
    [min]: of(moments =>
      at(
        most(moments, (one, other) => one < other),
        'the least',
        moments.length,
      ),
    ),
    [increase]: of((moments, facts) => grown(moments, facts, false)),
    [rate]: of((moments, facts) => grown(moments, facts, true)),
    ...Object.fromEntries(
      Object.entries(growth).map(([name, derive]): [string, Derive] => [
        name,
        (facts, history) => doubtful(derive(facts, history), facts, source),
      ]),
    ),
  }
}

const none = ({ sut }: SoakFacts, source: string): Metric => unknown(sut.doubt(source) ?? 'its page was never scraped')

const at = ([t, value]: Moment, which: string, count: number): Metric =>
  known(value, `${which} of ${count} scrapes, at ${t.toFixed(1)} s`)

const most = (moments: readonly [Moment, ...Moment[]], isMore: (one: number, other: number) => boolean): Moment =>
  moments.reduce((one, other) => (isMore(other[1], one[1]) ? other : one))

/** As Prometheus' increase(): a value below the one before is that of a counter which began anew. */
function grown(moments: readonly Moment[], { churned }: SoakFacts, perS: boolean): Metric {
  if (churned === null) return unknown('churning never began')
  const within = moments.filter(([t]) => t >= churned.fromS && t <= churned.toS)
  const [first, last] = [within[0], within.at(-1)]
  if (!first || !last || last[0] <= first[0]) return unknown('fewer than two scrapes while it churned')
  let [sum, resets] = [0, 0]
  for (const [index, [, value]] of within.slice(1).entries()) {
    const before = (within[index] as Moment)[1]
    if (value < before) resets++
    sum += value < before ? value : value - before
  }
  const tookS = last[0] - first[0]
  const anew = resets === 0 ? '' : `, ${resets} times anew from nothing`
  return known(perS ? sum / tookS : sum, `grew by ${sum} in ${tookS.toFixed(1)} s (${within.length} scrapes${anew})`)
}

function doubtful(metric: Metric, { sut }: SoakFacts, source: string): Metric {
  const why = sut.doubt(source)
  return metric.known && why !== null ? { ...metric, doubt: { of: 'pass', why } } : metric
}
