// The ledger: what a run truly did to the machine, an intent on disk before each deed and its outcome after it.
// Observers are judged against it, and a crash leaves at most this file.

import { type Clock, secondsSince } from '../../base/clock.ts'
import type { LedgerEntry } from '../../judge/types.ts'
import type { LineWriter } from './disk.ts'

/** What an entry says beside its time, operation and state. */
export type LedgerFacts = Readonly<Record<string, unknown>>

export class Ledger {
  readonly #lines: LineWriter<LedgerEntry>
  readonly #clock: Clock
  readonly #originNs: bigint
  readonly #mayThrow: () => boolean

  /** `mayThrow`: whether an intent that can't be written is an error, or (while ending in order) is only remembered. */
  constructor(lines: LineWriter<LedgerEntry>, clock: Clock, originNs: bigint, mayThrow: () => boolean) {
    this.#lines = lines
    this.#clock = clock
    this.#originNs = originNs
    this.#mayThrow = mayThrow
  }

  /** In the file when this returns; the deed may follow. Throws DISK_REFUSED: then the deed must not be done. */
  intent(op: string, facts: LedgerFacts = {}): void {
    const entry = this.#entry(op, 'intent', facts)
    if (this.#mayThrow()) this.#lines.appendNow(entry)
    else this.#lines.append(entry)
  }

  /** The deed is done. Never throws for the disk. */
  done(op: string, facts: LedgerFacts = {}): void {
    this.#lines.append(this.#entry(op, 'done', facts))
  }

  /** The deed failed, and what it left was undone. Never throws for the disk. */
  failed(op: string, facts: LedgerFacts = {}): void {
    this.#lines.append(this.#entry(op, 'failed', facts))
  }

  #entry(op: string, state: LedgerEntry['state'], facts: LedgerFacts): LedgerEntry {
    return { t_s: secondsSince(this.#clock, this.#originNs), op, state, ...facts }
  }
}
