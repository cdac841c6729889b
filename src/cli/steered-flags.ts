// What the programs of a run (controller, dataplane) have in common on the command line: the flags that `nslab run`
// sets, what it hands over with them, and signals.

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { readText } from '../config/load.ts'
import type { Netns } from '../native/netns.ts'
import type { Plan } from '../plan.ts'

export interface SteeredFlags {
  readonly plan?: string
  readonly fabricFd?: string
  readonly channelFd?: string
  readonly runId?: string
  readonly originNs?: string
  readonly runFolder?: string
  readonly timeScale?: string
}

/** The flags of SteeredFlags and `others`, which take a value too; none of them is in the help. */
export function addSteeredFlags(command: Command, others: readonly string[] = []): void {
  for (const flag of [
    'plan',
    'fabric-fd',
    'channel-fd',
    'run-id',
    'origin-ns',
    'run-folder',
    'time-scale',
    ...others,
  ]) {
    command.addOption(command.createOption(`--${flag} <value>`, 'set by nslab run').hideHelp())
  }
}

/** Descriptors that `nslab run` handed down. */
export const handedOver = ({ fabricFd, channelFd }: SteeredFlags): number[] =>
  [fabricFd, channelFd].filter(fd => fd !== undefined).map(Number)

export interface Inheritance {
  /** The fabric root. */
  readonly root?: Netns
  /** Our end of the channel. */
  readonly steering?: Duplex
}

/** Takes over what `nslab run` handed down: its end of the channel, the fabric root, and its own death. */
export async function inherit(flags: SteeredFlags): Promise<Inheritance> {
  const { fabricFd, channelFd } = flags
  const parentPid = process.env.NSLAB_PARENT_PID
  if (fabricFd === undefined && channelFd === undefined && parentPid === undefined) return {}
  const { native } = await import('../native/addon.ts')
  if (parentPid !== undefined) native.setParentDeathSignal(9, Number(parentPid))
  native.closeOnExec([])
  return {
    ...(fabricFd === undefined ? {} : { root: native.Netns.fromFd(Number(fabricFd)) }),
    ...(channelFd === undefined
      ? {}
      : { steering: new Socket({ fd: Number(channelFd), readable: true, writable: true }) }),
  }
}

/** The first signal ends the program in order, the second the process: the kernel then removes what is left. */
export function hookSignals(stop: AbortController): () => void {
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(130)
    stop.abort()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  return () => {
    for (const signal of signals) process.off(signal, onSignal)
  }
}

/** How many times longer everything may take than on a processor of its own: emulated ones are slow. */
export const timeScaleOf = ({ timeScale }: SteeredFlags): number => Number(timeScale ?? 1)

/** Throws FILE_UNREADABLE. */
export function readPlan(path: string): Plan {
  const text = readText(path)
  try {
    return JSON.parse(text) as Plan
  } catch (error) {
    throw new NslabError('FILE_UNREADABLE', { path, reason: 'it is not a plan (JSON)' }, { cause: error })
  }
}
