// What `nslab run` and the program of a load of connections say to each other over a Channel. The program runs on the
// site, opens, holds, proves and closes the connections by itself, and says where it is.

import type { Sample } from './sample.ts'

/** The stages of a load, in order. */
export const loadStages = ['prepare', 'open', 'hold', 'prove', 'close', 'end'] as const
export type LoadStage = (typeof loadStages)[number]

/** To the program, beside `stop`. */
export type LoadCommand =
  /** Begin; answered by `stage` at each of them, and by `loaded` at last. */
  { readonly do: 'load' } | { readonly do: 'stop'; readonly deadline_s: number }

/** From the program, beside `event`, `ready`, `stopped` and `failed` of Notice. */
export type LoadNotice =
  | { readonly is: 'stage'; readonly stage: LoadStage }
  /** For the live view, once a second. */
  | { readonly is: 'pulse'; readonly figures: Readonly<Record<string, number>> }
  /** Its processes are numbered in a PID namespace of its own, so nobody else can look. */
  | { readonly is: 'sample'; readonly sample: Sample }
  /** `figures`: metrics; what is not known is left out. `record`: everything that was counted, for the run folder. */
  | {
      readonly is: 'loaded'
      readonly figures: Readonly<Record<string, number>>
      readonly notes: readonly string[]
      readonly record: unknown
    }
