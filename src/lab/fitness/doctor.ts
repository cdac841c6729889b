// The doctor's findings: is this machine fit, for how many nodes, by which limit, and what to do about it. Pure.

import { type Needs, needsForNodes, RING_COSTS } from '../plan/needs.ts'
import { ADVISORY_LIMITS, checkFitness, describeProblem, type Problem } from './limits.ts'
import type { Machine } from './machine.ts'

/** What one limit allows. */
export interface LimitFinding {
  readonly limit: string
  /** null: no limit, or not visible from here. */
  readonly available: number | null
  /** Nodes that fit by this limit alone; null: it sets none. */
  readonly nodes_max: number | null
}

export interface Diagnosis {
  readonly schema: 'nslab.doctor/1'
  readonly fit: boolean
  /** Nodes the question was about. */
  readonly nodes_count: number
  /** Nodes that fit by every limit; null: no limit found. */
  readonly nodes_max: number | null
  /** The limit that decides, where one does. */
  readonly smallest_limit: string | null
  readonly limits: readonly LimitFinding[]
  readonly problems: readonly Problem[]
  /** What a run will do differently here, fit or not. */
  readonly notes: readonly string[]
}

/** `needs`: those of a plan; by default what a ring of `nodesCount` takes. */
export function diagnose(nodesCount: number, machine: Machine, needs: Needs = needsForNodes(nodesCount)): Diagnosis {
  const limits = findLimits(machine)
  const found = checkFitness(needs, machine)
  const problems = found.filter(problem => !ADVISORY_LIMITS.has(problem.limit))
  const advice = found.filter(problem => ADVISORY_LIMITS.has(problem.limit)).map(describeProblem)
  const bounded = limits.flatMap(({ limit, nodes_max }) => (nodes_max === null ? [] : { limit, nodes_max }))
  const smallest = bounded.sort((a, b) => a.nodes_max - b.nodes_max)[0]
  const refused = machine.kernel_refusals.some(refusal => refusal.feature !== 'namespace_cookies')
  return {
    schema: 'nslab.doctor/1',
    fit: problems.length === 0,
    nodes_count: nodesCount,
    nodes_max: refused ? 0 : (smallest?.nodes_max ?? null),
    smallest_limit: refused ? 'kernel' : (smallest?.limit ?? null),
    limits,
    problems,
    notes: [...findNotes(machine), ...advice],
  }
}

function findLimits(machine: Machine): LimitFinding[] {
  const { claimed } = machine
  const linear = (limit: string, available: number, cost: { fixed: number; perNode: number }): LimitFinding => ({
    limit,
    available: Number.isFinite(available) ? available : null,
    nodes_max: Number.isFinite(available) ? Math.max(0, Math.floor((available - cost.fixed) / cost.perNode)) : null,
  })
  return [
    linear('open_files', machine.open_files.hard, RING_COSTS.descriptors),
    linear('net_namespaces', machine.net_namespaces_max - claimed.namespaces_count, RING_COSTS.namespaces),
    linear('memory', machine.memory_available_bytes - claimed.memory_bytes, RING_COSTS.memoryBytes),
    { limit: 'neighbours', available: machine.neighbours.limit, nodes_max: null },
    linear('disk', machine.disk.available_bytes - claimed.disk_bytes, RING_COSTS.diskBytes),
    { limit: 'tasks', available: machine.tasks_available - claimed.tasks_count, nodes_max: null },
  ]
}

function findNotes(machine: Machine): string[] {
  const notes = machine.kernel_refusals
    .filter(refusal => refusal.feature === 'namespace_cookies')
    .map(refusal => `${refusal.reason}: ${refusal.remedy}`)
  if (!machine.root) notes.push('not root: runs live in a user namespace')
  if (machine.neighbours.limit === null) notes.push("the neighbour table's limit is not visible from here")
  else if (!machine.neighbours.leasable) notes.push("the neighbour table's limit can't be raised from here")
  return notes
}
