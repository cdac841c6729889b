// Counting frames so that the sums come out: what came in left, waits, or was dropped for a reason.

/** Frames and their bytes, without the length that precedes each on a stream. */
export interface Tally {
  readonly frames: number
  readonly bytes: number
}

/** Why a frame that was meant for a port never got there. */
export const dropReasons = ['cut', 'loss', 'queue_full', 'port_gone'] as const

export type DropReason = (typeof dropReasons)[number]

/** Frames on one lane, or on several together. offered = sent + queued + all that was dropped. */
export interface Ledger {
  readonly offered: Tally
  /** Handed over to the port's socket. */
  readonly sent: Tally
  readonly queued: Tally
  /** Of those offered, the ones that conditions made wait; they are in `sent`, `queued` or `dropped`, too. */
  readonly delayed: Tally
  readonly dropped: Readonly<Record<DropReason, Tally>>
}

export class Counter implements Tally {
  frames = 0
  bytes = 0

  add(frames: number, bytes: number): void {
    this.frames += frames
    this.bytes += bytes
  }

  snapshot(): Tally {
    return { frames: this.frames, bytes: this.bytes }
  }
}

export class LaneLedger implements Ledger {
  readonly offered = new Counter()
  readonly sent = new Counter()
  readonly queued = new Counter()
  readonly delayed = new Counter()
  readonly dropped: Readonly<Record<DropReason, Counter>> = {
    cut: new Counter(),
    loss: new Counter(),
    queue_full: new Counter(),
    port_gone: new Counter(),
  }

  /** From the queue to its end: sent, or dropped where `reason` says so. */
  settle(frames: number, bytes: number, reason: DropReason | null): void {
    this.queued.add(-frames, -bytes)
    const end = reason === null ? this.sent : this.dropped[reason]
    end.add(frames, bytes)
  }
}

/** The sum of several ledgers, as they stand. */
export function sumOf(ledgers: Iterable<Ledger>): Ledger {
  const sum = new LaneLedger()
  for (const ledger of ledgers) {
    for (const name of ['offered', 'sent', 'queued', 'delayed'] as const)
      sum[name].add(ledger[name].frames, ledger[name].bytes)
    for (const name of dropReasons) sum.dropped[name].add(ledger.dropped[name].frames, ledger.dropped[name].bytes)
  }
  return {
    offered: sum.offered.snapshot(),
    sent: sum.sent.snapshot(),
    queued: sum.queued.snapshot(),
    delayed: sum.delayed.snapshot(),
    dropped: {
      cut: sum.dropped.cut.snapshot(),
      loss: sum.dropped.loss.snapshot(),
      queue_full: sum.dropped.queue_full.snapshot(),
      port_gone: sum.dropped.port_gone.snapshot(),
    },
  }
}
