// Faults put into a collector on purpose, each of which a gate of a soak must catch. They sit between the collector and
// what it stands on: its own code knows nothing of them.

import { openSync, writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { NslabError } from '../../base/errors.ts'
import {
  blindToSockets,
  forgetful,
  ghostNamespaces,
  late,
  missing,
  takeNames,
  unforgetting,
} from './canary-namespaces.ts'
import {
  cutting,
  ghostSockets,
  holding,
  missingSockets,
  releasingLate,
  skipping,
  slowed,
  stalled,
} from './canary-polls.ts'
import { doubling, late as lateLines, losing, losingPolls, misattributing, slowSink, spoiled } from './canary-sinks.ts'
import type { DiscoveryHandlers, OnRows, Polling } from './parts.ts'
import type { Sink } from './types.ts'

export interface CanaryHooks {
  readonly discovery: (handlers: DiscoveryHandlers) => DiscoveryHandlers
  /** Rows on their way from the poller to the collector, which has not counted them. */
  readonly rows: (onRows: OnRows) => OnRows
  readonly polling: (polling: Polling) => Polling
  readonly sink: (sink: Sink) => Sink
}

/** What `name=value` may be. The value's meaning and default are at each. */
const canaries: Readonly<
  Record<string, { readonly value: number; readonly make: (value: number) => Partial<CanaryHooks> }>
> = {
  /** Descriptors a second. */
  'leak-descriptor': { value: 1, make: perSecond => every(1 / perSecond, () => void openSync('/dev/null', 'r')) },
  /** Seconds between two. */
  'leak-thread': { value: 5, make: seconds => every(seconds, () => new Worker(IDLE, { eval: true }).unref()) },
  /** Bytes an hour. */
  'leak-memory': { value: 2e6, make: leakMemory },
  /** One row of so many is dropped, and counted. */
  'drop-rows': { value: 50, make: of => ({ sink: slowSink(of) }) },
  /** One socket of so many is seen in no poll. */
  'miss-sockets': { value: 10, make: of => ({ rows: missingSockets(of) }) },
  /** One row of so many never comes from the kernel: another socket's in each poll. */
  'skip-sockets': { value: 7, make: of => ({ rows: skipping(of) }) },
  /** Beside one row of so many comes that of a socket that never was. */
  'ghost-sockets': { value: 50, make: of => ({ rows: ghostSockets(of) }) },
  /** One dump of so many is cut short, and says so. */
  'cut-dumps': { value: 20, make: cutting },
  /** By so many seconds. */
  'slow-poll': { value: 1, make: seconds => ({ polling: polling => slowed(polling, seconds) }) },
  /** Seconds after which no poll ends any more. */
  'stall-poll': { value: 10, make: seconds => ({ polling: polling => stalled(polling, seconds) }) },
  /** One row of so many. */
  'lose-rows': { value: 50, make: of => ({ sink: sink => spoiled(sink, losing(of)) }) },
  /** One poll of so many, whole. */
  'lose-polls': { value: 5, make: of => ({ sink: sink => losingPolls(sink, of) }) },
  'double-rows': { value: 50, make: of => ({ sink: sink => spoiled(sink, doubling(of)) }) },
  'misattribute-rows': { value: 50, make: of => ({ sink: sink => spoiled(sink, misattributing(of)) }) },
  /** One a so many seconds is told of that never was. */
  'ghost-namespace': { value: 1, make: seconds => ({ sink: sink => ghostNamespaces(sink, seconds) }) },
  /** Files in the way of the first so many namespaces that churn names. */
  'take-names': { value: 1000, make: takeNames },
  /** Processes, namespaces and sockets that it may not look into; namespaces that sockets alone hold are not found. */
  'blind-to-sockets': { value: 1, make: count => ({ discovery: handlers => blindToSockets(handlers, count) }) },
  /** One namespace of so many is called gone as soon as it was found. */
  'early-forgetting': { value: 10, make: of => ({ sink: sink => forgetful(sink, of) }) },
  /** One namespace of so many is never called gone. */
  'never-forgetting': { value: 10, make: of => ({ sink: sink => unforgetting(sink, of) }) },
  /** Seconds, of the word that a namespace is gone. */
  'late-forgetting': { value: 1, make: seconds => ({ sink: sink => lateLines(sink, seconds) }) },
  /** One namespace of so many. */
  'miss-namespace': { value: 10, make: of => ({ discovery: handlers => missing(handlers, of) }) },
  /** Seconds. */
  'late-discovery': { value: 1, make: seconds => ({ discovery: handlers => late(handlers, seconds) }) },
  /** One namespace of so many: its netlink socket stays, and holds it. */
  'leak-namespace': { value: 5, make: of => ({ polling: polling => holding(polling, of) }) },
  /** Seconds that its netlink socket stays. */
  'late-release': { value: 6, make: seconds => ({ polling: polling => releasingLate(polling, seconds) }) },
  'exit-silently': {
    value: 10,
    make: seconds => {
      setTimeout(() => process.exit(0), seconds * 1000).unref()
      return {}
    },
  },
  /** Seconds, then it says so and is no more. */
  panic: {
    value: 10,
    make: seconds => {
      setTimeout(() => {
        writeSync(2, 'panic: a canary\n')
        process.kill(process.pid, 'SIGKILL')
      }, seconds * 1000).unref()
      return {}
    },
  },
}

const LOOK_MS = 100

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
    rows: onRows => hooks.reduce((inner, hook) => hook.rows?.(inner) ?? inner, onRows),
    polling: polling => hooks.reduce((inner, hook) => hook.polling?.(inner) ?? inner, polling),
    sink: sink => hooks.reduce((inner, hook) => hook.sink?.(inner) ?? inner, sink),
  }
}

/** So often a second, by the clock: what a busy machine was late for is made up for. */
function every(seconds: number, action: () => void): Partial<CanaryHooks> {
  const startedMs = performance.now()
  let done = 0
  const due = (): number => (performance.now() - startedMs) / 1000 / seconds
  const catchUp = (): void => {
    for (; done < Math.floor(due()); done++) action()
  }
  setInterval(catchUp, Math.min(1000 * seconds, LOOK_MS)).unref()
  return {}
}

function leakMemory(bytesPerHour: number): Partial<CanaryHooks> {
  const kept: Buffer[] = []
  let owed = 0
  return every(0.1, () => {
    owed += bytesPerHour / 36_000
    // Pages: a buffer's own record would count for more than a few bytes do.
    if (owed < 4096) return
    // Written to, so that it is resident.
    kept.push(Buffer.alloc(owed, 1))
    owed = 0
  })
}
