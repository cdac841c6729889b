// Connections opened, held, proven, closed and counted: one load, from its sizing to its figures.

import { setTimeout as pause } from 'node:timers/promises'
import { NslabError } from '../../base/errors.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import type { ConnectionsConfig } from '../../config/connections.ts'
import type { LoadStage } from '../../protocol/loading.ts'
import { notFit } from '../fitness/limits.ts'
import { parseMeminfo } from '../proc/proc.ts'
import { type ConnectionLimits, type ConnectionsLayout, EPHEMERAL_PORTS, fitConnections } from './fit.ts'
import { type Answers, ConnectionLoader, type Count, type Pulse } from './loader.ts'

/** Memory of the whole system, in bytes. */
export interface MemoryReading {
  /** Neither free nor page cache. */
  readonly used_bytes: number
  /** The kernel's own objects (Slab), sockets, inodes and directory entries among them. */
  readonly slab_bytes: number
  readonly available_bytes: number
}

/** Metrics of src/base/metrics.ts; null: not known. */
export interface ConnectionFigures {
  readonly connections_asked_count: number
  readonly connections_count: number
  readonly connections_missing_count: number
  readonly connections_unproven_count: number
  readonly connections_per_s: number | null
  readonly connections_proven_count: number
  readonly connections_lost_count: number
  readonly connections_disagreeing_count: number
  readonly connection_bytes: number | null
  readonly kernel_connection_bytes: number | null
  readonly time_wait_count: number
  readonly time_wait_missing_ratio: number | null
  readonly connection_processes_count: number
}

export interface ConnectionsResult {
  readonly schema: 'nslab.connections/1'
  readonly figures: ConnectionFigures
  readonly layout: ConnectionsLayout
  /** Why not all came to be; empty where they did. */
  readonly failures: Answers['open']['failures']
  readonly counts: {
    readonly before: Count
    readonly open: Count
    readonly held: Count
    readonly closed: Count
  }
  readonly memory: { readonly before: MemoryReading; readonly open: MemoryReading }
  readonly open_s: number
  readonly prove_s: number
  readonly close_s: number
  /** What limits it, and what was lowered for it, a sentence each. */
  readonly notes: readonly string[]
}

export interface LoadOptions {
  readonly config: ConnectionsConfig
  readonly limits: ConnectionLimits
  readonly holdS: number
  readonly onStage?: (stage: LoadStage) => void
  readonly onPulse?: (pulse: Pulse) => void
  /** Aborted: the load is given up, at once. */
  readonly signal: AbortSignal
  /** Called with the loader's process as soon as it is there. */
  readonly onProcess?: (pid: number) => void
}

/**
 * Sizes and runs a load. Throws NOT_FIT before anything is made where what is asked for does not fit; KERNEL_REFUSED,
 * PROCESS_ENDED, INTERRUPTED. Whatever ends it, the connections end with it.
 */
export async function loadConnections(options: LoadOptions): Promise<ConnectionsResult> {
  const { config, limits, signal, onPulse, onStage, onProcess } = options
  const { layout, problems } = fitConnections(config, limits)
  if (layout === null) throw notFit(problems)
  onStage?.('prepare')
  const loader = new ConnectionLoader(layout, pulse => onPulse?.(pulse))
  const onAbort = (): void => loader.kill()
  signal.addEventListener('abort', onAbort)
  try {
    if (signal.aborted) loader.kill()
    await loader.ready
    onProcess?.(loader.pid)
    return await measure(loader, layout, options)
  } catch (error) {
    throw signal.aborted ? new NslabError('INTERRUPTED', { signal: 'a signal' }, { cause: error }) : error
  } finally {
    signal.removeEventListener('abort', onAbort)
    await loader.stop()
  }
}

async function measure(
  loader: ConnectionLoader,
  layout: ConnectionsLayout,
  { config, holdS, signal, onStage }: LoadOptions,
): Promise<ConnectionsResult> {
  const before = await loader.ask('count')
  const memoryBefore = await settledMemory()
  onStage?.('open')
  const open = await loader.ask('open')
  const memoryOpen = await settledMemory()
  const opened = await loader.ask('count')
  onStage?.('hold')
  await hold(loader, holdS, signal)
  const held = await loader.ask('count')
  onStage?.('prove')
  // Where not all came to be, a client may wait for an answer of one that nobody accepted.
  const prove = open.failed === 0 ? await loader.ask('prove') : { took_s: 0, proven: 0 }
  onStage?.('close')
  const close = await loader.ask('close')
  const closed = await settledCount(loader)
  onStage?.('end')
  const counts = { before, open: opened, held, closed }
  const memory = { before: memoryBefore, open: memoryOpen }
  return {
    schema: 'nslab.connections/1',
    figures: figuresOf(layout, open, prove.proven, counts, memory),
    layout,
    failures: open.failures,
    counts,
    memory,
    open_s: open.took_s,
    prove_s: prove.took_s,
    close_s: close.took_s,
    notes: notesOf(config, layout, open),
  }
}

