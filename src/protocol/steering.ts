// What `nslab run` and the programs it starts say to each other over a Channel, host and guest alike.

import type { RunEvent } from './events.ts'

/** To a controller or dataplane. */
export type Command =
  /** dataplane: build the fabric and join. */
  | { readonly do: 'build' }
  /** dataplane: where is this node's namespace? Answered by `netns`. */
  | { readonly do: 'netns'; readonly node_id: number }
  /** controller: which ids has the barrier not seen? Answered by `missing`. */
  | { readonly do: 'missing' }
  /**
   * End in order: nodes leave, the fabric is torn down and verified, rows are flushed; answered by `stopped`, then
   * exit.
   */
  | { readonly do: 'stop'; readonly deadline_s: number }

/** From a controller or dataplane. */
export type Notice =
  | { readonly is: 'event'; readonly event: RunEvent }
  /** The program has done all it can before being told more (listening, database ready or given up; addon loaded). */
  | { readonly is: 'ready'; readonly pid: number }
  | { readonly is: 'netns'; readonly node_id: number; readonly pid: number; readonly fd: number }
  /** Ids of the plan that are not connected now, and those connected whose links are not all up. */
  | { readonly is: 'missing'; readonly not_connected: readonly number[]; readonly not_ready: readonly number[] }
  /** Last message. `facts` are numbers for the outcome (teardown_s, …) and names left behind. */
  | { readonly is: 'stopped'; readonly facts: Readonly<Record<string, number>>; readonly remaining: readonly string[] }
  /** The program can't go on; it exits with `exit_code` after this. */
  | {
      readonly is: 'failed'
      readonly code: string
      readonly message: string
      readonly hint?: string
      readonly exit_code: number
    }
