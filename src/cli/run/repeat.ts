// nslab run RUN/plan.json: that very plan again. Only where it runs and where its folder goes may be others.

import { NslabError } from '../../base/errors.ts'
import type { ExitCode } from '../../base/exit-codes.ts'
import type { Plan } from '../../plan.ts'
import { refuseShrinking, type ShrinkFlags } from '../shrink/options.ts'
import { readPlan, scenarioTextBeside } from './plan-file.ts'
import { runAndTell } from './run-and-tell.ts'
import type { ScenarioOptions } from './scenario-options.ts'

/** Flags that leave what is run as it is, with what they may be. */
const PLACES = { on: ['auto', 'host', 'vm'], accel: ['auto', 'kvm', 'tcg'] } as const

export async function repeatCommand(path: string, options: ScenarioOptions & ShrinkFlags): Promise<ExitCode> {
  refuseChanges(path, options)
  const plan = placed(readPlan(path), options)
  const { scenario } = plan
  if (scenario.run.deterministic)
    throw new NslabError('USAGE', {
      problem: `${path} is the plan of a deterministic run`,
      hint: 'It is repeated from its whole folder: nslab replay RUN.',
      path,
    })
  const out = options.out === undefined ? undefined : String(options.out)
  if (options.shrink) return (await import('../shrink/shrink.ts')).shrinkCommand(path, plan, { ...options, out })
  refuseShrinking(options)
  return runAndTell(scenario, scenarioTextBeside(path), { plan, out })
}

/** Throws USAGE for flags that would make another plan of it. */
function refuseChanges(path: string, { set = [], ...options }: ScenarioOptions & ShrinkFlags): void {
  const allowed = ['out', 'on', 'accel', 'shrink', 'budget', 'gate']
  const others = Object.entries(options).flatMap(([flag, value]) =>
    value === undefined || allowed.includes(flag) ? [] : [`--${flag}`],
  )
  const flags = [...set.map(key => `--set ${key}`), ...others]
  if (flags.length === 0) return
  throw new NslabError('USAGE', {
    problem: `${path} is a plan, which is run as it is: ${flags.join(', ')} would make another`,
    hint: 'Only --out, --on and --accel go with a plan. To change anything else, run its scenario: RUN/scenario.toml.',
    flags,
  })
}

function placed(plan: Plan, options: ScenarioOptions): Plan {
  const hosts: Record<string, unknown> = { ...plan.scenario.hosts }
  for (const [flag, known] of Object.entries(PLACES) as [keyof typeof PLACES, readonly string[]][]) {
    const value = options[flag]
    if (value === undefined) continue
    if (!known.includes(String(value)))
      throw new NslabError('USAGE', { problem: `--${flag} ${value} is none of ${known.join(', ')}` })
    hosts[flag] = value
  }
  return { ...plan, scenario: { ...plan.scenario, hosts: hosts as unknown as Plan['scenario']['hosts'] } }
}
