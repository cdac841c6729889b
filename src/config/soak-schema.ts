// The keys of a soak beside [churn]: the collector in the observer's place, or the user's own program.

import * as v from 'valibot'
import { tcpStates } from '../base/tcp-states.ts'
import { duration, flag, oneOf, port, size, text } from './values.ts'

export const collectorEntries = {
  /** Between polls of all namespaces. */
  interval: v.optional(duration, '2s'),
  /** Between looks at what tells nothing by itself (/proc); directories tell at once. */
  discovery_interval: v.optional(duration, '100ms'),
  sink: v.optional(oneOf('stdout', 'postgres'), 'stdout'),
  /** Filters, applied in the kernel; empty: everything. */
  states: v.optional(v.array(oneOf(...tcpStates)), []),
  ports: v.optional(v.array(port), []),
  /** Faults put into the running collector on purpose (nslab selfcheck): "lose-rows=50". */
  canary: v.optional(v.array(text(200)), []),
}

export const sutEntries = {
  /** In the collector's place: a program and its arguments. */
  command: v.optional(v.array(text(4096))),
  /** What it writes to standard output: nothing of ours, or a collector's lines. */
  output: v.optional(oneOf('none', 'nslab.collect/1'), 'none'),
  /** Of its log: it is ready. Absent: once it runs. */
  ready: v.optional(text(1000)),
  /** Of its log: a line that must not come. */
  forbid: v.optional(v.array(text(1000)), []),
  metrics_url: v.optional(text(1000)),
  /** Between two scrapes of it. */
  scrape_interval: v.optional(duration, '5s'),
  /** Of its /metrics, those to keep; each is a few metrics of the run (src/base/sut-metrics.ts). */
  metrics: v.optional(v.array(text(200)), []),
  /** Of its memory, in a control group of its own: the kernel kills it there. Absent: no limit, and no group. */
  memory_max: v.optional(size),
  /** Programs that it starts for a while, by the kernel's names of them: none of them is missed when it ends. */
  helpers: v.optional(v.array(text(200)), ['sleep']),
  /** Start it again when it ends by itself. */
  restart: v.optional(flag, false),
}
