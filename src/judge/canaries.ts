// Canaries: a fault each, put into a running soak on purpose, which a gate must catch. Whether it did, and that nothing
// else turned, is judged from the report alone.

import { BEYOND_LEVEL } from './gates.ts'
import type { GateVerdict, Report } from './types.ts'

export interface Canary {
  readonly name: string
  /** A clause: what is wrong with the system while it runs. */
  readonly fault: string
  /** Keys of the scenario that put it in, as --set takes them. */
  readonly set: readonly string[]
  /** More of them, where guests are emulated: what is too fast for those. */
  readonly emulated?: readonly string[]
  /** The gates that must turn, the first above all; each is proven by it. */
  readonly gates: readonly string[]
  /** What they must turn to: a soak in which too little was done proves nothing, so there it is unknown. */
  readonly verdict: 'fail' | 'unknown'
  /** Gates that may fail as well, for the same fault shows there, too. What is unknown beside it proves nothing. */
  readonly mayTurn: readonly string[]
  /** What the fault takes that not every machine gives; where it is missing the run is refused, and nothing proven. */
  readonly needs?: string
}

export interface CanaryFinding {
  readonly canary: Canary
  /** The own gates' verdicts, in their order; null: the report has none of it. */
  readonly seen: readonly (GateVerdict | null)[]
  /** Empty: caught, and nothing else turned. */
  readonly problems: readonly string[]
  /** Why the fault could not be put in on this machine; null: it was. */
  readonly refused: string | null
}

/** Whether a gate has failed that should not. */
const strays = ({ gates, mayTurn }: Canary, { name, verdict }: GateVerdict): boolean =>
  verdict === 'fail' && !gates.includes(name) && !mayTurn.includes(name)

/** Whether nothing can be said of a gate here, for it holds at other levels: the machine lacks what it takes. */
const isBeyondLevel = (gate: GateVerdict | null): boolean =>
  gate?.verdict === 'not_applicable' && gate.evidence.startsWith(BEYOND_LEVEL)

/** Judges one canary's run. */
export function judgeCanary(canary: Canary, report: Report): CanaryFinding {
  const seen = canary.gates.map(name => report.gates.find(gate => gate.name === name) ?? null)
  if (canary.needs !== undefined && report.error?.code === 'NOT_FIT')
    return { canary, seen, problems: [], refused: `${canary.needs}: ${report.error.message}` }
  const beyond = seen.filter(isBeyondLevel)
  if (beyond.length > 0 && beyond.length === seen.length)
    return { canary, seen, problems: [], refused: `${canary.gates[0]} ${beyond[0]?.evidence}` }
  const problems: string[] = []
  if (report.error !== undefined) problems.push(`the run ended with ${report.error.code}: ${report.error.message}`)
  for (const [index, name] of canary.gates.entries()) {
    const gate = seen[index]
    if (!gate) problems.push(`the scenario has no gate ${name}`)
    else if (gate.verdict !== canary.verdict && !isBeyondLevel(gate))
      problems.push(`${name} is ${gate.verdict}, and must be ${canary.verdict}: ${gate.evidence}`)
  }
  for (const gate of report.gates)
    if (strays(canary, gate)) problems.push(`${gate.name} fails as well: ${gate.evidence}`)
  return { canary, seen, problems, refused: null }
}

/** What is wrong with a run without any canary: every gate has to pass. */
export function judgeControl(report: Report): readonly string[] {
  const error = report.error === undefined ? [] : [`the run ended with ${report.error.code}: ${report.error.message}`]
  const gates = report.gates.filter(gate => gate.verdict !== 'pass' && !isBeyondLevel(gate))
  return [...error, ...gates.map(gate => `${gate.name} is ${gate.verdict} without a canary: ${gate.evidence}`)]
}

/** Gates of a report that no canary of these turns: nobody has shown that they can. */
export function unprovenGates(report: Report, canaries: readonly Canary[]): readonly string[] {
  const proven = new Set(canaries.flatMap(({ gates }) => gates))
  return report.gates.map(({ name }) => name).filter(name => !proven.has(name))
}
