// Faults of a run: [[fault]] at = "2s", do = "kill", hosts = ["host2"], for = "5s", or do = "cut", links = [[3, 4]].
// Times count from all wired. Those of a soak befall its processes and name no hosts; their times count from the
// beginning of churning.

import type { SoakFault } from '../protocol/soaking.ts'
import { isEdge } from '../topology/make.ts'
import type { Topology } from '../topology/types.ts'
import type { Path } from './locate.ts'
import type { Problems } from './problems.ts'
import type { FaultConfig } from './types.ts'
import { secondsOf } from './values.ts'

export interface FaultTable {
  readonly at: string
  readonly do: FaultConfig['op']
  readonly hosts?: readonly string[] | undefined
  readonly links?: readonly (readonly [number, number])[] | undefined
  readonly for: string
  readonly loss?: number | undefined
  readonly delay?: string | undefined
  readonly jitter?: string | undefined
}

/** What faults can befall. Hosts are host1, …, and with several "controller"; a VM's name (vm1) means its host. */
export interface FaultGround {
  readonly hostsCount: number
  readonly network: 'switch' | 'tap'
  /** Asked for where links are named; null: what makes it has other problems. */
  readonly topology: (() => Topology) | null
}

/** Reads the faults that stand at `path`, in the order of their times. */
export function readFaults(
  tables: readonly FaultTable[],
  { hostsCount, network, topology }: FaultGround,
  path: Path,
  problems: Problems,
): FaultConfig[] {
  const known = Array.from({ length: hostsCount }, (_, index) => `host${index + 1}`)
  if (hostsCount > 1) known.push('controller')
  const faults = tables.map((table, index) => {
    const at = [...path, index]
    const hosts = (table.hosts ?? []).map(name => name.replace(/^vm(?=[0-9]+$)/, 'host'))
    if (isSoakFault(table.do)) problems.add({ path: [...at, 'do'], value: table.do, problem: 'is for a soak: [churn]' })
    else if (table.links !== undefined) checkLinks(table, table.links, topology?.() ?? null, at, problems)
    else if (table.hosts === undefined) problems.add({ path: [...at, 'hosts'], problem: 'is required' })
    else if (hosts.length === 0) problems.mustBe([...at, 'hosts'], table.hosts, 'at least one host')
    for (const name of new Set(hosts))
      if (!known.includes(name))
        problems.add({ path: [...at, 'hosts'], value: name, problem: `is no host of the run: ${known.join(', ')}` })
    if (hostsCount === 1 && !isSoakFault(table.do) && table.links === undefined)
      problems.add({ path: [...at, 'do'], value: table.do, problem: 'needs several hosts (hosts.count)' })
    // What is over at once is felt by nobody, and a token that had no time is no proof.
    if (table.do !== 'reboot' && secondsOf(table.for) === 0)
      problems.mustBe([...at, 'for'], table.for, 'longer than nothing')
    checkImpairment(table, at, problems)
    if (table.do === 'impair' && network === 'tap')
      problems.add({ path: [...at, 'do'], value: table.do, problem: 'needs hosts.network = "switch"' })
    return faultOf(table, [...new Set(hosts)])
  })
  checkOverlaps(faults, path, problems, ({ hosts, links = [] }) => [...hosts, ...links.map(nameOfLink)])
  return faults.sort((a, b) => a.atS - b.atS)
}

/** As both ends call it. */
const nameOfLink = ([a, b]: readonly [number, number]): string => `link ${Math.min(a, b)}-${Math.max(a, b)}`

function checkLinks(
  table: FaultTable,
  links: NonNullable<FaultTable['links']>,
  topology: Topology | null,
  at: Path,
  problems: Problems,
): void {
  if (table.do !== 'cut')
    problems.add({ path: [...at, 'do'], value: table.do, problem: 'is done to hosts; links are cut: do = "cut"' })
  if (table.hosts !== undefined)
    problems.add({ path: [...at, 'hosts'], problem: 'does not go with links: one fault is done to hosts or to links' })
  if (links.length === 0) problems.mustBe([...at, 'links'], [], 'at least one link, as [[1, 2]]')
  for (const [a, b] of links)
    if (topology !== null && (Math.max(a, b) > topology.nodesCount || !isEdge(topology, a, b)))
      problems.add({
        path: [...at, 'links'],
        value: [a, b],
        problem: `there is no link between ${a} and ${b} in the topology`,
      })
}

