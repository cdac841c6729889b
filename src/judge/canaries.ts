// Canaries: a fault each, put into a running soak on purpose, which a gate must catch. Whether it did, and that nothing
// else turned, is judged from the report alone.

import type { GateVerdict, Report } from './types.ts'

export interface Canary {
  readonly name: string
  /** A clause: what is wrong with the system while it runs. */
  readonly fault: string
  /** Keys of the scenario that put it in, as --set takes them. */
  readonly set: readonly string[]
  /** The gate that must turn. */
  readonly gate: string
  /** What it must turn to: a soak in which too little was done proves nothing, so there it is unknown. */
  readonly verdict: 'fail' | 'unknown'
  /** Gates that may turn as well, for the same fault shows there, too. */
  readonly mayTurn: readonly string[]
}

export interface CanaryFinding {
  readonly canary: Canary
  /** The own gate's verdict; null: the report has none of it. */
  readonly seen: GateVerdict | null
  /** Empty: caught, and nothing else turned. */
  readonly problems: readonly string[]
}

const turned = ({ verdict }: GateVerdict): boolean => verdict === 'fail' || verdict === 'unknown'

/** Judges one canary's run. */
export function judgeCanary(canary: Canary, report: Report): CanaryFinding {
  const seen = report.gates.find(({ name }) => name === canary.gate) ?? null
  const problems: string[] = []
  if (report.error !== undefined) problems.push(`the run ended with ${report.error.code}: ${report.error.message}`)
  if (seen === null) problems.push(`the scenario has no gate ${canary.gate}`)
  else if (seen.verdict !== canary.verdict)
    problems.push(`${canary.gate} is ${seen.verdict}, and must be ${canary.verdict}: ${seen.evidence}`)
  for (const gate of report.gates)
    if (gate.name !== canary.gate && turned(gate) && !canary.mayTurn.includes(gate.name))
      problems.push(`${gate.name} is ${gate.verdict} as well: ${gate.evidence}`)
  return { canary, seen, problems }
}

/** What is wrong with a run without any canary: every gate has to pass. */
export function judgeControl(report: Report): readonly string[] {
  const error = report.error === undefined ? [] : [`the run ended with ${report.error.code}: ${report.error.message}`]
  const gates = report.gates.filter(({ verdict }) => verdict !== 'pass')
  return [...error, ...gates.map(gate => `${gate.name} is ${gate.verdict} without a canary: ${gate.evidence}`)]
}

/** Gates of a report that no canary of these turns: nobody has shown that they can. */
export function unprovenGates(report: Report, canaries: readonly Canary[]): readonly string[] {
  const proven = new Set(canaries.map(({ gate }) => gate))
  return report.gates.map(({ name }) => name).filter(name => !proven.has(name))
}
