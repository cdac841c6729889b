// What `nslab run` and the soak program say to each other over a Channel. The soak program runs on the site: it starts
// churn and observer, each as a process of its own, reads what both say, and tells it with the times of its kernel.

import type { ChurnLine } from './churn.ts'
import type { ObservedLine } from './observed.ts'
import type { Sample } from './sample.ts'

/** A process of the soak, as samples show it. */
export type SoakRole = 'observer' | 'churn' | 'database' | 'soak'

/** To the soak program. */
export type SoakCommand =
  /** Start the observer and what it needs. Answered by `ready`. */
  | { readonly do: 'prepare' }
  /** Make what is there at the start; answered by `filled`. */
  | { readonly do: 'fill' }
  /** Churn begins, by the schedule of the plan. */
  | { readonly do: 'churn' }
  /** A fault of the scenario, felt by a process of the soak. Answered by `fault_done`. */
  | { readonly do: 'fault'; readonly number: number; readonly op: SoakFault; readonly for_s: number }
  /** No operation begins any more; everything made is removed, and the observer must see that. Answered by `drained`. */
  | { readonly do: 'drain'; readonly deadline_s: number }
  /** End all in order; answered by `stopped` of Notice, then exit. */
  | { readonly do: 'stop'; readonly deadline_s: number }

/**
 * pause: SIGSTOP and SIGCONT, of the observer or of churn itself, whose operations are then late. kill: SIGKILL, and it
 * is started again. restart: the database server ends in order and comes back.
 */
export type SoakFault = 'pause_observer' | 'kill_observer' | 'restart_database' | 'pause_churn'

/** From the soak program, beside `event`, `ready`, `stopped` and `failed` of Notice. */
export type SoakNotice =
  | { readonly is: 'filled'; readonly namespaces_count: number }
  /** What is not as the scenario has it; the soak goes on all the same. */
  | { readonly is: 'warning'; readonly text: string }
  /** The network namespace that all of its processes are in. */
  | { readonly is: 'netns'; readonly inode: number; readonly cookie: string }
  /** The observer's memory control group, a path of the machine's: whoever outlives the soak program removes it. */
  | { readonly is: 'memory_group'; readonly folder: string }
  | { readonly is: 'drained'; readonly remaining: readonly string[] }
  | { readonly is: 'fault_done'; readonly number: number; readonly felt: boolean; readonly words: string }
  /** For the live view: what is there now. */
  | { readonly is: 'pulse'; readonly t_s: number; readonly figures: Readonly<Record<string, number>> }
  | { readonly is: 'churn'; readonly lines: readonly ChurnLine[] }
  | { readonly is: 'observed'; readonly lines: readonly ObservedLine[] }
  /** Of its own processes: their numbers are those of its PID namespace, so nobody else can look. */
  | { readonly is: 'sample'; readonly sample: Sample }
  /** Its processes now, each time that one has started or ended. */
  | { readonly is: 'processes'; readonly processes: readonly { readonly role: SoakRole; readonly pid: number }[] }
