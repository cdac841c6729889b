// What `nslab run --keep` and the process that keeps the VMs say to each other: JSON lines over one descriptor. The
// keeper does the whole run, in a session of its own, so that the VMs it has started can outlive the command.

import type { Scenario } from '../../config/types.ts'
import type { SentError } from '../../protocol/sent-error.ts'
import type { Progress } from '../run/progress.ts'
import type { RepeatedPlan } from '../run/run.ts'

/** Argument of nslab by which it is a keeper. */
export const KEEPER_COMMAND = 'keep-run'
/** Its descriptor of the channel. */
export const KEEPER_FD = 3

export type ToKeeper =
  | {
      readonly do: 'run'
      readonly scenario: Scenario
      readonly scenario_text: string
      readonly base: string
      readonly repeated?: RepeatedPlan
    }
  /** End the run in order: the signal that was to do so. */
  | { readonly do: 'interrupt'; readonly signal: string }
  | { readonly do: 'hurry'; readonly signal: string }

export type FromKeeper =
  | { readonly is: 'progress'; readonly progress: Progress }
  | { readonly is: 'folder'; readonly path: string }
  | { readonly is: 'warning'; readonly message: string }
  | ({ readonly is: 'over' } & KeptRun)
  /** There was no run: why. */
  | { readonly is: 'failed'; readonly error: SentError }

/** A run that has ended. */
export interface KeptRun {
  readonly folder: string
  readonly disk_error: SentError | null
  readonly bug: SentError | null
  /** VMs that stay with the keeper; where there are none, it ends now. */
  readonly kept: readonly string[]
}
