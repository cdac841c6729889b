// Every gate shown to turn on its canary: runs of the scenario selfcheck, each with one fault put into the running
// system, and one without, which has to pass.

import { join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { ExitCode } from '../../base/exit-codes.ts'
import { type Canary, type CanaryFinding, judgeCanary, judgeControl, unprovenGates } from '../../judge/canaries.ts'
import { readHistory } from '../../judge/history.ts'
import { judge } from '../../judge/judge.ts'
import type { Report, SeenRed } from '../../judge/types.ts'
import { type Nslab, runChild } from '../run/child-run.ts'
import { EMULATED } from './canaries.ts'

export interface SelfcheckOptions {
  readonly canaries: readonly Canary[]
  /** Name of a scenario, or its path. */
  readonly scenario: string
  /** Further keys of the scenario, for all runs alike. */
  readonly set: readonly string[]
  /** The runs' guests are emulated. */
  readonly isEmulated: boolean
  /** Run folders are made in here, one a canary and "control". */
  readonly folder: string
  /** How many runs at once. */
  readonly jobs: number
  /** Absent: this one. */
  readonly program?: Nslab | undefined
  /** Ends the runs in order; the reason is a signal's name. */
  readonly signal: AbortSignal
  /** Ends them at once. */
  readonly hurried: AbortSignal
  readonly onStart: (name: string) => void
  readonly onEnd: (name: string, problems: readonly string[]) => void
}

export interface SelfcheckResult {
  /** What is wrong with the run without a canary; empty: it passed. */
  readonly control: readonly string[]
  readonly findings: readonly CanaryFinding[]
  /** Gates that no canary turned. */
  readonly unproven: readonly string[]
  readonly report: Report
}

/** A run of some seconds; a machine that takes longer is not fit for it. Emulated ones churn for longer, and boot. */
const RUN_LIMIT_S = { usual: 300, emulated: 1200 } as const

/**
 * Runs all; what was not as it should be is run once more, alone, and counts as it is then: a fault of a gate or of a
 * canary comes again, a stumble of a busy machine does not. Throws INTERRUPTED, and what a run that left no folder
 * said.
 */
export async function selfcheck(options: SelfcheckOptions): Promise<SelfcheckResult> {
  const { canaries, jobs, onStart, onEnd } = options
  const findings = new Map<Canary, CanaryFinding>()
  let control: Pick<SelfcheckResult, 'control' | 'report'> | null = null
  /** Says what is wrong. */
  const check = async (canary: Canary | null, name: string): Promise<readonly string[]> => {
    onStart(name)
    const emulated = options.isEmulated ? (canary?.emulated ?? []) : []
    const report = await reportOf(options, name, [...(canary?.set ?? []), ...emulated])
    if (canary === null) {
      control = { control: judgeControl(report), report }
      onEnd(name, control.control)
      return control.control
    }
    const finding = judgeCanary(canary, report)
    findings.set(canary, finding)
    onEnd(name, finding.refused === null ? finding.problems : [`could not be put in: ${finding.refused}`])
    return finding.problems
  }
  // The longest first, so that none runs alone at the end.
  const waiting: (Canary | null)[] = [null, ...canaries].sort((one, other) => weightOf(other) - weightOf(one))
  const again: (Canary | null)[] = []
  const work = async (): Promise<void> => {
    for (let canary = waiting.shift(); canary !== undefined; canary = waiting.shift())
      if ((await check(canary, nameOf(canary))).length > 0) again.push(canary)
  }
  // What one of them throws is told when the others' runs have ended, too.
  const ends = await Promise.allSettled(
    Array.from({ length: jobs }, () =>
      work().catch((error: unknown) => {
        waiting.length = 0
        throw error
      }),
    ),
  )
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  for (const canary of again) await check(canary, `${nameOf(canary)}-again`)
  if (control === null) throw new Error('the run without a canary was left out')
  const inOrder = canaries.flatMap(canary => findings.get(canary) ?? [])
  const proving = inOrder.flatMap(({ canary, refused }) => (refused === null ? canary : []))
  const { control: problems, report } = control as Pick<SelfcheckResult, 'control' | 'report'>
  return { control: problems, findings: inOrder, unproven: unprovenGates(report, proving), report }
}

const nameOf = (canary: Canary | null): string => canary?.name ?? 'control'

/** How long it churns, s; the scenario's own time is the longest. */
function weightOf(canary: Canary | null): number {
  const hold = canary?.set.flatMap(key => /^run\.hold=(\d+)s$/.exec(key)?.[1] ?? []).at(-1)
  return hold === undefined ? Number.MAX_SAFE_INTEGER : Number(hold)
}

/** What a run came to, judged from its folder. */
async function reportOf(options: SelfcheckOptions, name: string, own: readonly string[]): Promise<Report> {
  const { scenario, set, folder, isEmulated, program, signal, hurried } = options
  const interrupted = (): NslabError => new NslabError('INTERRUPTED', { signal: signal.reason })
  if (signal.aborted) throw interrupted()
  const out = join(folder, name)
  const keys = [...(isEmulated ? EMULATED : []), ...set, ...own].flatMap(key => ['--set', key])
  const { code, status, lastWords } = await runChild({
    args: [scenario, '--out', out, ...keys],
    signals: [signal, hurried],
    limitS: RUN_LIMIT_S[isEmulated ? 'emulated' : 'usual'],
    program,
  })
  if (signal.aborted) throw interrupted()
  try {
    return judge(readHistory(out))
  } catch (cause) {
    const process = `nslab run (${name})`
    // It was refused before it began: that is the selfcheck's own end.
    if (code === ExitCode.usage || code === ExitCode.notFit) {
      const message = lastWords.replace(/^nslab: error: /, '')
      throw new NslabError('PROGRAM_FAILED', { process, failure: { exit_code: code, message } }, { cause })
    }
    throw new NslabError('PROCESS_ENDED', { process, status, lastWords }, { cause })
  }
}

/** What the canary book keeps of it: the gates that turned as they should. */
export function seenRed({ findings, report }: SelfcheckResult, at: string): Record<string, SeenRed> {
  const { versions, commit } = report.environment
  return Object.fromEntries(
    findings
      .filter(({ problems, refused }) => problems.length === 0 && refused === null)
      .flatMap(({ canary }) =>
        canary.gates.map(gate => [gate, { at, version: versions.nslab ?? '', commit, canary: canary.name }]),
      ),
  )
}
