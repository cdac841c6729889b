// Fleets must share neither ids nor /22s: checked before anything is made, and when a fleet joins.

import { NslabError } from '../base/errors.ts'
import type { FabricSpec } from '../native.ts'

export interface NamedFleet {
  readonly host: string
  readonly fabric: FabricSpec
}

/** Throws CONFIG_INVALID naming both fleets and what they share, for every pair that overlaps. */
export function checkFleetsDisjoint(fleets: readonly NamedFleet[]): void {
  const problems: string[] = []
  const owners = new Map<string, string>()
  const told = new Set<string>()
  for (const { host, fabric } of fleets)
    for (const node of fabric.nodes)
      for (const [what, value] of [['id', node.nodeId] as const, ['address', node.address] as const]) {
        const owner = owners.get(`${what} ${value}`)
        if (owner === undefined) owners.set(`${what} ${value}`, host)
        else if (!told.has(`${what} ${owner} ${host}`)) {
          told.add(`${what} ${owner} ${host}`)
          problems.push(`${owner} and ${host} both have ${what} ${value}`)
        }
      }
  if (problems.length > 0) throw new NslabError('CONFIG_INVALID', { source: 'the fleets', problems })
}
