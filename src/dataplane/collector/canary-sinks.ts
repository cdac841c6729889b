// Canaries of what reaches the sink: rows lost, doubled, booked wrongly or dropped, and lines that come late.

import type { RowBatch, RowCounts, Sink } from './types.ts'

/** Splits off every so manieth row of all. */
function splitter(of: number): (batch: RowBatch) => { readonly chosen: RowBatch; readonly others: RowBatch } {
  let count = 0
  return batch => {
    const isChosen = batch.rows.map(() => ++count % of === 0)
    return {
      chosen: { ...batch, rows: batch.rows.filter((_, at) => isChosen[at]) },
      others: { ...batch, rows: batch.rows.filter((_, at) => !isChosen[at]) },
    }
  }
}

export function losing(of: number): (batch: RowBatch) => RowBatch[] {
  const split = splitter(of)
  return batch => [split(batch).others]
}

export function doubling(of: number): (batch: RowBatch) => RowBatch[] {
  const split = splitter(of)
  return batch => [batch, split(batch).chosen]
}

/** To the namespace that rows came from before. */
export function misattributing(of: number): (batch: RowBatch) => RowBatch[] {
  const split = splitter(of)
  let [before, last] = ['', '']
  return batch => {
    if (batch.netns !== last) [before, last] = [last, batch.netns]
    if (before === '') return [batch]
    const { chosen, others } = split(batch)
    return [others, { ...chosen, netns: before }]
  }
}

/** What a canary changes of it. */
export const passing = (
  sink: Sink,
  change: Partial<Pick<Sink, 'rows' | 'line'>>,
  counts: () => RowCounts = () => sink.counts,
): Sink => ({
  get counts() {
    return counts()
  },
  get linesDropped() {
    return sink.linesDropped
  },
  get linesRefused() {
    return sink.linesRefused
  },
  get pendingBytes() {
    return sink.pendingBytes
  },
  rows: batch => sink.rows(batch),
  line: line => sink.line(line),
  room: () => sink.room(),
  close: deadlineMs => sink.close(deadlineMs),
  ...change,
})

/** Says how many rows it took, as one does that was full for the others. */
export const slowSink =
  (of: number) =>
  (sink: Sink): Sink => {
    const split = splitter(of)
    return passing(sink, { rows: batch => sink.rows(split(batch).others) })
  }

/** With the time at which it is told, as one has that learns of it late. */
export const late = (sink: Sink, seconds: number): Sink =>
  passing(sink, {
    line: line => {
      if (line.is !== 'netns_gone') return sink.line(line)
      const mono_s = line.mono_s + seconds
      setTimeout(() => sink.line({ ...line, at_s: line.at_s + seconds, mono_s }), seconds * 1000).unref()
    },
  })

/** A place that says it has stored what it has not: of every so manieth poll there is neither row nor line. */
export function losingPolls(sink: Sink, of: number): Sink {
  let lost = 0
  const isLost = (poll: number): boolean => poll % of === 0
  return passing(
    sink,
    {
      rows: batch => {
        if (!isLost(batch.poll)) return sink.rows(batch)
        lost += batch.rows.length
        return batch.rows.length
      },
      line: line => {
        if (line.is !== 'poll' || !isLost(line.poll)) sink.line(line)
      },
    },
    () => ({ ...sink.counts, sent: sink.counts.sent + lost, stored: sink.counts.stored + lost }),
  )
}

/** A sink that other rows reach than it was given. */
export function spoiled(sink: Sink, spoil: (batch: RowBatch) => readonly RowBatch[]): Sink {
  return passing(sink, {
    rows: batch => {
      let dropped = 0
      for (const part of spoil(batch)) dropped += part.rows.length - sink.rows(part)
      return Math.max(0, batch.rows.length - dropped)
    },
  })
}
