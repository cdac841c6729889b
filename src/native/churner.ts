// The churner of the addon: types of what native/binding/churn.cc exports.

import type { ChurnLine, Operation } from '../protocol/churn.ts'
import type { ChurnSockets } from '../protocol/churning.ts'

/** What a churner makes: see src/protocol/churn.ts. */
export interface ChurnerOptions {
  /** Folders of named and of mounted namespaces; both exist. */
  readonly directory: string
  readonly mountedDirectory: string
  /** Path of nslab-hold. */
  readonly holdProgram: string
  /** Native threads that make and drop, 1 to 64. */
  readonly threads: number
  readonly sockets: ChurnSockets
  /**
   * Places of the table of TCP connections that each namespace gets for itself, rounded up to a power of two by the
   * kernel, at most 2^24 (net.ipv4.tcp_child_ehash_entries, Linux 6.1: ENOENT on kernels before). 0: the table of the
   * namespace that the process is in.
   */
  readonly tableEntries: number
  /** CLOCK_MONOTONIC ns that the lines' times count from. */
  readonly originNs: bigint
}

/** Namespaces that come and go at given times, on native threads. */
export interface Churner {
  /**
   * Operations in the order of their times, after those added earlier. `beginNs`: CLOCK_MONOTONIC ns that their `due_s`
   * counts from; those of the fill are done at once. Throws EINVAL where one is no operation: then none is taken.
   */
  add(operations: readonly Operation[], beginNs: bigint): void
  /** What it has by now. `lateMaxS`: of the operations since the last time it was asked. */
  figures(): {
    readonly alive: number
    readonly dropping: number
    readonly ops: number
    readonly failed: number
    readonly lateMaxS: number
  }
  /**
   * Does what is due by now, forgets later operations, drops everything, and waits until the kernel has removed it.
   * Resolves, after the last line, with the numbers of the namespaces that were left at the deadline; what had not
   * begun by then fails with ECANCELED.
   */
  drain(deadlineMs: number): Promise<readonly number[]>
  /** Lets go of everything that is left, without a line about it. */
  close(): Promise<void>
}

export interface ChurnerConstructor {
  /** `onLines` hears what was done, in batches: all kinds of ChurnLine but `begin` and `end`. */
  open(options: ChurnerOptions, onLines: (lines: readonly ChurnLine[]) => void): Promise<Churner>
}
