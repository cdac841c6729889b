// Gates: `metric` and `require = "<= 3"`, parsed before the run so that a typing error costs no run.

import { type Metric, type MetricUnit, metricByName } from '../base/metrics.ts'
import type { Path } from './locate.ts'
import { nearestOf } from './nearest.ts'
import type { Problems } from './problems.ts'
import type { GateConfig, Level } from './types.ts'
import { parseDuration, parseSize } from './units.ts'
import { secondsOf } from './values.ts'

export interface GateTable {
  readonly name?: string | undefined
  readonly metric: string
  readonly require: string
  readonly levels?: readonly Level[] | undefined
  readonly min_hold?: string | undefined
}

const REQUIRE_LIMIT = 'an operator (<=, <, >=, >, ==, !=) and a number, as in "<= 3" or "<= 1 + 0.005 * nodes"'

/** Sizes of the run that limits may name: `nodes` of a topology, `namespaces` and `rate` (a second) of a churn. */
export type Sizes = Readonly<Record<string, number>>

/**
 * `<operator> <limit>`: null for anything else. A limit is a sum of numbers, sizes of the run, and `<number> * <size>`;
 * metrics in _s take durations, those in _bytes and _bytes_per_h sizes in bytes.
 */
export function parseRequire(
  text: string,
  metric: string,
  sizes: Sizes,
  known = metricByName,
): Pick<GateConfig, 'operator' | 'limit'> | null {
  const parts = /^\s*(<=|>=|==|!=|<|>)(.*)$/.exec(text)
  if (parts === null) return null
  let limit = 0
  for (const term of (parts[2] as string).split(/(?<![eE])\+/)) {
    const value = parseTerm(term.trim(), known.get(metric)?.unit, sizes)
    if (value === null) return null
    limit += value
  }
  return { operator: parts[1] as GateConfig['operator'], limit }
}

function parseTerm(term: string, unit: MetricUnit | undefined, sizes: Sizes): number | null {
  const scaled = /^(?:(.*?)\s*\*\s*)?([a-z]+)$/.exec(term)
  const size = Object.hasOwn(sizes, scaled?.[2] ?? '') ? sizes[scaled?.[2] as string] : undefined
  if (scaled === null || size === undefined) return parseNumber(term, unit)
  const factor = scaled[1] === undefined ? 1 : parseNumber(scaled[1], unit)
  return factor === null ? null : factor * size
}

function parseNumber(text: string, unit: MetricUnit | undefined): number | null {
  if (/^-?[0-9]+(_[0-9]+)*(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(text)) {
    const number = Number(text.replaceAll('_', ''))
    return Number.isFinite(number) ? number : null
  }
  if (unit === 's') return parseDuration(text)
  return unit === 'bytes' || unit === 'bytes_per_h' ? parseSize(text) : null
}

/**
 * Reads the gates that stand at `path`. A gate's name is its metric's unless it has one; names are unique. `own`:
 * metrics that only this scenario has.
 */
export function readGates(
  tables: readonly GateTable[],
  sizes: Sizes,
  path: Path,
  problems: Problems,
  own: readonly Metric[] = [],
): GateConfig[] {
  const known = new Map([...metricByName, ...own.map(each => [each.name, each] as const)])
  const names = new Map<string, number>()
  return tables.flatMap((table, index) => {
    const at = [...path, index]
    const name = table.name ?? table.metric
    const first = names.get(name)
    names.set(name, first ?? index)
    if (first !== undefined)
      problems.add({
        path: [...at, table.name === undefined ? 'metric' : 'name'],
        value: name,
        problem: `is the name of gate[${first}] too: give each its own name`,
      })
    if (!known.has(table.metric))
      problems.add({
        path: [...at, 'metric'],
        value: table.metric,
        problem: 'unknown metric',
        nearest: nearestOf(table.metric, known.keys()),
      })
    if (table.levels?.length === 0) problems.mustBe([...at, 'levels'], table.levels, 'at least one level')
    const require = parseRequire(table.require, table.metric, sizes, known)
    if (require === null) {
      problems.mustBe([...at, 'require'], table.require, REQUIRE_LIMIT)
      return []
    }
    return [
      {
        name,
        metric: table.metric,
        ...require,
        ...(table.levels === undefined ? {} : { levels: table.levels }),
        ...(table.min_hold === undefined ? {} : { minHoldS: secondsOf(table.min_hold) }),
      },
    ]
  })
}
