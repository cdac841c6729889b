// The attempts of a shrinking: each a run of its own in a child process, judged from its folder, within the time given.

import { join } from 'node:path'
import { type Clock, secondsSince } from '../../base/clock.ts'
import { NslabError } from '../../base/errors.ts'
import { readHistory } from '../../judge/history.ts'
import { judge } from '../../judge/judge.ts'
import type { Report } from '../../judge/types.ts'
import type { Answer, Schedule, Step } from '../../lab/churn/shrink.ts'
import { planToJson } from '../../lab/plan/plan.ts'
import { planWithSchedule } from '../../lab/plan/soak.ts'
import { writeFileAtomic } from '../../lab/run-folder/disk.ts'
import type { Plan } from '../../plan.ts'
import { type Nslab, runChild } from '../run/child-run.ts'

export interface ShrinkRunsOptions {
  readonly plan: Plan
  /** Name of the gate that has to fail. */
  readonly gate: string
  /** `attempt-1.json` and the run folder `attempt-1`, … are made in here. */
  readonly folder: string
  readonly budgetS: number
  /** What a run takes beside its churning. */
  readonly overheadS: number
  /** Absent: this one. */
  readonly program?: Nslab | undefined
  readonly clock: Clock
  /** Ends the attempt in order; the reason is a signal's name. */
  readonly signal: AbortSignal
  /** Ends it at once. */
  readonly hurried: AbortSignal
  readonly say: (line: string) => void
}

/** A run that takes so much longer than others did hangs. */
const HANG_FACTOR = 3
const HANG_S = 120

export class ShrinkRuns {
  /** Attempts that were made. */
  count = 0
  readonly #options: ShrinkRunsOptions
  readonly #startNs: bigint
  #overheadS: number

  constructor(options: ShrinkRunsOptions) {
    this.#options = options
    this.#startNs = options.clock.nowNs()
    this.#overheadS = options.overheadS
  }

  /** Whether a run of so much churning would end within the time given. */
  fits(durationS: number): boolean {
    return !this.#options.signal.aborted && durationS + this.#overheadS <= this.#leftS
  }

  get #leftS(): number {
    return this.#options.budgetS - secondsSince(this.#options.clock, this.#startNs)
  }

  /** Throws PROCESS_ENDED where nslab could not run it at all. */
  async attempt(schedule: Schedule, step: Step): Promise<Answer> {
    if (!this.fits(schedule.durationS)) return 'over'
    const { gate, folder, plan, clock, signal, say } = this.#options
    const name = `attempt-${++this.count}`
    const file = join(folder, `${name}.json`)
    writeFileAtomic(file, planToJson(planWithSchedule(plan, schedule)), 0o600)
    const startNs = clock.nowNs()
    const report = await this.#run(name, file, schedule.durationS)
    if (report === null || signal.aborted) return 'over'
    this.#overheadS = Math.max(this.#overheadS, secondsSince(clock, startNs) - schedule.durationS)
    const seen = report.gates.find(({ name }) => name === gate)
    const breaks = report.verdict === 'fail' && seen?.verdict === 'fail'
    const ended = report.error === undefined ? '' : `, ended with ${report.error.code}`
    say(
      `${name} (${WORDS[step]}): ${schedule.operations.length} operations in ${schedule.durationS} s: ` +
        `${breaks ? 'fails' : 'does not fail'} ${gate} (${shown(seen?.observed)})${ended}; ` +
        `${Math.max(0, Math.round(this.#leftS))} s left`,
    )
    return breaks ? 'breaks' : 'holds'
  }

  /** Null: it was interrupted. */
  async #run(name: string, file: string, durationS: number): Promise<Report | null> {
    const { program, folder, signal, hurried } = this.#options
    const out = join(folder, name)
    const limitS = HANG_FACTOR * (durationS + this.#overheadS) + HANG_S
    const signals = [signal, hurried]
    const { status, lastWords } = await runChild({ args: [file, '--out', out], signals, limitS, program })
    if (signal.aborted) return null
    try {
      return judge(readHistory(out))
    } catch (cause) {
      throw new NslabError('PROCESS_ENDED', { process: `nslab run (${name})`, status, lastWords }, { cause })
    }
  }
}

const shown = (observed: number | null | undefined): string =>
  observed === null || observed === undefined ? 'no value' : String(Number(observed.toPrecision(4)))

const WORDS: Readonly<Record<Step, string>> = {
  beginning: 'a shorter beginning',
  namespaces: 'fewer namespaces made',
  fill: 'fewer at the start',
  rest: 'an earlier end',
}