/** Holds what is open. Rejects as soon as the loader has ended, or the load is given up. */
async function hold(loader: ConnectionLoader, durationS: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const held = pause(durationS * 1000, undefined, { signal: AbortSignal.any([signal, over.signal]) })
  try {
    await Promise.race([held, loader.failed])
  } finally {
    over.abort()
    await held.catch(() => {})
  }
}

/** A connection counts where both sides know of it, and the kernel has it: the least of what the three say. */
function agreed(count: Count): { readonly count: number; readonly disagreeing: number } {
  const own = Math.min(count.connected, count.accepted) - count.lost
  const listed = Math.floor(count.established_sockets / 2)
  const counter = Math.floor(count.established_counter / 2)
  const least = Math.min(own, listed, counter)
  return { count: Math.max(0, least), disagreeing: Math.max(own, listed, counter) - least }
}

/** Pure. */
export function figuresOf(
  layout: ConnectionsLayout,
  open: Answers['open'],
  proven: number,
  counts: ConnectionsResult['counts'],
  memory: ConnectionsResult['memory'],
): ConnectionFigures {
  const atOpen = agreed(counts.open)
  const atEnd = agreed(counts.held)
  const each = (part: 'used_bytes' | 'slab_bytes'): number | null =>
    atOpen.count === 0 ? null : (memory.open[part] - memory.before[part]) / atOpen.count
  return {
    connections_asked_count: layout.count,
    connections_count: atEnd.count,
    connections_missing_count: Math.max(0, layout.count - atEnd.count),
    connections_unproven_count: Math.max(0, layout.count - proven),
    connections_per_s: open.took_s > 0 ? atOpen.count / open.took_s : null,
    connections_proven_count: proven,
    connections_lost_count: counts.closed.lost,
    connections_disagreeing_count: Math.max(atOpen.disagreeing, atEnd.disagreeing),
    connection_bytes: each('used_bytes'),
    kernel_connection_bytes: each('slab_bytes'),
    time_wait_count: counts.closed.time_wait_sockets,
    time_wait_missing_ratio: atEnd.count === 0 ? null : Math.max(0, 1 - counts.closed.time_wait_sockets / atEnd.count),
    connection_processes_count: layout.workers + 1,
  }
}

function notesOf(config: ConnectionsConfig, layout: ConnectionsLayout, open: Answers['open']): string[] {
  const n = (value: number): string => value.toLocaleString('en-US')
  const [least, next] = layout.limits
  const notes = [
    `limits: ${layout.limits.map(({ limit, connections_max }) => `${limit.replaceAll('_', ' ')} ${n(connections_max)}`).join(', ')}`,
    `${n(layout.workers)} processes of up to ${n(layout.descriptors_count)} descriptors; a client has ${n(EPHEMERAL_PORTS)} ports, of which ${n(layout.per_listener)} are used for one listening port`,
  ]
  if (config.count === 'max' && least !== undefined)
    notes.push(
      `"max" is ${n(layout.count)}: ${least.limit.replaceAll('_', ' ')} allows no more${next === undefined ? '' : ` (next: ${next.limit.replaceAll('_', ' ')}, ${n(next.connections_max)})`}`,
    )
  for (const { operation, errno } of open.failures.slice(0, 1))
    notes.push(`${n(open.failed)} connections were not to be had: ${operation}: ${errno}`)
  return notes
}

const READINGS_COUNT = 5
const READING_PAUSE_MS = 20

/**
 * The least use of a few readings: what else happens in between only adds. Inodes and directory entries of open sockets
 * can't be reclaimed, yet MemAvailable counts half of them as available; so what is used is taken from MemFree.
 */
async function settledMemory(): Promise<MemoryReading> {
  let least: MemoryReading | null = null
  for (let reading = 0; reading < READINGS_COUNT; reading++) {
    const now = readMemory(readOrNull('/proc/meminfo') ?? '')
    if (least === null || now.used_bytes < least.used_bytes) least = now
    await pause(READING_PAUSE_MS)
  }
  return least as MemoryReading
}

/** Of the text of /proc/meminfo. */
export function readMemory(meminfo: string): MemoryReading {
  const of = parseMeminfo(meminfo)
  const value = (key: string): number => of[key] ?? 0
  return {
    used_bytes: value('MemTotal') - value('MemFree') - value('Buffers') - value('Cached') + value('Shmem'),
    slab_bytes: value('Slab'),
    available_bytes: value('MemAvailable'),
  }
}

const COUNTS_MAX = 10
const COUNT_PAUSE_MS = 100

/** The last FINs are still on their way when the last end is closed: counted until the figure stands. */
async function settledCount(loader: ConnectionLoader): Promise<Count> {
  let count = await loader.ask('count')
  for (let again = 1; again < COUNTS_MAX; again++) {
    await pause(COUNT_PAUSE_MS)
    const next = await loader.ask('count')
    if (next.time_wait_sockets === count.time_wait_sockets && next.established_sockets === 0) return next
    count = next
  }
  return count
}
