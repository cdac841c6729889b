// [connections]: how many established TCP connections a host is to carry over how many namespaces.

import * as v from 'valibot'
import type { Path } from './locate.ts'
import { Problems, type TomlTable } from './problems.ts'
import { readTable } from './table.ts'
import { countOrMax, int, oneOf, positive } from './values.ts'

/** More namespaces than any kernel holds connections in. */
const NAMESPACES_MAX = 100_000

const connectionsEntries = {
  /** "max": as many as memory, descriptors and the other limits of the host allow; what limits them is told. */
  count: v.optional(countOrMax, 'max'),
  namespaces: v.optional(int(1, NAMESPACES_MAX), 100),
  /** Both ends in one namespace, or in two that a veth pair joins. */
  layout: v.optional(oneOf('loopback', 'pairs'), 'loopback'),
  /** Opened at most so many a second. */
  rate_per_s: v.optional(positive),
}

export const connectionsTable = v.object(connectionsEntries)

/** What else a scenario may be of. */
const OTHER_SECTIONS = ['controller', 'dataplane', 'host', 'nodes', 'churn', 'collector', 'sut', 'fault'] as const

export type ConnectionsTable = v.InferOutput<typeof connectionsTable>

export interface ConnectionsConfig {
  readonly count: number | 'max'
  readonly namespaces: number
  readonly layout: 'loopback' | 'pairs'
  /** Null: as fast as may be. */
  readonly ratePerS: number | null
}

/** What can't go together with [connections]. */
export function checkConnectionsShell(
  raw: TomlTable,
  { hosts, run }: { readonly hosts: { readonly count: number }; readonly run: { readonly deterministic: boolean } },
  problems: Problems,
): void {
  for (const section of OTHER_SECTIONS)
    if (raw[section] !== undefined)
      problems.add({ path: [section], problem: 'does not go with [connections], which has a host to itself' })
  if (hosts.count > 1)
    problems.add({ path: ['hosts', 'count'], value: hosts.count, problem: 'must be 1: [connections] has one host' })
  if (run.deterministic)
    problems.add({
      path: ['run', 'deterministic'],
      value: true,
      problem: 'is not for [connections], whose processes race',
    })
}

/** What the table that stands at `path` says. */
export function readConnections(table: ConnectionsTable, path: Path, problems: Problems): ConnectionsConfig {
  const { count, namespaces, layout, rate_per_s } = table
  if (layout === 'pairs' && namespaces % 2 !== 0)
    problems.add({ path: [...path, 'namespaces'], value: namespaces, problem: 'must be even for layout = "pairs"' })
  return { count, namespaces, layout, ratePerS: rate_per_s ?? null }
}

/** The same from flags of a command. Throws CONFIG_INVALID. */
export function parseConnections(raw: TomlTable): ConnectionsConfig {
  const problems = new Problems('nslab connections')
  const { value } = readTable(connectionsTable, raw, [], problems)
  const config = readConnections(value, [], problems)
  problems.throwIfAny()
  return config
}
