// `nslab list`: the scenarios that ship, one line each.

import type { Command } from 'commander'
import { loadScenario, scenarioNames } from '../config/load.ts'
import type { Scenario } from '../config/types.ts'
import { nodesCountOf } from '../topology/size.ts'

export function addListCommand(program: Command): void {
  program
    .command('list')
    .description('print the scenarios that ship, one line each: name, size, what it does')
    .action(() => {
      process.stdout.write(listText(scenarioNames().map(name => loadScenario(name).scenario)))
    })
}

/** A line a scenario, in columns. */
export function listText(scenarios: readonly Scenario[]): string {
  const rows = scenarios.map(scenario => [scenario.name, ...sizeOf(scenario), scenario.summary] as const)
  const widest = (column: 0 | 1 | 2): number => Math.max(0, ...rows.map(row => row[column].length))
  const [names, counts, whats] = [widest(0), widest(1), widest(2)]
  return rows
    .map(
      ([name, count, what, summary]) =>
        `${name.padEnd(names)}  ${count.padStart(counts)} ${what.padEnd(whats)}  ${summary}\n`,
    )
    .join('')
}

/** How many of what. */
function sizeOf({ soak, connections, controller }: Scenario): readonly [count: string, what: string] {
  if (soak !== undefined) return [String(soak.churn.namespaces), 'namespaces']
  if (connections !== undefined) return [String(connections.count), 'connections']
  return [String(nodesCountOf(controller.topology)), 'nodes']
}
