// The program of a load on its site: `nslab connections` as `nslab run` starts it.

import type { Duplex } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import type { Plan } from '../../plan.ts'
import type { LoadCommand, LoadNotice } from '../../protocol/loading.ts'
import { type ProgramEnd, Steered } from '../../protocol/steered.ts'
import { type Sampler, startSampler } from '../site/sampler.ts'
import { readConnectionLimits } from './limits.ts'
import { loadConnections } from './load.ts'

export interface LoadProgramOptions {
  readonly plan: Plan
  readonly clock: Clock
  /** CLOCK_MONOTONIC ns that all times count from. */
  readonly originNs: bigint
  readonly steering: Duplex
  readonly signal: AbortSignal
}

type Own = Exclude<LoadCommand, { do: 'stop' }>

/** Loads when it is told to, and stays until it is told to stop. */
export function runLoadProgram(options: LoadProgramOptions): Promise<ProgramEnd> {
  const { clock, originNs, plan, steering, signal } = options
  const { connections, run } = plan.scenario
  if (connections === undefined) throw new Error('the plan is of no connections')
  const given = new AbortController()
  let sampler: Sampler | null = null
  let loading: Promise<void> = Promise.resolve()
  let loaderPid = 0

  const load = async (): Promise<void> => {
    const { figures, notes, ...record } = await loadConnections({
      config: connections,
      limits: await readConnectionLimits(),
      holdS: run.holdS,
      signal: given.signal,
      onStage: stage => steered.send({ is: 'stage', stage }),
      onPulse: ({ connected, closed, lost }) =>
        steered.send({ is: 'pulse', figures: { connections_count: connected - closed - lost } }),
      onProcess: pid => {
        loaderPid = pid
      },
    })
    loaderPid = 0
    const known = Object.entries(figures).filter((entry): entry is [string, number] => entry[1] !== null)
    steered.send({ is: 'loaded', figures: Object.fromEntries(known), notes, record: { figures, notes, ...record } })
  }
  const steered = new Steered<Own, LoadNotice>({
    stream: steering,
    signal,
    obey: () => {
      loading = load().catch(error => {
        if (!given.signal.aborted) steered.fail(error)
      })
    },
  })
  return steered.live({
    begin: async () => {
      sampler = startSampler({
        intervalMs: run.sampleIntervalS * 1000,
        processes: () => [
          { name: 'connections', pid: process.pid },
          ...(loaderPid > 0 ? [{ name: 'loader', pid: loaderPid }] : []),
        ],
        onSample: sample => steered.send({ is: 'sample', sample }),
        clock,
        originNs,
      })
      steered.send({ is: 'ready', pid: process.pid })
    },
    end: async () => {
      given.abort()
      await loading
      sampler?.stop()
      return { facts: {}, remaining: [] }
    },
    ended: () => {},
  })
}
