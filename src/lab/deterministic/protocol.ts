// What goes into a deterministic guest, and what comes out.

import type { ErrorCode, Facts } from '../../base/errors.ts'
import type { Scenario } from '../../config/types.ts'
import type { PhaseName } from '../../protocol/events.ts'

export const INPUT_SCHEMA = 'nslab.deterministic-input/1'
/** Names in fw_cfg: the run, and the program that init starts in place of the agent. */
export const INPUT_NAME = 'opt/nslab/run'
export const PROGRAM_NAME = 'opt/nslab/agent'

/** All that a guest is told. */
export interface GuestInput {
  readonly schema: typeof INPUT_SCHEMA
  /** Without what only means something on the machine that asked. */
  readonly scenario: Scenario
  readonly scenario_text: string
  /** As environment.json has it: "tcg (QEMU 7.2.22)". */
  readonly accelerator: string
  /** For the report. */
  readonly notes: readonly string[]
  /** A line this often on the console, in s of the guest: who watches it knows that the guest lives. */
  readonly beat_s: number
}

export interface SentError {
  readonly code: ErrorCode
  readonly facts: Facts
}

/** The first line of the results; the packed run folder follows, where there is one. */
export interface GuestOutcome {
  /** Why nothing was run. */
  readonly error: SentError | null
  /** A bug in nslab, with its stack. */
  readonly bug: string | null
  /** What the guest's disk said to the run folder. */
  readonly disk: SentError | null
  /** The guest's uptime at the end, and how much of it was idle. */
  readonly guest_s: number
  readonly guest_idle_s: number
}

/** How far the run is: a line on the console. */
export interface GuestProgress {
  readonly phase: PhaseName
  readonly done: number
  readonly total: number
  readonly what: string
}

/** `nslab-run [12.345]: wire, 3 of 5 nodes wired` */
export const progressLine = (guestS: number, { phase, done, total, what }: GuestProgress): string =>
  `nslab-run [${guestS.toFixed(3)}]: ${phase}${total === 0 ? '' : `, ${done} of ${total}`}${what === '' ? '' : ` ${what}`}`

const PROGRESS_LINE = /^nslab-run \[(\d+\.\d+)\]: ([a-z]+)(?:, (\d+) of (\d+))?(?: (.*))?$/

/** Null where the line is no progress. */
export function parseProgressLine(line: string): (GuestProgress & { readonly guestS: number }) | null {
  const [, guestS, phase, done = '0', total = '0', what = ''] = PROGRESS_LINE.exec(line) ?? []
  if (guestS === undefined || phase === undefined) return null
  return { guestS: Number(guestS), phase: phase as PhaseName, done: Number(done), total: Number(total), what }
}
