// What /proc says, as typed values: pure parsers first, then thin readers of the live files.
// Not here: walking all processes (process-table.ts) and sampling over time (site/sampler.ts).

import { readdirSync, readFileSync } from 'node:fs'
import { readOrNull } from '../../base/read-or-null.ts'

const KIB = 1024

/**
 * USER_HZ: the kernel's interface constant for times in /proc/PID/stat, 100 on every architecture that Node runs on.
 */
export const TICKS_PER_S = 100

/** /proc/meminfo, in bytes by its own keys (counts such as HugePages_Total stay counts). */
export function parseMeminfo(text: string): Readonly<Record<string, number>> {
  const values: Record<string, number> = {}
  for (const line of text.split('\n')) {
    const match = /^([^:]+):\s+(\d+)( kB)?$/.exec(line)
    if (match !== null) values[match[1] as string] = Number(match[2]) * (match[3] === undefined ? 1 : KIB)
  }
  return values
}

export interface ProcessStatus {
  readonly rssBytes: number
  /** RssAnon and RssShmem; null before Linux 4.5. */
  readonly ownBytes: number | null
  readonly threads: number
}

/** /proc/PID/status. A kernel thread or zombie has no VmRSS: 0. */
export function parseStatus(text: string): ProcessStatus {
  const anonymous = /^RssAnon:\s+(\d+) kB$/m.exec(text)?.[1]
  const shared = /^RssShmem:\s+(\d+) kB$/m.exec(text)?.[1]
  return {
    rssBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * KIB,
    ownBytes: anonymous === undefined ? null : (Number(anonymous) + Number(shared ?? 0)) * KIB,
    threads: Number(/^Threads:\s+(\d+)$/m.exec(text)?.[1] ?? 0),
  }
}

export interface ProcessStat {
  readonly pid: number
  readonly comm: string
  /** One letter; Z is a zombie, X dead. */
  readonly state: string
  readonly parentPid: number
  /** User and system time of all its threads. */
  readonly cpuS: number
  /** Clock ticks from boot to its start: with the pid it names a process for as long as the machine is up. */
  readonly startTicks: number
}

/** /proc/PID/stat. The command may hold spaces and parentheses: everything up to the last `)` is its. */
export function parseStat(text: string): ProcessStat {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  const rest = text.slice(close + 2).split(' ')
  return {
    pid: Number(text.slice(0, open)),
    comm: text.slice(open + 1, close),
    state: rest[0] as string,
    parentPid: Number(rest[1]),
    cpuS: (Number(rest[11]) + Number(rest[12])) / TICKS_PER_S,
    startTicks: Number(rest[19]),
  }
}

/** /proc/pressure/*: share of time, in percent over 10 s, in which some task waited for the resource. */
export function parsePressureSome(text: string): number {
  return Number(/^some avg10=([\d.]+)/m.exec(text)?.[1] ?? 0)
}

/** /proc/loadavg: the average over one minute. */
export function parseLoad1m(text: string): number {
  return Number(text.split(' ')[0])
}

/** /proc/stat: of all processors since boot, time that a hypervisor gave to others, and all time. Null without it. */
export function parseCpuTimes(text: string): { readonly steal_s: number; readonly total_s: number } | null {
  const fields = /^cpu +(.*)$/m.exec(text)?.[1]?.split(' ').map(Number)
  if (fields === undefined) return null
  // The eighth is steal; guests' time, the last two, is in the first two already.
  const total = fields.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0)
  return { steal_s: (fields[7] ?? 0) / TICKS_PER_S, total_s: total / TICKS_PER_S }
}

/**
 * /proc/slabinfo, for root alone: network namespaces in memory, those too that are removed and not yet freed. The
 * kernel counts by whole slabs while processors hold them: a few more than there are. Null where it is not told.
 */
export function parseNamespaces(text: string): number | null {
  const count = /^net_namespace +(\d+)/m.exec(text)?.[1]
  return count === undefined ? null : Number(count)
}

/** /proc/PID/smaps_rollup: proportional set size, shared pages divided by those who share them. */
export function parseSmapsRollupPss(text: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * KIB
}

/** An area of a process' memory. */
export interface MemoryArea {
  readonly sizeBytes: number
  /** Its share of what of it is in memory: pages that several processes map count in parts. */
  readonly pssBytes: number
}

/** /proc/PID/smaps. */
export function parseSmaps(text: string): MemoryArea[] {
  const areas = text.matchAll(/^Size:\s+(\d+) kB$(?:\n(?!Size:).*)*?\nPss:\s+(\d+) kB$/gm)
  return [...areas].map(([, size, pss]) => ({ sizeBytes: Number(size) * KIB, pssBytes: Number(pss) * KIB }))
}

/** The process behind a pid now, or null. */
export function readStat(pid: number): ProcessStat | null {
  const text = readOrNull(`/proc/${pid}/stat`)
  return text === null || text === '' ? null : parseStat(text)
}

/**
 * How long the threads of a process, of those that live, were ready to run and had no processor, all together, in s.
 * From their schedstat in /proc/PID/task; null where that is not to be had.
 */
export function waitedS(pid: number): number | null {
  try {
    const threads = readdirSync(`/proc/${pid}/task`).map(tid => readOrNull(`/proc/${pid}/task/${tid}/schedstat`))
    return threads.reduce((sum, text) => sum + Number(text?.split(' ')[1] ?? 0), 0) / 1e9
  } catch {
    return null
  }
}

/** A process, for as long as this boot lasts. */
export interface ProcessIdentity {
  readonly pid: number
  readonly start_ticks: number
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  const stat = readStat(process.pid)
  if (stat === null) throw new Error('/proc is not mounted')
  return { pid: process.pid, start_ticks: stat.startTicks }
}

/** Whether that very process still runs: a zombie does not, nor does another one with its pid. */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid)
  return stat !== null && stat.startTicks === identity.start_ticks && stat.state !== 'Z' && stat.state !== 'X'
}

/** Different at each boot: what was true of processes and sysctls before it is void after it. */
export function bootId(): string {
  return (readOrNull('/proc/sys/kernel/random/boot_id') ?? 'unknown').trim()
}

/**
 * Memory in use by the whole machine: MemTotal − MemAvailable. Page cache and reclaimable slab count as available, so
 * reading files does not raise it; but the kernel keeps the low watermark and about half of small caches out of
 * MemAvailable, which moves by some MB with the cache. Namespaces are unreclaimable slab and vmalloc: they count fully,
 * until the kernel has really removed them (see quiesce()).
 */
export function memoryUsedBytes(): number {
  const values = parseMeminfo(readFileSync('/proc/meminfo', 'utf8'))
  return (values.MemTotal ?? 0) - (values.MemAvailable ?? 0)
}
