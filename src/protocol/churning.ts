// What the soak program and the churn program say to each other over a Channel, and what the latter is told to do.

import type { ChurnFault, ChurnLine, NetnsKind, Operation } from './churn.ts'

export type ConnectionTable = 'shared' | 'own'

/** Sockets of one namespace, by population. All but listeners are counted in connections. */
export interface ChurnSockets {
  readonly pairs: number
  readonly short: number
  readonly halfClosed: number
  readonly timeWait: number
  readonly listeners: number
  readonly families: readonly (4 | 6)[]
}

/** What a churn does, past the parser. */
export interface ChurnSpec {
  /** Alive at a time. */
  readonly namespaces: number
  /** Operations (makes and drops) a second. */
  readonly ratePerS: number
  /** Weights; those left out of the section are 0. */
  readonly kinds: Readonly<Record<NetnsKind, number>>
  readonly sockets: ChurnSockets
  /** Where the kernel looks up its TCP connections: in the machine's one table, or in one of the namespace's own. */
  readonly connectionTable: ConnectionTable
  /** Of namespaces, which live less than `minLifeS`. */
  readonly shortLifeRatio: number
  /** Namespaces that lived at least so long are judged. */
  readonly minLifeS: number
  readonly faults: readonly ChurnFault[]
  readonly faultIntervalS: number
}

/** What `nslab churn --spec` takes, as JSON. */
export interface ChurnTask {
  readonly spec: ChurnSpec
  readonly seed: number
  /** Of churning. */
  readonly duration_s: number
  /** A schedule of its own, in place of the one that spec and seed give; in the order of their times. */
  readonly operations?: readonly Operation[]
}

/** To the churn program, beside `stop` of Command. */
export type ChurnCommand =
  /** Make what is there at the start; answered by `filled`. */
  | { readonly do: 'fill' }
  /** The schedule's time begins; answered by the line `begin`. */
  | { readonly do: 'churn' }
  /**
   * Operations that are due are still carried out, no further one begins; everything made is dropped, and the kernel's
   * word awaited that it is gone. Answered by `drained`; the line `end` came before.
   */
  | { readonly do: 'drain'; readonly deadline_s: number }

/** From the churn program, beside `ready`, `stopped`, `failed` and `event` of Notice. */
export type ChurnNotice =
  /** What is not as it was asked for; it goes on all the same. Before `ready`. */
  | { readonly is: 'warning'; readonly text: string }
  /** All of the first fill is made, or has failed. */
  | { readonly is: 'filled'; readonly namespaces_count: number; readonly failed_count: number }
  | { readonly is: 'churn'; readonly lines: readonly ChurnLine[] }
  /** Once a second, while there is anything. */
  | ({ readonly is: 'churning' } & ChurnFigures)
  /** `remaining`: what the kernel had not removed by the deadline. */
  | { readonly is: 'drained'; readonly remaining: readonly string[] }

export interface ChurnFigures {
  /** Namespaces that were made and not dropped, and those dropped that the kernel still has. */
  readonly alive_count: number
  readonly dropping_count: number
  /** Operations that were carried out or failed. */
  readonly ops_count: number
  readonly failed_count: number
  /** Of the operations since the last such message: the most that one began after it was due. */
  readonly late_max_s: number
}
