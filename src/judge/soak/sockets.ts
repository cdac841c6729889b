// The sockets of one namespace: those that were truly there against those that were seen under it.

import type { Population, TrueSocket } from '../../protocol/churn.ts'
import type { SeenSocket } from '../../protocol/observed.ts'

/** What an observer was told to leave out. Empty: nothing. */
export interface SocketFilter {
  readonly states: readonly string[]
  readonly ports: readonly number[]
}

/** States in which sockets of a population are dumped; an observer that was told to leave one out misses none. */
const statesOf: Readonly<Record<Population, readonly string[]>> = {
  pair: ['ESTABLISHED'],
  short: ['ESTABLISHED'],
  half_closed: ['FIN_WAIT2', 'CLOSE_WAIT'],
  time_wait: ['TIME_WAIT'],
  listener: ['LISTEN'],
}

/** Whether the observer was asked for such a socket. */
export function isWanted({ population, port }: TrueSocket, { states, ports }: SocketFilter): boolean {
  return (
    (states.length === 0 || statesOf[population].every(state => states.includes(state))) &&
    (ports.length === 0 || ports.includes(port))
  )
}

/** Whether it is told as a socket of that population is, throughout the time that it is promised for. */
export const isStateOf = (population: Population, state: string): boolean => statesOf[population].includes(state)

export const statesWords = (population: Population): string => statesOf[population].join(' or ')

export interface Matched {
  /** Of the true sockets, by index: as what it was seen; empty: never. */
  readonly sightings: readonly (readonly SeenSocket[])[]
  /** Seen, and not of this namespace. */
  readonly strangers: readonly SeenSocket[]
}

/**
 * Matches by the kernel's cookie; with another family or other ports than it has, a socket is told as what it is not.
 * One in TIME_WAIT is another object than the one that was closed, with a cookie that nobody could know before: it is
 * told by family and ports, within its namespace. So is what was there before it, the connection that both of its ends
 * were, which a poll may meet while the namespace is being made. What a poll meets in SYN_RECV is a request, no socket
 * yet: where it is dumped just as its socket is made, the two have a cookie each. And what a poll meets just as the
 * kernel lets go of it is in CLOSE and has no port of its own any more.
 */
export function matchSockets(truth: readonly TrueSocket[], seen: readonly SeenSocket[]): Matched {
  const byCookie = new Map<string, { readonly index: number; readonly keys: readonly string[] }>()
  const byPorts = new Map<string, number>()
  const brief = new Set<string>()
  for (const [index, { cookie, family, port, peer_port: peer, population }] of truth.entries()) {
    const key = portsKey(family, port, peer)
    if (cookie !== null) byCookie.set(cookie, { index, keys: [key, closedKey(family, peer)] })
    else
      for (const either of [key, portsKey(family, peer, port), closedKey(family, peer), closedKey(family, port)])
        brief.add(either)
    if (population === 'time_wait' || !byPorts.has(key)) byPorts.set(key, index)
  }
  const sightings = truth.map((): SeenSocket[] => [])
  const strangers: SeenSocket[] = []
  for (const socket of seen) {
    const [cookie, family, port, peer, state] = socket
    const key = state === 'CLOSE' && port === 0 ? closedKey(family, peer) : portsKey(family, port, peer)
    const own = byCookie.get(cookie)
    const index = own?.index ?? (state === 'TIME_WAIT' ? byPorts.get(key) : undefined)
    if (own !== undefined && !own.keys.includes(key)) strangers.push(socket)
    else if (index !== undefined) sightings[index]?.push(socket)
    else if (!brief.has(key) && !(state === 'SYN_RECV' && byPorts.has(key))) strangers.push(socket)
  }
  return { sightings, strangers }
}

const closedKey = (family: number, peer: number): string => `${family} closed ${peer}`

const portsKey = (family: number, port: number, peer: number): string => `${family} ${port} ${peer}`
