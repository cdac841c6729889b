// `nslab plan SCENARIO`: the plan on standard output, nothing changed.

import type { Command } from 'commander'
import { makePlan, planToJson } from '../lab/plan/plan.ts'
import { addScenarioOptions, loadWithOptions, type ScenarioOptions } from './run/scenario-options.ts'

export function addPlanCommand(program: Command): void {
  const command = program
    .command('plan')
    .description('print the plan of a scenario: every id, name and address; nothing is changed')
    .argument('<scenario>', 'name under soak/scenarios, or a path')
  addScenarioOptions(command).action((name: string, options: ScenarioOptions) => {
    const { scenario } = loadWithOptions(name, options)
    const json = planToJson(makePlan(scenario))
    for (const warning of scenario.warnings) process.stderr.write(`warning: ${warning}\n`)
    process.stdout.write(json)
  })
}
