// The [churn] section of a scenario: namespaces that come and go, what holds them, and the sockets inside.

import * as v from 'valibot'
import type { ChurnSpec } from '../protocol/churning.ts'
import type { Path } from './locate.ts'
import type { Problems, TomlTable } from './problems.ts'
import { readTable } from './table.ts'
import { duration, int, leaf, oneOf, ratio, secondsOf } from './values.ts'

export const NETNS_KINDS = ['named', 'mounted', 'process', 'thread', 'descriptor', 'socket'] as const
export const CHURN_FAULTS = ['same_name', 'inode_reuse', 'remove_while_entered', 'leader_dead'] as const

/** Kernels take some 4,000 bare makes and drops a second from one thread; nothing reaches this. */
const RATE_MAX = 100_000
const NAMESPACES_MAX = 1_000_000
/** Of one population, in one namespace: loopback has some 28,000 ephemeral ports. */
const SOCKETS_MAX = 20_000
const WEIGHT_MAX = 1_000_000

const rate = leaf<number>(
  `a number above 0, at most ${RATE_MAX}`,
  value => typeof value === 'number' && value > 0 && value <= RATE_MAX,
)
const weight = leaf<number>(
  `a number from 0 to ${WEIGHT_MAX}`,
  value => typeof value === 'number' && value >= 0 && value <= WEIGHT_MAX,
)
const sockets = int(0, SOCKETS_MAX)

/** Keys of [churn], as a scenario's schema has them. */
export const churnSchema = v.object({
  namespaces: v.optional(int(1, NAMESPACES_MAX), 200),
  rate_per_s: v.optional(rate, 20),
  kinds: v.optional(
    v.object({
      named: v.optional(weight, 0),
      mounted: v.optional(weight, 0),
      process: v.optional(weight, 0),
      thread: v.optional(weight, 0),
      descriptor: v.optional(weight, 0),
      socket: v.optional(weight, 0),
    }),
    { named: 4, mounted: 2, process: 1, thread: 1, descriptor: 1, socket: 1 },
  ),
  pairs: v.optional(sockets, 5),
  short: v.optional(sockets, 1),
  half_closed: v.optional(sockets, 1),
  time_wait: v.optional(sockets, 1),
  listeners: v.optional(sockets, 1),
  families: v.optional(v.array(oneOf('ipv4', 'ipv6')), () => ['ipv4' as const, 'ipv6' as const]),
  connection_table: v.optional(oneOf('shared', 'own'), 'shared'),
  short_life_ratio: v.optional(ratio, 0.05),
  min_life: v.optional(duration, '1s'),
  faults: v.optional(v.array(oneOf(...CHURN_FAULTS)), () => [...CHURN_FAULTS]),
  fault_interval: v.optional(duration, '10s'),
})

export type ChurnTable = v.InferOutput<typeof churnSchema>

/** Types a table that the schema took, and adds what is wrong with its values together. */
export function checkChurn(table: ChurnTable, path: Path, problems: Problems): ChurnSpec {
  const { kinds, families, faults } = table
  const spec: ChurnSpec = {
    namespaces: table.namespaces,
    ratePerS: table.rate_per_s,
    kinds,
    sockets: {
      pairs: table.pairs,
      short: table.short,
      halfClosed: table.half_closed,
      timeWait: table.time_wait,
      listeners: table.listeners,
      families: [...new Set(families)].map(family => (family === 'ipv4' ? 4 : 6)),
    },
    connectionTable: table.connection_table,
    shortLifeRatio: table.short_life_ratio,
    minLifeS: secondsOf(table.min_life),
    faults: [...new Set(faults)],
    faultIntervalS: secondsOf(table.fault_interval),
  }
  if (Object.values(kinds).every(share => share === 0))
    problems.mustBe([...path, 'kinds'], kinds, 'weights of which one at least is above 0')
  if (families.length === 0) problems.mustBe([...path, 'families'], families, 'at least one family')
  if (spec.minLifeS === 0) problems.mustBe([...path, 'min_life'], table.min_life, 'longer than nothing')
  if (faults.length > 0 && spec.faultIntervalS === 0)
    problems.mustBe([...path, 'fault_interval'], table.fault_interval, 'longer than nothing')
  if (faults.includes('same_name') && kinds.named + kinds.mounted === 0)
    problems.add({ path: [...path, 'faults'], value: 'same_name', problem: 'needs kinds.named or kinds.mounted' })
  const lifeS = meanLifeS(spec)
  if (spec.minLifeS > lifeS)
    problems.mustBe(
      [...path, 'min_life'],
      table.min_life,
      `at most ${lifeS.toFixed(3)} s, which a namespace lives on average (2 * namespaces / rate_per_s)`,
    )
  return spec
}

/** How long a namespace lives on average: one is dropped with every second operation. */
const meanLifeS = ({ namespaces, ratePerS }: ChurnSpec): number => (2 * namespaces) / ratePerS

/** Reads the section that stands at `path`. */
export function readChurn(raw: TomlTable, path: Path, problems: Problems): ChurnSpec {
  return checkChurn(readTable(churnSchema, raw, path, problems).value, path, problems)
}
