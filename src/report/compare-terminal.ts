// A comparison as text.

import type { ComparedMetric, Comparison, Difference, Side, Spread } from './compare.ts'
import { formatMetric, printable } from './format.ts'
import { textTable } from './table.ts'

export interface CompareNames {
  readonly a: string
  readonly b: string
}

const words: Readonly<Record<ComparedMetric['difference'], string>> = {
  equal: '',
  differs: 'differs',
  within_noise: 'within noise',
  unknown: '?',
}

export function renderComparison(comparison: Comparison, names: CompareNames): string {
  const { metrics, a, b } = comparison
  const rows = metrics.map(metric => [
    metric.name,
    shown(metric.name, metric.a),
    shown(metric.name, metric.b),
    metric.ratio === null ? '–' : `${metric.ratio.toFixed(2)}×`,
    words[metric.difference],
  ])
  return [
    ...warnings(comparison),
    `A  ${printable(names.a)}  (${sideWords(a)})`,
    `B  ${printable(names.b)}  (${sideWords(b)})`,
    '',
    ...textTable({ head: ['Metric', 'A', 'B', 'B / A', ''], rows, right: [1, 2, 3] }),
    '',
    ...listed('Set-up', comparison.setup),
    ...listed('Environment', comparison.environment),
    ...advice(comparison),
    '',
  ].join('\n')
}

/** What makes the comparison one of different things, said first and loudly; empty when they are alike. */
export function warnings({ setup }: Comparison): string[] {
  const different = setup
    .filter(({ what }) => what !== 'seed')
    .map(({ what, a, b }) => `${what} ${printable(a)} against ${printable(b)}`)
  return different.length === 0 ? [] : [`WARNING: these are DIFFERENT runs to begin with: ${different.join('; ')}`, '']
}

function sideWords(side: Side): string {
  return `${side.runs === 1 ? 'one run' : `${side.runs} runs: median, range`}; ${side.verdicts.join(', ')}`
}

function shown(name: string, spread: Spread | null): string {
  if (!spread) return '–'
  const median = formatMetric(name, spread.median)
  if (spread.runs > 1) return `${median} (${formatMetric(name, spread.least)} to ${formatMetric(name, spread.most)})`
  return spread.noise === null || spread.noise === 0 ? median : `${median} ± ${formatMetric(name, spread.noise)}`
}

function listed(title: string, differences: readonly Difference[]): string[] {
  if (differences.length === 0) return [`${title}: no difference`]
  const rows = differences.map(({ what, a, b }) => [`  ${printable(what)}`, printable(a), '→', printable(b)])
  return [`${title} differs:`, ...textTable({ rows })]
}

function advice({ metrics }: Comparison): string[] {
  if (!metrics.some(metric => metric.difference === 'unknown' && metric.a && metric.b)) return []
  return ['', '?: one run a side says nothing about noise. Repeat, and compare A1,A2,A3 with B1,B2,B3.']
}
