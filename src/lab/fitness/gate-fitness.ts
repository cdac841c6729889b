// What the flake's checks need of a machine beyond what a run needs: KVM that works, and a Nix that builds with it. A
// gate that would emulate, or leave its checks in microVMs to a builder that nobody has, says so before it starts.

import { existsSync } from 'node:fs'
import { run } from '../../base/exec.ts'
import type { VmFacts } from '../vm/facts.ts'

export interface NixFacts {
  /** What its builds may ask of this machine (nix.conf: system-features). */
  readonly features: readonly string[]
  /** Whether other machines may build for it. */
  readonly hasBuilders: boolean
}

/** What Nix says of itself; null where there is none. */
export async function readNixFacts(env: NodeJS.ProcessEnv = process.env): Promise<NixFacts | null> {
  const words = ['--extra-experimental-features', 'nix-command']
  // The newer name first: the older one warns where both are known.
  for (const command of [['config', 'show'], ['show-config']]) {
    const { code, stdout } = await run('nix', [...words, ...command], { env, timeoutMs: 30_000 })
    if (code === 127) return null
    if (code === 0) return nixFactsOf(stdout, existsSync)
  }
  return null
}

/** Reads `key = value` lines; "@FILE" names a file of builders, which need not exist. */
export function nixFactsOf(config: string, exists: (path: string) => boolean): NixFacts {
  const wordsOf = (key: string): string => new RegExp(`^${key} = ?(.*)$`, 'm').exec(config)?.[1]?.trim() ?? ''
  const builders = wordsOf('builders')
  return {
    features: wordsOf('system-features').split(/\s+/).filter(Boolean),
    hasBuilders: builders !== '' && (!builders.startsWith('@') || exists(builders.slice(1))),
  }
}

/** Why the gate would prove nothing here, a sentence each with what to do; empty where it would. */
export function gateProblems(nix: NixFacts | null, { kvm, words }: VmFacts): string[] {
  if (nix === null) return ['the gate is built by Nix, which is not on the PATH: see https://nixos.org/download']
  if (nix.hasBuilders) return []
  const problems: string[] = []
  if (!nix.features.includes('kvm'))
    problems.push(
      'Nix builds nothing that needs KVM here, for its system-features lack kvm: add ' +
        `\`extra-system-features = kvm\` to nix.conf (they are ${nix.features.join(', ') || 'empty'}), or name builders that have it`,
    )
  if (kvm !== true)
    problems.push(
      `${words[0] ?? 'KVM does not work.'} The gate does not emulate by itself: take another machine, or, ` +
        'by name and for less proof, nix build .#emulated.ring-smoke',
    )
  return problems
}
