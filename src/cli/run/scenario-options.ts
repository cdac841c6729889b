// The options that every command about a scenario has. Each stands for a key of the scenario.

import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type LoadedScenario, loadScenario } from '../../config/load.ts'
import { type Override, parseSet } from '../../config/override.ts'

/** Flag → key. Flags are applied after every --set, in this order. */
const FLAG_KEYS = {
  nodes: 'nodes',
  on: 'hosts.on',
  hosts: 'hosts.count',
  duration: 'run.hold',
  seed: 'seed',
  accel: 'hosts.accel',
  out: 'run.out',
  keep: 'run.keep',
  cold: 'hosts.cold',
  deterministic: 'run.deterministic',
  image: 'hosts.image',
  kernel: 'hosts.kernel',
} as const

type Flag = keyof typeof FLAG_KEYS

/** What commander collected. */
export type ScenarioOptions = { readonly [F in Flag]?: string | boolean } & { readonly set?: readonly string[] }

/** Adds the options to a command. */
export function addScenarioOptions(command: Command): Command {
  return command
    .option('--nodes <n>', 'how many nodes; sets the parameter of the topology (key: nodes)')
    .option('--on <where>', 'where fleets run: auto, host or vm (key: hosts.on)')
    .option('--hosts <k>', 'how many hosts the nodes are spread over (key: hosts.count)')
    .option('--duration <time>', 'how long to hold the wired fleet, for example 12h (key: run.hold)')
    .option('--seed <s>', 'seed of everything random (key: seed)')
    .option('--accel <how>', 'of VMs: auto, kvm or tcg (key: hosts.accel)')
    .option('--set <key=value>', 'any key of the scenario, for example run.deadline=90s; may be repeated', collect, [])
    .option('--out <dir>', 'run folder in place of a new one under runs/ (key: run.out)')
    .option('--keep', "leave the VMs running, and the private database's data (key: run.keep)")
    .option('--cold', 'boot every VM in place of restoring its saved state (key: hosts.cold)')
    .option('--deterministic', 'in one emulated VM, the same to the bit from run to run (key: run.deterministic)')
    .option('--image <file>', 'image.json of the VMs in place of the one built here (key: hosts.image)')
    .option(
      '--kernel <which>',
      'of VMs: a package, release or path; run and remote take several, a,b (key: hosts.kernel)',
    )
}

/** The overrides that the options stand for. */
export function overridesOf(options: ScenarioOptions): Override[] {
  const overrides = (options.set ?? []).map(parseSet)
  for (const [flag, key] of Object.entries(FLAG_KEYS)) {
    const value = options[flag as Flag]
    if (value === undefined) continue
    overrides.push({
      key,
      value: flag === 'kernel' ? kernelHere(String(value)) : String(value),
      from: value === true ? `--${flag}` : `--${flag} ${String(value)}`,
    })
  }
  return overrides
}

/** A path on the command line is relative to where that is, and one in a scenario to its file. */
const kernelHere = (kernel: string): string => (kernel.includes('/') ? resolve(kernel) : kernel)

/** The options as the words that they were given by, `out` left out: for a run elsewhere. */
export function wordsOf(options: ScenarioOptions): string[] {
  const given = (Object.keys(FLAG_KEYS) as Flag[]).sort().flatMap(flag => {
    const value = options[flag]
    if (flag === 'out' || value === undefined) return []
    return value === true ? [`--${flag}`] : [`--${flag}`, String(value)]
  })
  return [...given, ...(options.set ?? []).flatMap(pair => ['--set', pair])]
}

/** Whether SCENARIO is meant as a plan. */
export const isPlanPath = (nameOrPath: string): boolean => nameOrPath.endsWith('.json')

/** Loads SCENARIO with the options applied. Throws USAGE, FILE_UNREADABLE or CONFIG_INVALID. */
export function loadWithOptions(nameOrPath: string, options: ScenarioOptions): LoadedScenario {
  return loadScenario(nameOrPath, overridesOf(options))
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}
