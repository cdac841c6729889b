// The check before a run makes anything: what does not fit is refused all at once, what only limits the nodes' programs
// is said.

import type { Needs } from '../plan/needs.ts'
import { ADVISORY_LIMITS, checkFitness, describeProblem, notFit } from './limits.ts'
import { readMachine } from './machine.ts'

/** `folder`: where the run folder will be. Returns what to warn of. Throws NOT_FIT {problems, limits}. */
export async function requireFitness(needs: Needs, folder: string): Promise<readonly string[]> {
  const problems = checkFitness(needs, await readMachine({ folder }))
  const refused = problems.filter(problem => !ADVISORY_LIMITS.has(problem.limit))
  if (refused.length > 0) throw notFit(problems)
  return problems.map(describeProblem)
}
