// How many connections fit, and in how many processes: everything is sized before the first one is opened. Pure.

import type { ConnectionsConfig } from '../../config/connections.ts'
import type { Problem } from '../fitness/limits.ts'

/** What the host allows. Infinity: no limit. */
export interface ConnectionLimits {
  /** Files that one process may hold open, after raising its limit as far as it may. */
  readonly open_files_max: number
  /** fs.file-max less what is open; Infinity for a root of the machine, whom it does not bind. */
  readonly machine_files_left: number
  readonly memory_available_bytes: number
  readonly net_namespaces_max: number
  readonly tasks_available: number
  /** fs.epoll.max_user_watches: a connection's server end is watched. */
  readonly epoll_watches_max: number
  readonly cpus_count: number
}

/**
 * What a connection takes of the kernel: two sockets (2.4 kB each), their inodes, files and directory entries, one
 * watch; with the slabs' own waste 9.9 kB were measured (Linux 6.18).
 */
export const CONNECTION_BYTES = 10_000
/** A namespace without links takes 0.2 MB; with a veth pair half as much again. */
export const NAMESPACE_BYTES = 330_000
/** A worker is a process of 1 MB, its page tables and descriptor table (20,000 of 8 bytes and more) included. */
const WORKER_BYTES = 2_000_000
/** Left for everything else on the host: what is not there is taken from whoever runs beside. */
const MEMORY_SPARED_RATIO = 0.1

/** A worker's own: standard streams, epoll, its commands, the namespace to come back to, and some to spare. */
const DESCRIPTORS_OWN = 24
/** Tasks that are left to others. */
const TASKS_SPARED = 32
/** A worker is worth its fork from here on. */
const CONNECTIONS_A_WORKER_MIN = 500

/** Ports that native/connections keeps for clients (from 3,072 on) and for listening (1,024 to 3,071). */
export const EPHEMERAL_PORTS = 65_536 - 3072
const LISTEN_PORTS = 2048
/**
 * Connections to one listening port. Each has an ephemeral port of its own there; the fuller they are, the longer the
 * kernel looks for a free one.
 */
export const PER_LISTENER = 20_000

export interface LimitRoom {
  readonly limit: string
  readonly connections_max: number
}

export interface ConnectionsLayout {
  readonly count: number
  readonly namespaces: number
  readonly layout: 'loopback' | 'pairs'
  readonly workers: number
  readonly per_listener: number
  readonly rate_per_s: number | null
  /** Of each process, at most. */
  readonly descriptors_count: number
  readonly memory_bytes: number
  /** What each limit of the host would allow, least first. */
  readonly limits: readonly LimitRoom[]
}

export interface Fit {
  readonly layout: ConnectionsLayout | null
  /** Why not; empty where a layout is given. */
  readonly problems: readonly Problem[]
}

const places = ({ namespaces, layout }: ConnectionsConfig): number => (layout === 'pairs' ? namespaces / 2 : namespaces)

/** Descriptors of the fullest of `workers` processes that share `count` connections: as native/connections has them. */
export function descriptorsOf(config: ConnectionsConfig, count: number, workers: number): number {
  const shares = Math.max(places(config), workers)
  const sharesEach = Math.ceil(shares / workers)
  const shareCount = Math.ceil(count / shares)
  const listeners = sharesEach * Math.ceil(shareCount / PER_LISTENER)
  const namespaceFds = sharesEach * (config.layout === 'pairs' ? 2 : 1)
  return DESCRIPTORS_OWN + namespaceFds + listeners + 2 * shareCount * sharesEach
}

/** While it makes the workers, the one that starts them holds every namespace and a descriptor for each of them. */
const descriptorsOfStarter = (config: ConnectionsConfig, workers: number): number =>
  DESCRIPTORS_OWN + config.namespaces + workers

/** The fewest processes that hold `count` connections, but one a core where there is work for it; null: none do. */
function workersFor(config: ConnectionsConfig, count: number, limits: ConnectionLimits): number | null {
  const wanted = Math.min(limits.cpus_count, Math.ceil(count / CONNECTIONS_A_WORKER_MIN))
  const least = Math.ceil((2 * count) / Math.max(1, limits.open_files_max - DESCRIPTORS_OWN))
  const most = workersMax(limits)
  for (let workers = Math.max(1, wanted, least); workers <= most; workers++)
    if (descriptorsOf(config, count, workers) <= limits.open_files_max) return workers
  return null
}

const workersMax = (limits: ConnectionLimits): number =>
  Math.max(0, Math.min(limits.tasks_available, 100_000) - TASKS_SPARED)

