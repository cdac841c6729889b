// A collector from start to end: its sink, what it listens on, and what it says while it runs.

import type { Clock } from '../../base/clock.ts'
import { NslabError } from '../../base/errors.ts'
import { kernelError } from '../../native/error.ts'
import { startCanaries } from './canaries.ts'
import { Collector } from './collector.ts'
import { ControlServer, type Settings } from './control.ts'
import { type Address, MetricsServer } from './metrics-server.ts'
import { openSink, type SinkTarget } from './open-sink.ts'
import type { WhenFull } from './outbox.ts'
import { NativePolling, startDiscovery } from './sources.ts'

export interface CollectOptions {
  readonly target: SinkTarget
  readonly settings: Settings
  readonly whenFull: WhenFull
  /** Memory for what waits for the sink. */
  readonly bufferBytes: number
  /** Absolute paths. */
  readonly directories: readonly string[]
  readonly discoveryIntervalS: number
  readonly metrics?: Address
  /** Path of the control socket. */
  readonly control?: string
  readonly runId: string | null
  readonly canaries: readonly string[]
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onWarning: (message: string) => void
  /** It listens, and polls. */
  readonly onReady: (metricsPort: number | null) => void
}

/** How long a sink may take for what is left at the end. */
const FLUSH_DEADLINE_MS = 5_000

/** Collects until `signal`. Throws USAGE, DISK_REFUSED, DATABASE_REFUSED, KERNEL_REFUSED. */
export async function runCollector(options: CollectOptions): Promise<void> {
  const { clock, onWarning, settings } = options
  const canary = startCanaries(options.canaries)
  const end = new AbortController()
  const nowMs = clock.wallDate().getTime()
  const monoS = Number(clock.nowNs()) / 1e9
  let refusal = ''
  const opened = await openSink({
    target: options.target,
    runId: options.runId,
    whenFull: options.whenFull,
    limitBytes: options.bufferBytes,
    start: {
      is: 'start',
      schema: 'nslab.collect/1',
      at_s: nowMs / 1e3,
      mono_s: Math.round(monoS * 1e6) / 1e6,
      pid: process.pid,
      interval_s: settings.interval_s,
    },
    onTrouble: error => onWarning(`${wordsOf(error)}; what is collected waits, and is tried again`),
    onRefused: ({ rows, lines, error }) => {
      refusal = wordsOf(error)
      onWarning(`the sink refuses what no repetition mends; ${leftOut(rows, lines)} are left out so far: ${refusal}`)
    },
    onRecovered: () => onWarning('the sink takes rows again'),
    onGone: error => {
      onWarning(`the reader of the output is gone (${error.message}); that ends the collecting`)
      end.abort()
    },
  })
  const sink = canary.sink(opened)
  let native: NativePolling | undefined
  const collector = new Collector({
    poller: onRows => {
      native = new NativePolling(canary.rows(onRows))
      return canary.polling(native)
    },
    discovery: handlers =>
      startDiscovery(
        {
          directories: options.directories,
          intervalMs: Math.round(options.discoveryIntervalS * 1e3),
          poller: native as NativePolling,
        },
        canary.discovery(handlers),
      ),
    sink,
    settings,
    clock,
    startedS: nowMs / 1e3 - process.uptime(),
    onWarning,
  })
  const closing: (() => Promise<void>)[] = []
  try {
    const { metrics, control } = options
    let port: number | null = null
    if (metrics !== undefined) {
      const server = await MetricsServer.listen(metrics, () => collector.figures.render(sink))
      closing.push(() => server.close())
      port = server.port
    }
    if (control !== undefined) {
      const server = await ControlServer.listen(control, collector)
      closing.push(() => server.close())
    }
    await collector.start().catch(error => {
      throw kernelError(error) ?? error
    })
    options.onReady(port)
    await aborted(AbortSignal.any([options.signal, end.signal]))
  } finally {
    await Promise.all(closing.map(close => close()))
    await collector.stop()
    await sink.close(FLUSH_DEADLINE_MS).catch(error => {
      const { dropped } = sink.counts
      onWarning(`${dropped} rows in all were not stored`)
      throw error
    })
    const [rows, lines] = [sink.counts.refused, sink.linesRefused]
    if (rows + lines > 0) onWarning(`the sink refused ${leftOut(rows, lines)} in all: ${refusal}`)
    if (sink.linesDropped > 0 && !end.signal.aborted)
      onWarning(`${sink.linesDropped} lines of namespaces and polls are missing: they found no room`)
  }
}

const leftOut = (rows: number, lines: number): string => `${rows} rows and ${lines} lines of namespaces and polls`

/** With what to do about it. */
const wordsOf = (error: Error): string =>
  error instanceof NslabError && error.hint !== undefined ? `${error.message} (${error.hint})` : error.message

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
