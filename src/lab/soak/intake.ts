// What an observer says of sockets, put together: a row a poll and socket comes in, a line a namespace goes out. Pure
// but for the time at which a line was read.

import type { CollectedLine, CollectedSocket } from '../../protocol/collected.ts'
import type { ObservedLine, SeenSocket } from '../../protocol/observed.ts'

/** Sockets of one line: some 60 bytes each. */
const SOCKETS_A_LINE = 500

export interface IntakeOptions {
  /** CLOCK_MONOTONIC s that times count from. */
  readonly originS: number
  readonly nowS: () => number
  readonly emit: (line: ObservedLine) => void
}

/** A socket of a namespace, as its rows had it. */
interface Sighting {
  readonly cookie: string
  readonly family: 4 | 6
  readonly port: number
  readonly peerPort: number
  readonly firstS: number
  state: string
  lastS: number
  rows: number
  /** The last two polls that had it: a first poll of its namespace may run beside one of all. */
  poll: number
  pollBefore: number
}

interface Poll {
  rows: number
  doubled: number
}

export class Intake {
  readonly #options: IntakeOptions
  /** By the namespace's cookie, then by the socket's. */
  readonly #namespaces = new Map<string, Map<string, Sighting>>()
  readonly #found = new Set<string>()
  readonly #polls = new Map<number, Poll>()
  #rows = 0
  #doubled = 0
  #pollsEnded = 0
  #tookS = 0

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Namespaces that the observer has found and not called gone. */
  get known(): ReadonlySet<string> {
    return this.#found
  }

  /** For the live view. */
  get figures(): Readonly<Record<string, number>> {
    return {
      netns_known_count: this.#found.size,
      polls_count: this.#pollsEnded,
      poll_last_s: this.#tookS,
      rows_stored_count: this.#rows,
      rows_doubled_count: this.#doubled,
    }
  }

  take(line: CollectedLine): void {
    switch (line.is) {
      case 'socket':
        this.#see(line)
        return
      case 'netns': {
        const { netns, inode, name, found_by } = line
        this.#found.add(netns)
        const t_s = this.#at(line.mono_s)
        this.#options.emit({ is: 'found', t_s, got_s: this.#options.nowS(), netns, inode, name, found_by })
        return
      }
      case 'netns_gone':
        this.#forget(line.netns, this.#at(line.mono_s), true)
        return
      case 'poll':
        this.#ended(line)
        return
      case 'blind': {
        const { is, at_s: _, mono_s, ...blind } = line
        // A program of somebody's own may have further keys.
        this.#options.emit({ ...blind, is, t_s: this.#at(mono_s) })
      }
    }
  }

  /** The observer is no more: what it knew is told as it was, and another begins with nothing. */
  end(tS: number): void {
    for (const netns of new Set([...this.#found, ...this.#namespaces.keys()])) this.#forget(netns, tS, false)
    this.#polls.clear()
  }

  #at(monoS: number): number {
    // As precise as it was told: the difference has digits that mean nothing.
    return Math.round((monoS - this.#options.originS) * 1e6) / 1e6
  }

  #see(row: CollectedSocket): void {
    const poll = this.#pollOf(row.poll)
    const atS = this.#at(row.mono_s)
    const sockets = this.#socketsOf(row.netns)
    const key = keyOf(row)
    const known = sockets.get(key)
    this.#rows += 1
    poll.rows += 1
    if (known === undefined) {
      const { cookie, family, state, src_port: port, dst_port: peerPort } = row
      const sighting = { cookie, family, port, peerPort, firstS: atS, state, lastS: atS, rows: 1 }
      sockets.set(key, { ...sighting, poll: row.poll, pollBefore: row.poll })
      return
    }
    known.rows += 1
    if (known.poll === row.poll || (known.rows > 2 && known.pollBefore === row.poll)) {
      poll.doubled += 1
      this.#doubled += 1
      return
    }
    known.pollBefore = known.poll
    known.poll = row.poll
    known.state = row.state
    known.lastS = atS
  }

  #pollOf(number: number): Poll {
    const known = this.#polls.get(number)
    if (known !== undefined) return known
    const poll = { rows: 0, doubled: 0 }
    this.#polls.set(number, poll)
    return poll
  }

  #socketsOf(netns: string): Map<string, Sighting> {
    const known = this.#namespaces.get(netns)
    if (known !== undefined) return known
    const sockets = new Map<string, Sighting>()
    this.#namespaces.set(netns, sockets)
    return sockets
  }

  #ended(line: Extract<CollectedLine, { is: 'poll' }>): void {
    const { poll, took_s, first_of, namespaces_count, repeated_count, incomplete_count } = line
    const { rows, doubled } = this.#pollOf(poll)
    this.#polls.delete(poll)
    this.#pollsEnded += 1
    if (first_of === null) this.#tookS = took_s
    this.#options.emit({
      is: 'polled',
      t_s: this.#at(line.mono_s),
      poll,
      took_s,
      first_of,
      namespaces_count,
      rows_sent_count: line.sockets_count,
      rows_stored_count: rows,
      rows_doubled_count: doubled,
      rows_dropped_count: line.dropped_count,
      repeated_count,
      incomplete_count,
    })
  }

  #forget(netns: string, tS: number, gone: boolean): void {
    const sockets = [...(this.#namespaces.get(netns)?.values() ?? [])]
    this.#namespaces.delete(netns)
    this.#found.delete(netns)
    for (let from = 0; ; from += SOCKETS_A_LINE) {
      const more = from + SOCKETS_A_LINE < sockets.length
      const part = sockets.slice(from, from + SOCKETS_A_LINE).map(seenSocket)
      this.#options.emit({ is: 'forgot', t_s: tS, netns, gone, more, sockets: part })
      if (!more) return
    }
  }
}

/** What is in TIME_WAIT may have no cookie: family and ports tell it. */
const keyOf = ({ cookie, family, src_port, dst_port }: CollectedSocket): string =>
  cookie === '0' ? `${family} ${src_port} ${dst_port}` : cookie

const seenSocket = ({ cookie, family, port, peerPort, state, firstS, lastS, rows }: Sighting): SeenSocket => [
  cookie,
  family,
  port,
  peerPort,
  state,
  firstS,
  lastS,
  rows,
]