/** What each limit allows of connections, least first. */
function roomsOf(config: ConnectionsConfig, limits: ConnectionLimits): LimitRoom[] {
  const perWorker = (limits.open_files_max - descriptorsOf(config, 0, Math.max(1, places(config)))) / 2
  const ofWorkers = WORKER_BYTES / Math.max(1, perWorker)
  const memory = limits.memory_available_bytes * (1 - MEMORY_SPARED_RATIO) - config.namespaces * NAMESPACE_BYTES
  const rooms = {
    memory: memory / (CONNECTION_BYTES + ofWorkers),
    open_files_and_tasks: perWorker * workersMax(limits),
    machine_files: limits.machine_files_left / 2,
    epoll_watches: limits.epoll_watches_max,
    ports: places(config) * LISTEN_PORTS * PER_LISTENER,
  }
  return Object.entries(rooms)
    .map(([limit, room]) => ({ limit, connections_max: Math.max(0, Math.floor(room)) }))
    .sort((a, b) => a.connections_max - b.connections_max)
}

/** Lays out what is asked for; "max" is lowered to what the least limit allows. */
export function fitConnections(config: ConnectionsConfig, limits: ConnectionLimits): Fit {
  const rooms = roomsOf(config, limits)
  const least = rooms[0] as LimitRoom
  const problems = namespaceProblems(config, limits)
  const count = config.count === 'max' ? least.connections_max : config.count
  if (count < 1) problems.push(problemOf(least, 1))
  else problems.push(...rooms.filter(room => room.connections_max < count).map(room => problemOf(room, count)))
  if (problems.length > 0) return { layout: null, problems }
  const laidOut = layOut(config, count, limits, rooms)
  if (laidOut !== null) return { layout: laidOut, problems }
  // Shares are whole, so a few less may fit where the least limit's figure does not.
  if (config.count === 'max')
    for (let fewer = count; fewer >= 1; fewer = Math.floor(fewer * 0.99)) {
      const layout = layOut(config, fewer, limits, rooms)
      if (layout !== null) return { layout, problems }
    }
  const room = { limit: 'open_files_and_tasks', connections_max: 0 }
  return { layout: null, problems: [problemOf(room, count)] }
}

function layOut(
  config: ConnectionsConfig,
  count: number,
  limits: ConnectionLimits,
  rooms: readonly LimitRoom[],
): ConnectionsLayout | null {
  const workers = workersFor(config, count, limits)
  if (workers === null || descriptorsOfStarter(config, workers) > limits.open_files_max) return null
  return {
    count,
    namespaces: config.namespaces,
    layout: config.layout,
    workers,
    per_listener: PER_LISTENER,
    rate_per_s: config.ratePerS,
    descriptors_count: Math.max(descriptorsOf(config, count, workers), descriptorsOfStarter(config, workers)),
    memory_bytes: count * CONNECTION_BYTES + config.namespaces * NAMESPACE_BYTES + workers * WORKER_BYTES,
    limits: rooms,
  }
}

function namespaceProblems(config: ConnectionsConfig, limits: ConnectionLimits): Problem[] {
  const problem = (limit: string, available: number, remedy: string): Problem => ({
    limit,
    observed: words(available),
    needed: `${words(config.namespaces)} namespaces`,
    remedy,
  })
  const problems: Problem[] = []
  if (config.namespaces > limits.net_namespaces_max)
    problems.push(
      problem(
        'net_namespaces',
        limits.net_namespaces_max,
        `sysctl -w user.max_net_namespaces=${config.namespaces * 2}, or fewer namespaces`,
      ),
    )
  if (descriptorsOfStarter(config, 1) > limits.open_files_max)
    problems.push(
      problem('open_files', limits.open_files_max, 'raise the hard limit on open files, or use fewer namespaces'),
    )
  return problems
}

const words = (value: number): string => (Number.isFinite(value) ? value.toLocaleString('en-US') : 'no limit')

const remedies: Readonly<Record<string, string>> = {
  memory: `a connection takes ${words(CONNECTION_BYTES)} bytes of the kernel: ask for fewer, or give more memory (hosts.memory_mib)`,
  open_files_and_tasks: 'raise the hard limit on open files (ulimit -Hn), or the one on processes, or ask for fewer',
  machine_files: 'sysctl -w fs.file-max=N on the machine, run as its root, or ask for fewer',
  epoll_watches: 'sysctl -w fs.epoll.max_user_watches=N, or ask for fewer',
  ports: 'use more namespaces: each has its own ports',
}

function problemOf({ limit, connections_max }: LimitRoom, count: number): Problem {
  return {
    limit,
    observed: `room for ${words(connections_max)} connections`,
    needed: words(count),
    remedy: remedies[limit] as string,
  }
}
