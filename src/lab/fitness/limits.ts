// Is this machine fit for a run? Every limit is checked before anything is made, and all that fail are said at once.
// Pure.

import { NslabError } from '../../base/errors.ts'
import { neighbourLimitsFor } from '../leases/leases.ts'
import { type Needs, PROGRAM_TASKS, RUN_DISK_BYTES } from '../plan/needs.ts'
import type { Machine } from './machine.ts'

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

/** Threads of Node.js programs, each with one a processor, and what else there is. Plans of before say none of it. */
export const tasksNeeded = (
  { programs_count = 0, tasks_count = 0 }: Partial<Needs>,
  { cpus_count }: Pick<Machine, 'cpus_count'>,
): number => programs_count * (PROGRAM_TASKS + cpus_count) + tasks_count

/** Everything that does not fit; empty when the machine is fit. */
export function checkFitness(needs: Needs, machine: Machine): Problem[] {
  const problems: Problem[] = machine.kernel_refusals
    .filter(refusal => refusal.feature !== 'namespace_cookies')
    .map(({ feature, reason, remedy }) => ({ limit: feature, observed: reason, needed: 'to work', remedy }))
  const require = (limit: string, room: Room, unit: Unit, remedy: string): void => {
    const { available, claimed = 0, needed } = room
    if (available - claimed >= needed) return
    const others = claimed === 0 ? '' : ` of ${unit(available)}: other live runs may take ${unit(claimed)}`
    const observed = `${unit(Math.max(0, available - claimed))}${others}`
    const first = claimed === 0 ? '' : 'wait for the other runs, or '
    problems.push({ limit, observed, needed: unit(needed), remedy: first + remedy })
  }
  const { claimed } = machine
  require('open_files', {
    available: machine.open_files.hard,
    needed: needs.descriptors_count,
  }, count, `raise the hard limit (ulimit -Hn ${needs.descriptors_count}; LimitNOFILE= of the service), or ${SMALLER}`)
  require('net_namespaces', {
    available: machine.net_namespaces_max,
    claimed: claimed.namespaces_count,
    needed: needs.namespaces_count,
  }, count, `sysctl -w user.max_net_namespaces=${(needs.namespaces_count + claimed.namespaces_count) * 2}`)
  require('memory', {
    available: machine.memory_available_bytes,
    claimed: claimed.memory_bytes,
    needed: needs.memory_bytes,
  }, mebibytes, `end what takes memory, raise the limit of the control group, or ${SMALLER}`)
  // Plans of before say nothing of it.
  const { disk_bytes = RUN_DISK_BYTES } = needs
  require('disk', {
    available: machine.disk.available_bytes,
    claimed: claimed.disk_bytes,
    needed: disk_bytes,
  }, mebibytes, `free some space under ${machine.disk.folder}, or name another folder with --out`)
  require('tasks', {
    available: machine.tasks_available,
    claimed: claimed.tasks_count,
    needed: tasksNeeded(needs, machine),
  }, count, "raise the control group's pids.max or the limit on processes (ulimit -u)")
  problems.push(...checkNeighbours(needs, machine))
  return problems
}

/** Of whatever scenario. */
const SMALLER = 'make the run smaller (--nodes, --hosts, churn.namespaces, --count)'

/** What others may take first is not there, though each run alone would fit. */
interface Room {
  readonly available: number
  readonly claimed?: number
  readonly needed: number
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
