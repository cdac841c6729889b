// nslab run: which of the ways to run something its words ask for.

import type { Command } from 'commander'
import { addShrinkOptions, refuseShrinking, type ShrinkFlags } from '../shrink/options.ts'
import { severalKernels } from './kernels.ts'
import { runAndTell } from './run-and-tell.ts'
import { addScenarioOptions, isPlanPath, loadWithOptions, type ScenarioOptions } from './scenario-options.ts'

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .summary('run a scenario and judge it')
    .description(
      'Runs a scenario and judges it. With --keep its VMs stay on after the verdict: torn down and measured as always, ' +
        'so without fleets, for nslab shell and nslab exec --vm; nslab vms lists them, nslab stop ends them. To look at ' +
        'a fleet that is wired, hold it: --duration 1h, and nslab shell or nslab exec meanwhile. A run that is ' +
        'interrupted keeps nothing. A run is repeated from its plan.json, with --out, --on and --accel alone: the same ' +
        'scenario, seed, ids and schedule. Of a soak that failed a gate, --shrink looks for a shorter schedule that ' +
        'still fails it.',
    )
    .argument('<scenario>', "name under soak/scenarios, a path, or a run's plan.json")
  addScenarioOptions(command)
  addShrinkOptions(command).action(async (name: string, options: ScenarioOptions & ShrinkFlags) => {
    process.exitCode = await runCommand(name, options)
  })
}

async function runCommand(name: string, options: ScenarioOptions & ShrinkFlags): Promise<number> {
  if (isPlanPath(name)) return (await import('./repeat.ts')).repeatCommand(name, options)
  refuseShrinking(options)
  const kernels = severalKernels(options)
  if (kernels !== null) return (await import('./kernel-matrix.ts')).matrixCommand(name, options, kernels)
  const loaded = loadWithOptions(name, options)
  const { scenario, text } = loaded
  if (scenario.run.deterministic) return (await import('./deterministic.ts')).runDeterministicCommand(loaded)
  return runAndTell(scenario, text)
}
