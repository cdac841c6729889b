// Faults put into a collector on purpose, each of which a gate of a soak must catch. They sit between the collector and
// what it stands on: its own code knows nothing of them.

import { openSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { NslabError } from '../../base/errors.ts'
import type { DiscoveryHandlers, Polling } from './parts.ts'
import type { EventLine, RowBatch, RowCounts, Sink } from './types.ts'

export interface CanaryHooks {
  readonly discovery: (handlers: DiscoveryHandlers) => DiscoveryHandlers
  readonly polling: (polling: Polling) => Polling
  readonly sink: (sink: Sink) => Sink
}

/** What `name=value` may be. The value's meaning and default are at each. */
const canaries: Readonly<
  Record<string, { readonly value: number; readonly make: (value: number) => Partial<CanaryHooks> }>
> = {
  /** Descriptors a second. */
  'leak-descriptor': { value: 1, make: perSecond => every(1000 / perSecond, () => void openSync('/dev/null', 'r')) },
  /** Seconds between two. */
  'leak-thread': { value: 5, make: seconds => every(seconds * 1000, () => new Worker(IDLE, { eval: true }).unref()) },
  /** Bytes an hour. */
  'leak-memory': { value: 2e6, make: leakMemory },
  /** Seconds after which no poll ends any more. */
  'stall-poll': { value: 10, make: seconds => ({ polling: polling => stalled(polling, seconds) }) },
  /** One row of so many. */
  'lose-rows': { value: 50, make: of => ({ sink: sink => new Spoiled(sink, losing(of)) }) },
  'double-rows': { value: 50, make: of => ({ sink: sink => new Spoiled(sink, doubling(of)) }) },
  'misattribute-rows': { value: 50, make: of => ({ sink: sink => new Spoiled(sink, misattributing(of)) }) },
  /** One namespace of so many. */
  'miss-namespace': { value: 10, make: of => ({ discovery: handlers => missing(handlers, of) }) },
  /** Seconds. */
  'late-discovery': { value: 1, make: seconds => ({ discovery: handlers => late(handlers, seconds) }) },
  /** One namespace of so many: its netlink socket stays, and holds it. */
  'leak-namespace': { value: 5, make: of => ({ polling: polling => holding(polling, of) }) },
  'exit-silently': {
    value: 10,
    make: seconds => {
      setTimeout(() => process.exit(0), seconds * 1000).unref()
      return {}
    },
  },
}

/** What a thread that stays does. */
const IDLE = 'setInterval(() => {}, 2 ** 30)'

/** Starts these faults. Throws USAGE for one that is not known. */
export function startCanaries(texts: readonly string[]): CanaryHooks {
  const hooks = texts.map(text => {
    const [name = '', value] = text.split('=', 2)
    const canary = canaries[name]
    const number = value === undefined ? canary?.value : Number(value)
    if (canary === undefined || number === undefined || !(number > 0)) {
      throw new NslabError('USAGE', {
        problem: `--canary ${text}: not known`,
        hint: `One of ${Object.keys(canaries).join(', ')}.`,
      })
    }
    return canary.make(number)
  })
  return {
    discovery: handlers => hooks.reduce((inner, hook) => hook.discovery?.(inner) ?? inner, handlers),
    polling: polling => hooks.reduce((inner, hook) => hook.polling?.(inner) ?? inner, polling),
    sink: sink => hooks.reduce((inner, hook) => hook.sink?.(inner) ?? inner, sink),
  }
}

function every(ms: number, action: () => void): Partial<CanaryHooks> {
  setInterval(action, ms).unref()
  return {}
}

function leakMemory(bytesPerHour: number): Partial<CanaryHooks> {
  const kept: Buffer[] = []
  let owed = 0
  return every(1000, () => {
    owed += bytesPerHour / 3600
    // Pages: a buffer's own record would count for more than a few bytes do.
    if (owed < 4096) return
    // Written to, so that it is resident.
    kept.push(Buffer.alloc(owed, 1))
    owed = 0
  })
}

function stalled(polling: Polling, seconds: number): Polling {
  const fromMs = performance.now() + seconds * 1000
  return {
    setFilter: filter => polling.setFilter(filter),
    poll: (number, slots) => (performance.now() < fromMs ? polling.poll(number, slots) : new Promise(() => {})),
    remove: slot => polling.remove(slot),
    close: () => polling.close(),
  }
}

function holding(polling: Polling, of: number): Polling {
  let count = 0
  return {
    setFilter: filter => polling.setFilter(filter),
    poll: (number, slots) => polling.poll(number, slots),
    remove: slot => {
      if (++count % of !== 0) polling.remove(slot)
    },
    close: () => polling.close(),
  }
}

function missing(handlers: DiscoveryHandlers, of: number): DiscoveryHandlers {
  let count = 0
  const ignored = new Set<string>()
  return {
    ...handlers,
    onFound: found => {
      if (++count % of === 0) ignored.add(found.cookie)
      else handlers.onFound(found)
    },
    onGone: cookie => {
      if (!ignored.delete(cookie)) handlers.onGone(cookie)
    },
  }
}

function late(handlers: DiscoveryHandlers, seconds: number): DiscoveryHandlers {
  const waiting = new Map<string, NodeJS.Timeout>()
  return {
    ...handlers,
    onFound: found => {
      const tell = (): void => {
        waiting.delete(found.cookie)
        handlers.onFound(found)
      }
      waiting.set(found.cookie, setTimeout(tell, seconds * 1000).unref())
    },
    onGone: cookie => {
      clearTimeout(waiting.get(cookie))
      if (!waiting.delete(cookie)) handlers.onGone(cookie)
    },
  }
}

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

function losing(of: number): (batch: RowBatch) => RowBatch[] {
  const split = splitter(of)
  return batch => [split(batch).others]
}

function doubling(of: number): (batch: RowBatch) => RowBatch[] {
  const split = splitter(of)
  return batch => [batch, split(batch).chosen]
}

/** To the namespace that rows came from before. */
function misattributing(of: number): (batch: RowBatch) => RowBatch[] {
  const split = splitter(of)
  let [before, last] = ['', '']
  return batch => {
    if (batch.netns !== last) [before, last] = [last, batch.netns]
    if (before === '') return [batch]
    const { chosen, others } = split(batch)
    return [others, { ...chosen, netns: before }]
  }
}

/** A sink that something else reaches than it was given. */
class Spoiled implements Sink {
  readonly #sink: Sink
  readonly #spoil: (batch: RowBatch) => readonly RowBatch[]

  constructor(sink: Sink, spoil: (batch: RowBatch) => readonly RowBatch[]) {
    this.#sink = sink
    this.#spoil = spoil
  }

  get counts(): RowCounts {
    return this.#sink.counts
  }

  get linesDropped(): number {
    return this.#sink.linesDropped
  }

  get pendingBytes(): number {
    return this.#sink.pendingBytes
  }

  rows(batch: RowBatch): number {
    let dropped = 0
    for (const part of this.#spoil(batch)) dropped += part.rows.length - this.#sink.rows(part)
    return Math.max(0, batch.rows.length - dropped)
  }

  line(line: EventLine): void {
    this.#sink.line(line)
  }

  room(): Promise<void> | null {
    return this.#sink.room()
  }

  close(deadlineMs: number): Promise<void> {
    return this.#sink.close(deadlineMs)
  }
}
