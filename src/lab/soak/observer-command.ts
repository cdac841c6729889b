// What is started as the observer: `nslab collect` as the scenario wants it, or a program of the user's.

import { fileURLToPath } from 'node:url'
import { OBSERVER_VARIABLE } from '../../base/run-mark.ts'
import type { CollectorConfig, SoakConfig } from '../../config/types.ts'
import { POLLS_METRIC, ROWS_SENT_METRIC } from '../../protocol/collected.ts'
import { Observer, type ObserverOptions } from './observer.ts'
import { ObserverTree } from './observer-tree.ts'

const cliPath = fileURLToPath(new URL('../../cli/main.js', import.meta.url))

/** nslab's own programs beside `nslab`, which a scenario may name without their place. */
const programsFolder = fileURLToPath(new URL('../../../native/build/Release', import.meta.url))

/** Nobody else listens on the soak's own loopback before the observer does. */
export const COLLECTOR_METRICS_PORT = 9700

/** Of a command in messages. */
const NAME_CHARS = 100

/** What it says once it polls. */
const COLLECTOR_READY = 'collecting'

export interface ObserverRequest extends Omit<ObserverOptions, 'name' | 'command' | 'env' | 'config' | 'tree'> {
  readonly soak: SoakConfig
  readonly runId: string
  /** Of the database that a collector writes to; null: to standard output. */
  readonly database: string | null
}

export function makeObserver({ soak, runId, database, ...rest }: ObserverRequest): Observer {
  const { observer, collector } = soak
  const { NSLAB_PARENT_PID: _, ...env } = process.env
  if (observer.command !== null)
    return new Observer({
      ...rest,
      name: nameOf(observer.command),
      command: observer.command,
      env: { ...env, PATH: `${env.PATH ?? ''}:${programsFolder}`, [OBSERVER_VARIABLE]: runId },
      config: observer,
      tree: new ObserverTree({ ...rest, helpers: observer.helpers ?? [], mark: runId }),
    })
  return new Observer({
    ...rest,
    name: 'nslab collect',
    command: [process.execPath, cliPath, 'collect', ...collectArguments(collector, runId, database)],
    // It asks the kernel to end it with this process.
    env: { ...env, NSLAB_PARENT_PID: String(process.pid) },
    config: {
      ...observer,
      ready: COLLECTOR_READY,
      // Beside those that a scenario wants: what the judge holds rows against.
      metrics: observer.metrics.length === 0 ? [] : [...observer.metrics, ROWS_SENT_METRIC, POLLS_METRIC],
      metricsUrl: observer.metricsUrl ?? `http://127.0.0.1:${COLLECTOR_METRICS_PORT}/metrics`,
    },
    // It starts nobody.
    tree: null,
  })
}

/** In messages: a program alone may be any script's interpreter. */
function nameOf(command: readonly string[]): string {
  const words = command.join(' ')
  return words.length <= NAME_CHARS ? words : `${words.slice(0, NAME_CHARS)}…`
}

function collectArguments(
  { intervalS, discoveryIntervalS, states, ports, canaries }: CollectorConfig,
  runId: string,
  database: string | null,
): string[] {
  return [
    '--interval',
    `${intervalS * 1000}ms`,
    '--discovery-interval',
    `${discoveryIntervalS * 1000}ms`,
    '--run-id',
    runId,
    '--metrics-listen',
    `127.0.0.1:${COLLECTOR_METRICS_PORT}`,
    '--sink',
    database ?? 'stdout',
    ...states.flatMap(state => ['--state', state]),
    ...ports.flatMap(port => ['--port', String(port)]),
    ...canaries.flatMap(canary => ['--canary', canary]),
  ]
}
