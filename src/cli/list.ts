// `nslab list`: the scenarios that ship, one line each.

import type { Command } from 'commander'
import { loadScenario, scenarioNames } from '../config/load.ts'
import { nodesCountOf } from '../config/topology-size.ts'
import type { Scenario } from '../config/types.ts'

export function addListCommand(program: Command): void {
  program
    .command('list')
    .description('print the scenarios that ship, one line each: name, nodes, what it does')
    .action(() => {
      process.stdout.write(listText(scenarioNames().map(name => loadScenario(name).scenario)))
    })
}

/** A line a scenario, in columns. */
export function listText(scenarios: readonly Scenario[]): string {
  const rows = scenarios.map(({ name, controller, summary }) => [
    name,
    String(nodesCountOf(controller.topology)),
    summary,
  ])
  const widest = (column: number): number => Math.max(0, ...rows.map(row => (row[column] as string).length))
  const [names, nodes] = [widest(0), widest(1)]
  return rows
    .map(([name = '', count = '', summary = '']) => `${name.padEnd(names)}  ${count.padStart(nodes)}  ${summary}\n`)
    .join('')
}
