// The options of `nslab run RUN/plan.json --shrink`.

import { type Command, InvalidArgumentError } from 'commander'
import { NslabError } from '../../base/errors.ts'
import { DURATION_LIMIT, parseDuration } from '../../config/units.ts'

export interface ShrinkFlags {
  readonly shrink?: boolean
  /** Seconds. */
  readonly budget?: number
  readonly gate?: string
}

export const BUDGET_S = 600

export function addShrinkOptions(command: Command): Command {
  return command
    .option('--shrink', "of a failed soak's plan.json: look for a shorter schedule that still fails the gate")
    .option('--budget <time>', `how long to look (default: ${BUDGET_S / 60}m)`, parseBudget)
    .option('--gate <name>', 'which gate it has to fail (default: the first that failed)')
}

/** Throws USAGE where they are given without effect. */
export function refuseShrinking({ shrink, budget, gate }: ShrinkFlags): void {
  if (shrink)
    throw new NslabError('USAGE', {
      problem: "--shrink needs the plan of a run that failed, and this is a scenario's",
      hint: 'nslab run RUN/plan.json --shrink',
    })
  if (budget === undefined && gate === undefined) return
  throw new NslabError('USAGE', { problem: '--budget and --gate go with --shrink', hint: 'See nslab run --help.' })
}

function parseBudget(text: string): number {
  const budgetS = parseDuration(text)
  if (budgetS === null || budgetS <= 0) throw new InvalidArgumentError(DURATION_LIMIT)
  return budgetS
}
