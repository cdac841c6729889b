// Samples machine and processes while a run lasts: one timer, a few small /proc files a tick.
// About 0.1 ms a tick and process, whatever the number of namespaces and descriptors; in an emulated guest 30 to
// 100 ms a tick.

import { readdirSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, secondsSince } from '../../base/clock.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import { CACHED_NAMESPACES } from '../../base/soak-metrics.ts'
import type { Sample } from '../../protocol/sample.ts'
import {
  parseCpuTimes,
  parseLoad1m,
  parseMeminfo,
  parseNamespaces,
  parsePressureSome,
  parseStatus,
  readStat,
  waitedS,
} from '../proc/proc.ts'

export interface SampledProcess {
  readonly name: string
  readonly pid: number
  /** Its waiting for a processor is told too: a file more for each of its threads. */
  readonly waits?: true
  /** Counted with it: processes that it has started. */
  readonly others?: readonly number[]
}

export interface SamplerOptions {
  /** Between samples, and more where a sample costs much: see COST_RATIO_MAX. */
  readonly intervalMs: number
  /** Asked anew at each tick. One that has ended is left out of the sample. */
  readonly processes: () => readonly SampledProcess[]
  readonly onSample: (sample: Sample) => void
  readonly clock: Clock
  readonly originNs: bigint
  /** Network namespaces, by the kernel's own count; null: it tells none. Default: asks it. */
  readonly countNamespaces?: () => number | null
}

export interface Sampler {
  /** Takes a sample now, beside the timer's, and hands it to `onSample` too. */
  sampleNow(): Sample
  /**
   * Takes the last sample, with the kernel's count of namespaces: when that is back to what it was at first, or after
   * `limitMs`. The kernel frees a namespace some time after it says that it is gone, on a busy machine seconds.
   */
  sampleSettled(limitMs: number): Promise<void>
  /** No sample is taken after this. Safe twice. */
  stop(): void
}

/**
 * The kernel counts its namespaces by a table of all its caches, which takes it 1 to 3 ms with a lock that whoever
 * makes namespaces wants, too: so no oftener than this.
 */
const NAMESPACES_EVERY_MS = 1000
const SETTLE_LOOK_MS = 200

/**
 * Of a processor, for looking. Four samples a second took three fifths of the processor of each emulated guest of a
 * ring of 400, more than the fleets themselves.
 */
const COST_RATIO_MAX = 0.05
/** A sample that took long because others had the processor does not end all samples. */
const STRETCH_MAX = 8

/** Takes the first sample at once and then one every `intervalMs`. The timer keeps no process alive. */
export function startSampler(options: SamplerOptions): Sampler {
  let countedMs = Number.NEGATIVE_INFINITY
  const countNamespaces =
    options.countNamespaces ?? ((): number | null => parseNamespaces(readOrNull('/proc/slabinfo') ?? ''))
  let atFirst: number | null | undefined
  const sampleNow = (): Sample => {
    const nowMs = performance.now()
    let count: number | null = null
    if (nowMs - countedMs >= NAMESPACES_EVERY_MS) {
      countedMs = nowMs
      count = countNamespaces()
      if (atFirst === undefined) atFirst = count
    }
    const sample = takeSample(options, count)
    options.onSample(sample)
    return sample
  }
  const sampleSettled = async (limitMs: number): Promise<void> => {
    const untilMs = performance.now() + limitMs
    let count = countNamespaces()
    while ((count ?? 0) > (atFirst ?? 0) + CACHED_NAMESPACES && performance.now() < untilMs) {
      await sleep(SETTLE_LOOK_MS)
      count = countNamespaces()
    }
    options.onSample(takeSample(options, count))
  }
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const tick = (): void => {
    const before = process.cpuUsage()
    sampleNow()
    const { user, system } = process.cpuUsage(before)
    // Whoever got the sample may have stopped it.
    if (isStopped) return
    timer = setTimeout(tick, pauseMs(options.intervalMs, (user + system) / 1000)).unref()
  }
  tick()
  return {
    sampleNow,
    sampleSettled,
    stop: () => {
      isStopped = true
      clearTimeout(timer)
    },
  }
}

/** How long to wait after a sample that cost so much of a processor. */
export function pauseMs(intervalMs: number, costMs: number): number {
  return Math.min(Math.max(intervalMs, costMs / COST_RATIO_MAX), intervalMs * STRETCH_MAX)
}

/** One sample, as a line of samples.ndjson. */
function takeSample(options: SamplerOptions, namespaces: number | null): Sample {
  const memory = parseMeminfo(readOrNull('/proc/meminfo') ?? '')
  return {
    t_s: secondsSince(options.clock, options.originNs),
    memory_available_bytes: memory.MemAvailable ?? 0,
    memory_total_bytes: memory.MemTotal ?? 0,
    load_1m: parseLoad1m(readOrNull('/proc/loadavg') ?? '0'),
    pressure: readPressure(),
    cpu: parseCpuTimes(readOrNull('/proc/stat') ?? ''),
    kernel_namespaces_count: namespaces,
    processes: options.processes().flatMap(sampleProcess),
  }
}

function readPressure(): Sample['pressure'] {
  const cpu = readOrNull('/proc/pressure/cpu')
  const memory = readOrNull('/proc/pressure/memory')
  const io = readOrNull('/proc/pressure/io')
  if (cpu === null || memory === null || io === null) return null
  return { cpu_some: parsePressureSome(cpu), memory_some: parsePressureSome(memory), io_some: parsePressureSome(io) }
}

function sampleProcess({ name, pid, waits, others = [] }: SampledProcess): Sample['processes'] {
  const first = figuresOf(pid)
  if (first === null) return []
  const all = [first, ...others.flatMap(other => figuresOf(other) ?? [])]
  const sumOf = (key: keyof Figures): number => all.reduce((sum, figures) => sum + (figures[key] ?? 0), 0)
  const waited_s = waits === true ? waitedS(pid) : null
  return [
    {
      name,
      pid,
      rss_bytes: sumOf('rss_bytes'),
      // One kernel tells it of all, or of none.
      ...(first.own_bytes === undefined ? {} : { own_bytes: sumOf('own_bytes') }),
      threads_count: sumOf('threads_count'),
      descriptors_count: sumOf('descriptors_count'),
      cpu_s: sumOf('cpu_s'),
      ...(waited_s === null ? {} : { waited_s }),
    },
  ]
}

type Figures = Pick<
  Sample['processes'][number],
  'rss_bytes' | 'own_bytes' | 'threads_count' | 'descriptors_count' | 'cpu_s'
>

/** Null of one that has ended. */
function figuresOf(pid: number): Figures | null {
  const stat = readStat(pid)
  const status = readOrNull(`/proc/${pid}/status`)
  if (stat === null || status === null || stat.state === 'Z') return null
  const { rssBytes, ownBytes, threads } = parseStatus(status)
  return {
    rss_bytes: rssBytes,
    ...(ownBytes === null ? {} : { own_bytes: ownBytes }),
    threads_count: threads,
    descriptors_count: countDescriptors(pid),
    cpu_s: stat.cpuS,
  }
}

/** Open descriptors of a process; 0 where it may not be asked. */
export function countDescriptors(pid: number): number {
  const path = `/proc/${pid}/fd`
  try {
    // Since Linux 6.2 the folder's size is the count; before, it is 0.
    return statSync(path).size || readdirSync(path).length
  } catch {
    return 0
  }
}
