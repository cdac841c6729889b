// Fleets must share neither ids nor addresses: checked before anything is made, and when a fleet joins.

import { NslabError } from '../base/errors.ts'
import type { FabricSpec } from '../native/fabric.ts'

export interface NamedFleet {
  readonly host: string
  readonly fabric: FabricSpec
}

/** The first thing that two fleets share. */
export interface Overlap {
  readonly hosts: readonly [string, string]
  readonly what: 'id' | 'address'
  readonly value: number | string
}

/** Throws CONFIG_INVALID {overlaps} naming both fleets, for every pair that shares ids or addresses. */
export function checkFleetsDisjoint(fleets: readonly NamedFleet[]): void {
  const owners = new Map<number | string, string>()
  const overlaps = new Map<string, Overlap>()
  const claim = (host: string, what: Overlap['what'], value: number | string): void => {
    const owner = owners.get(value)
    if (owner === undefined) owners.set(value, host)
    else if (!overlaps.has(`${what} ${owner} ${host}`))
      overlaps.set(`${what} ${owner} ${host}`, { hosts: [owner, host], what, value })
  }
  for (const { host, fabric } of fleets)
    for (const node of fabric.nodes) {
      claim(host, 'id', node.nodeId)
      claim(host, 'address', node.address)
    }
  if (overlaps.size === 0) return
  const problems = [...overlaps.values()].map(
    ({ hosts: [a, b], what, value }) => `${a} and ${b} both have ${what} ${value}`,
  )
  throw new NslabError('CONFIG_INVALID', { source: 'the fleets', problems, overlaps: [...overlaps.values()] })
}
