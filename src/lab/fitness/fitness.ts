// The check before a run makes anything: what does not fit is refused all at once, what only limits the nodes' programs
// is said.

import type { Needs } from '../plan/needs.ts'
import { ADVISORY_LIMITS, checkFitness, describeProblem, notFit } from './limits.ts'
import type { Machine } from './machine.ts'

/** Returns what to warn of. Throws NOT_FIT {problems, limits}. */
export function requireFitness(needs: Needs, machine: Machine): readonly string[] {
  const problems = checkFitness(needs, machine)
  const refused = problems.filter(problem => !ADVISORY_LIMITS.has(problem.limit))
  if (refused.length > 0) throw notFit(problems)
  return problems.map(describeProblem)
}
