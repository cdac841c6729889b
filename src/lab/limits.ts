// Is this machine fit for a run? Every limit is checked before anything is made, and all that fail are said at once.
// Pure.

import { NslabError } from '../base/errors.ts'
import { neighbourLimitsFor } from './leases.ts'
import type { Machine } from './machine.ts'
import type { Plan } from './plan-types.ts'

export type Needs = Plan['needs']

/** One limit of the machine that the run does not fit into. */
export interface Problem {
  /** open_files | net_namespaces | neighbours | memory | disk | tasks, or a feature of kernel-probe.ts. */
  readonly limit: string
  readonly observed: string
  readonly needed: string
  readonly remedy: string
}

/**
 * Limits that the fabric itself does not need, since its own neighbour entries are permanent; programs run in nodes
 * may.
 */
export const ADVISORY_LIMITS: ReadonlySet<string> = new Set(['neighbours'])

/**
 * What a ring takes, for use without a plan (plan.ts counts exactly). A node has its namespace, its control connection,
 * its link listener and two link ends; the kernel takes 0.33 MB of memory, the programs the rest. Fixed: Node's and the
 * addon's own descriptors, and the resident memory of two Node processes and a database.
 */
export const COSTS = {
  descriptors: { fixed: 128, perNode: 5 },
  namespaces: { fixed: 4, perNode: 1 },
  neighbours: { fixed: 0, perNode: 2 },
  memoryBytes: { fixed: 250_000_000, perNode: 600_000 },
} as const

export function needsForNodes(nodesCount: number): Needs {
  const of = ({ fixed, perNode }: { fixed: number; perNode: number }): number => fixed + perNode * nodesCount
  return {
    descriptors_count: of(COSTS.descriptors),
    neighbours_count: of(COSTS.neighbours),
    namespaces_count: of(COSTS.namespaces),
    memory_bytes: of(COSTS.memoryBytes),
  }
}

/** Threads of two Node programs (11 each, cores + 4 of the fleet's), a database's processes, and as much again. */
const tasksNeeded = (machine: Machine): number => 2 * (2 * 11 + machine.cpus_count + 4 + 16)

/** Logs, samples, report and a small database. */
const DISK_BYTES_NEEDED = 64 * 1024 * 1024

/** Everything that does not fit; empty when the machine is fit. */
export function checkFitness(needs: Needs, machine: Machine): Problem[] {
  const problems: Problem[] = machine.kernel_refusals
    .filter(refusal => refusal.feature !== 'namespace_cookies')
    .map(({ feature, reason, remedy }) => ({ limit: feature, observed: reason, needed: 'to work', remedy }))
  const require = (limit: string, available: number, needed: number, unit: Unit, remedy: string): void => {
    if (available < needed) problems.push({ limit, observed: unit(available), needed: unit(needed), remedy })
  }
  require('open_files', machine.open_files
    .hard, needs.descriptors_count, count, `raise the hard limit (ulimit -Hn ${needs.descriptors_count}; LimitNOFILE= of the service), use fewer nodes, or --hosts`)
  require('net_namespaces', machine.net_namespaces_max, needs.namespaces_count, count, `sysctl -w user.max_net_namespaces=${needs.namespaces_count * 2}`)
  require('memory', machine.memory_available_bytes, needs.memory_bytes, mebibytes, 'end what takes memory, raise the limit of the control group, or use fewer nodes')
  require('disk', machine.disk
    .available_bytes, DISK_BYTES_NEEDED, mebibytes, `free some space under ${machine.disk.folder}, or name another folder with --out`)
  require('tasks', machine.tasks_available, tasksNeeded(
    machine,
  ), count, "raise the control group's pids.max or the limit on processes (ulimit -u)")
  problems.push(...checkNeighbours(needs, machine))
  return problems
}

/** A limit that is too low is raised by a lease where that may be done. */
function checkNeighbours(needs: Needs, machine: Machine): Problem[] {
  const { limit, leasable } = machine.neighbours
  const known = limit ?? UNSEEN_NEIGHBOUR_LIMIT
  const wanted = neighbourLimitsFor(needs.neighbours_count, { [NEIGHBOUR_LIMIT]: known })
  if (leasable || wanted === null) return []
  const value = wanted[NEIGHBOUR_LIMIT] as number
  return [
    {
      limit: 'neighbours',
      observed: limit === null ? `${count(known)} (the kernel's default: not visible from here)` : count(limit),
      needed: count(needs.neighbours_count),
      remedy: `as root of the machine: sysctl -w ${NEIGHBOUR_LIMIT}=${value}, or run as root: then it is raised and restored`,
    },
  ]
}

const NEIGHBOUR_LIMIT = 'net.ipv4.neigh.default.gc_thresh3'
const UNSEEN_NEIGHBOUR_LIMIT = 1024

type Unit = (value: number) => string
const count: Unit = value => (Number.isFinite(value) ? value.toLocaleString('en-US') : 'no limit')
const mebibytes: Unit = value => `${count(Math.round(value / 2 ** 20))} MiB`

/** One line a problem. */
export function describeProblem(problem: Problem): string {
  return `${problem.limit.replaceAll('_', ' ')}: ${problem.observed}, needed ${problem.needed}. Remedy: ${problem.remedy}`
}

/** The error that a run ends with before it makes anything: exit 3. */
export function notFit(problems: readonly Problem[]): NslabError {
  return new NslabError('NOT_FIT', {
    problems: problems.map(describeProblem),
    limits: problems.map(problem => problem.limit),
  })
}
