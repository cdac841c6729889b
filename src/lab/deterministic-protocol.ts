// What goes into a deterministic guest, and what comes out.

import type { ErrorCode, Facts } from '../base/errors.ts'
import type { Scenario } from '../config/types.ts'
import type { Progress } from './progress.ts'

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
}

/** The first line of the results; the packed run folder follows, where there is one. */
export interface GuestOutcome {
  /** Why nothing was run. */
  readonly error: { readonly code: ErrorCode; readonly facts: Facts } | null
  /** A bug in nslab, with its stack. */
  readonly bug: string | null
  /** What the guest's disk said to the run folder. */
  readonly disk: { readonly code: ErrorCode; readonly facts: Facts } | null
  /** The guest's uptime at the end, and how much of it was idle. */
  readonly guest_s: number
  readonly guest_idle_s: number
}

/** A line on the console, after `nslab-run [12.345]: `. */
export type GuestSaid = { readonly progress: Progress } | { readonly warning: string }
