// The sections of a soak: [churn], [collector], [sut]. A scenario has them, or those of a fleet.

import * as v from 'valibot'
import { sutMetricNames } from '../base/sut-metrics.ts'
import { checkChurn, churnSchema } from './churn.ts'
import type { Path } from './locate.ts'
import type { Problems, TomlTable } from './problems.ts'
import type { shellSchema } from './scenario-schema.ts'
import type { sutEntries } from './soak-schema.ts'
import type { CollectorConfig, FaultConfig, GateConfig, ObserverConfig, SoakConfig } from './types.ts'
import { bytesOf, secondsOf } from './values.ts'

type Shell = v.InferOutput<typeof shellSchema>
type Table<E extends v.ObjectEntries> = v.InferOutput<v.ObjectSchema<E, undefined>>

const FLEET_SECTIONS = ['controller', 'dataplane', 'host', 'nodes'] as const

/** Whether the scenario is a soak. What only a soak has is a problem anywhere else. */
export function isSoak(raw: TomlTable, problems: Problems): boolean {
  if (raw.churn !== undefined) return true
  for (const section of ['collector', 'sut'] as const)
    if (raw[section] !== undefined)
      problems.add({ path: [section], problem: 'belongs to a soak, and there is no [churn]' })
  return false
}

/** What can't go together with [churn]. */
export function checkSoakShell(raw: TomlTable, shell: Shell, problems: Problems): void {
  for (const section of FLEET_SECTIONS)
    if (raw[section] !== undefined)
      problems.add({ path: [section], problem: 'does not go with [churn]: a scenario has a fleet or is a soak' })
  if (shell.hosts.count > 1)
    problems.add({ path: ['hosts', 'count'], value: shell.hosts.count, problem: 'must be 1: a soak has one host' })
  if (shell.run.deterministic)
    problems.add({ path: ['run', 'deterministic'], value: true, problem: 'is not for a soak, whose processes race' })
}

/** The sections of a soak, those in which something is wrong left at their defaults. */
export function readSoak(shell: Shell, problems: Problems): SoakConfig {
  return {
    churn: checkChurn(shell.churn ?? v.parse(churnSchema, {}), ['churn'], problems),
    collector: readCollector(shell, ['collector'], problems),
    observer: readObserver(shell.sut, ['sut'], problems),
  }
}

/** Whether the soak has a database server of its own. */
export const hasDatabase = ({ collector, observer }: SoakConfig): boolean =>
  observer.command === null && collector.sink === 'postgres'

/** A line that the scenario forbids fails it, also where no gate says so. */
export function gatesWithForbidden(gates: readonly GateConfig[], { observer }: SoakConfig): readonly GateConfig[] {
  const metric = 'log_matches_count'
  if (observer.forbid.length === 0 || gates.some(gate => gate.metric === metric)) return gates
  return [...gates, { name: metric, metric, operator: '==', limit: 0 }]
}

/** What is taken otherwise than it reads. */
export function soakWarnings(
  raw: TomlTable,
  { observer }: SoakConfig,
  faults: readonly FaultConfig[],
  holdS: number,
): string[] {
  const late = faults.filter(({ atS }) => atS >= holdS)
  return [
    ...(observer.command !== null && raw.collector !== undefined
      ? ['collector: has no effect, because sut.command is in its place']
      : []),
    ...late.map(({ op, atS }) => `fault: ${op} at ${atS} s is not done: churning ends after ${holdS} s (run.hold)`),
  ]
}

function readCollector({ collector: table, run }: Shell, path: Path, problems: Problems): CollectorConfig {
  if (secondsOf(run.hold) > 0 && secondsOf(table.interval) > secondsOf(run.hold))
    problems.mustBe([...path, 'interval'], table.interval, `no longer than the churning, run.hold (${run.hold})`)
  for (const key of ['interval', 'discovery_interval'] as const)
    if (secondsOf(table[key]) < LEAST_INTERVAL_S)
      problems.mustBe([...path, key], table[key], `at least ${LEAST_INTERVAL_S * 1000}ms`)
  return {
    intervalS: secondsOf(table.interval),
    discoveryIntervalS: secondsOf(table.discovery_interval),
    sink: table.sink,
    states: [...new Set(table.states)],
    ports: [...new Set(table.ports)].sort((a, b) => a - b),
    canaries: table.canary,
  }
}

/** A loop that never rests measures itself. */
const LEAST_INTERVAL_S = 0.01

/** Who observes, and what is asked of it whoever it is. */
function readObserver(table: Table<typeof sutEntries>, path: Path, problems: Problems): ObserverConfig {
  const { command, output, ready, forbid, helpers, memory_max, metrics, metrics_url, restart, scrape_interval } = table
  if (command !== undefined && !command[0])
    problems.mustBe([...path, 'command'], command, 'a program and its arguments')
  if (command === undefined)
    for (const key of ['output', 'ready'] as const)
      if (table[key] !== undefined && table[key] !== 'none')
        problems.add({ path: [...path, key], value: table[key], problem: 'needs command: it is about that program' })
  if (ready !== undefined) checkPattern(ready, [...path, 'ready'], problems)
  forbid.forEach((pattern, index) => {
    checkPattern(pattern, [...path, 'forbid', index], problems)
  })
  if (metrics_url !== undefined && !/^http:\/\/[^/]/.test(metrics_url))
    problems.mustBe([...path, 'metrics_url'], metrics_url, 'an http:// address')
  if (secondsOf(scrape_interval) < LEAST_INTERVAL_S)
    problems.mustBe([...path, 'scrape_interval'], scrape_interval, `at least ${LEAST_INTERVAL_S * 1000}ms`)
  checkSutMetrics(metrics, [...path, 'metrics'], problems)
  if (metrics.length > 0 && metrics_url === undefined && command !== undefined)
    problems.add({ path: [...path, 'metrics'], problem: 'needs metrics_url' })
  return {
    command: command ?? null,
    output: command === undefined ? 'nslab.collect/1' : output,
    ready: ready ?? null,
    forbid,
    helpers,
    metricsUrl: metrics_url ?? null,
    scrapeIntervalS: secondsOf(scrape_interval),
    metrics,
    restart,
    memoryMaxBytes: memory_max === undefined ? null : bytesOf(memory_max),
  }
}

/** Metrics of the run that come from two of the program's would be either's. */
function checkSutMetrics(sources: readonly string[], path: Path, problems: Problems): void {
  const names = new Map<string, string>()
  for (const [index, source] of sources.entries()) {
    const { last } = sutMetricNames(source)
    const other = names.get(last)
    if (other !== undefined)
      problems.add({ path: [...path, index], value: source, problem: `comes to the same names as ${other}: ${last}` })
    names.set(last, source)
  }
}

function checkPattern(pattern: string, path: Path, problems: Problems): void {
  try {
    new RegExp(pattern)
  } catch (error) {
    problems.add({ path, value: pattern, problem: `is no regular expression: ${(error as Error).message}` })
  }
}