const faultOf = (table: FaultTable, hosts: readonly string[]): FaultConfig => ({
  atS: secondsOf(table.at),
  forS: secondsOf(table.for),
  op: table.do,
  hosts,
  ...(table.links === undefined ? {} : { links: table.links }),
  loss: table.loss ?? 0,
  delayS: table.delay === undefined ? 0 : secondsOf(table.delay),
  jitterS: table.jitter === undefined ? 0 : secondsOf(table.jitter),
})

/** Whom a soak's faults befall. */
const SOAK_TARGETS: Readonly<Record<SoakFault, string>> = {
  pause_observer: 'the observer',
  kill_observer: 'the observer',
  restart_database: 'the database',
  pause_churn: 'churn',
}

export const isSoakFault = (op: FaultConfig['op']): op is SoakFault => Object.hasOwn(SOAK_TARGETS, op)

/** Reads the faults of a soak, in the order of their times. `hasDatabase`: it has a server that can be restarted. */
export function readSoakFaults(
  tables: readonly FaultTable[],
  hasDatabase: boolean,
  path: Path,
  problems: Problems,
): FaultConfig[] {
  const faults = tables.map((table, index) => {
    const at = [...path, index]
    const wrong = (key: string, value: unknown, problem: string): void =>
      problems.add({ path: [...at, key], value, problem })
    if (!isSoakFault(table.do))
      wrong('do', table.do, `is done to hosts: a soak has ${Object.keys(SOAK_TARGETS).join(', ')}`)
    if (table.hosts !== undefined) wrong('hosts', table.hosts, 'is not for a soak, which has one host')
    if (table.links !== undefined) wrong('links', table.links, 'is not for a soak, which has none')
    if ((table.do === 'pause_observer' || table.do === 'pause_churn') && secondsOf(table.for) === 0)
      problems.mustBe([...at, 'for'], table.for, 'longer than nothing')
    if (table.do === 'restart_database' && !hasDatabase)
      wrong('do', table.do, 'needs a database: collector.sink = "postgres", and no sut.command')
    checkImpairment(table, at, problems)
    return faultOf(table, [])
  })
  checkOverlaps(faults, path, problems, ({ op }) => (isSoakFault(op) ? [SOAK_TARGETS[op]] : []))
  return faults.sort((a, b) => a.atS - b.atS)
}

/** Loss, delay and jitter are what `impair` does; nothing else has them, and without one of them it does nothing. */
function checkImpairment(table: FaultTable, at: Path, problems: Problems): void {
  const given = (['loss', 'delay', 'jitter'] as const).filter(key => table[key] !== undefined)
  if (table.do === 'impair' && given.length === 0)
    problems.add({ path: [...at, 'do'], value: 'impair', problem: 'needs loss, delay or jitter' })
  if (table.do !== 'impair')
    for (const key of given)
      problems.add({ path: [...at, key], value: table[key], problem: `belongs to do = "impair", not to "${table.do}"` })
}

/** Two faults of one host at once would undo each other. */
function checkOverlaps(
  faults: readonly FaultConfig[],
  path: Path,
  problems: Problems,
  targetsOf: (fault: FaultConfig) => readonly string[],
): void {
  for (const [index, fault] of faults.entries())
    for (const [earlier, other] of faults.slice(0, index).entries()) {
      const shared = targetsOf(fault).find(target => targetsOf(other).includes(target))
      if (shared === undefined) continue
      if (fault.atS < other.atS + other.forS && other.atS < fault.atS + fault.forS)
        problems.add({
          path: [...path, index, 'at'],
          problem: `meets fault[${earlier}] on ${shared}: the one must end before the other begins`,
        })
    }
}
