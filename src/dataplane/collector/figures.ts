// What a collector has done so far, for /metrics and for `nslab collect status`. Pure.

import type { CollectedLine } from '../../protocol/collected.ts'
import { describeMetric, describeNumber, Histogram } from './prometheus.ts'
import type { RowCounts } from './types.ts'

export type PollLine = Extract<CollectedLine, { is: 'poll' }>
export type BlindLine = Extract<CollectedLine, { is: 'blind' }>

/** What the sink says of itself when somebody asks. */
export interface SinkFigures {
  readonly counts: RowCounts
  readonly linesDropped: number
  readonly linesRefused: number
  readonly pendingBytes: number
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** A namespace's sockets. */
const SOCKETS = [0, 1, 10, 100, 1_000, 10_000, 100_000]

export class Figures {
  /** s since the epoch. */
  readonly #startedS: number
  readonly #took = { all: new Histogram(SECONDS), one: new Histogram(SECONDS) }
  readonly #late = new Histogram(SECONDS)
  #namespaceSockets = new Histogram(SOCKETS)
  #found = 0
  #gone = 0
  #repeated = 0
  #incomplete = 0
  #skipped = 0
  #polls = 0
  #lastPoll: PollLine | null = null
  #blind: BlindLine | null = null

  constructor(startedS: number) {
    this.#startedS = startedS
  }

  get lastPoll(): PollLine | null {
    return this.#lastPoll
  }

  get pollsCount(): number {
    return this.#polls
  }

  get namespacesCount(): number {
    return this.#found - this.#gone
  }

  found(): void {
    this.#found++
  }

  gone(): void {
    this.#gone++
  }

  /** A poll of all began so much later than it was due. */
  began(lateS: number): void {
    this.#late.observe(lateS)
  }

  /** Polls that fell into another so far. */
  skipped(count: number): void {
    this.#skipped = count
  }

  /** `socketsOf`: of each namespace that a poll of all went through. */
  polled(line: PollLine, socketsOf: Iterable<number>): void {
    this.#polls++
    this.#repeated += line.repeated_count
    this.#incomplete += line.incomplete_count
    this.#took[line.first_of === null ? 'all' : 'one'].observe(line.took_s)
    if (line.first_of !== null) return
    this.#lastPoll = line
    this.#namespaceSockets = new Histogram(SOCKETS)
    for (const sockets of socketsOf) this.#namespaceSockets.observe(sockets)
  }

  blind(line: BlindLine): void {
    this.#blind = line
  }

  get blindLine(): BlindLine | null {
    return this.#blind
  }

  /** All of it in Prometheus' text format. */
  render(sink: SinkFigures): string {
    const { sent, stored, dropped, refused, pending } = sink.counts
    const last = this.#lastPoll
    const kinds = this.#blind?.kinds ?? []
    const name = (rest: string): string => `nslab_collect_${rest}`
    const counter = (rest: string, help: string, value: number): string =>
      describeNumber(name(`${rest}_total`), 'counter', help, value)
    const gauge = (rest: string, help: string, value: number): string =>
      describeNumber(name(rest), 'gauge', help, value)
    return [
      describeNumber(
        'process_start_time_seconds',
        'gauge',
        'Start time of the process since the epoch in seconds.',
        this.#startedS,
      ),
      gauge('namespaces', 'Network namespaces that are known.', this.namespacesCount),
      counter('namespaces_found', 'Network namespaces found.', this.#found),
      counter('namespaces_gone', 'Network namespaces that are gone.', this.#gone),
      gauge('sockets', 'Sockets in the last poll of all namespaces.', last?.sockets_count ?? 0),
      describeMetric(
        name('namespace_sockets'),
        'histogram',
        'Namespaces by their number of sockets, in the last poll of all.',
        this.#namespaceSockets.lines(name('namespace_sockets')),
      ),
      describeMetric(
        name('poll_duration_seconds'),
        'histogram',
        'How long polls took: of all namespaces, or a first one of one.',
        [
          ...this.#took.all.lines(name('poll_duration_seconds'), 'of="all"'),
          ...this.#took.one.lines(name('poll_duration_seconds'), 'of="one"'),
        ],
      ),
      describeMetric(
        name('poll_lateness_seconds'),
        'histogram',
        'How much later than due polls of all namespaces began.',
        this.#late.lines(name('poll_lateness_seconds')),
      ),
      counter('polls_skipped', 'Polls that were due while another was still going on.', this.#skipped),
      gauge('last_poll_time_seconds', 'When the last poll of all namespaces ended, since the epoch.', last?.at_s ?? 0),
      counter(
        'dumps_repeated',
        'Dumps that the kernel interrupted or cut short, and that were repeated.',
        this.#repeated,
      ),
      counter('dumps_incomplete', 'Dumps that were given up.', this.#incomplete),
      counter('rows_sent', 'Rows handed to the sink: stored, dropped, refused or pending.', sent),
      counter('rows_stored', 'Rows that the sink has kept for good.', stored),
      counter('rows_dropped', 'Rows that the sink could not take.', dropped),
      counter('rows_refused', 'Rows that the sink will never take, whatever is tried.', refused),
      gauge('rows_pending', 'Rows that wait for the sink.', pending),
      gauge('pending_bytes', 'Memory of what waits for the sink.', sink.pendingBytes),
      counter('lines_dropped', 'Lines other than rows that the sink could not take.', sink.linesDropped),
      counter('lines_refused', 'Lines other than rows that the sink will never take.', sink.linesRefused),
      gauge(
        'unreadable_processes',
        'Processes whose namespaces could not be read at the last reconcile.',
        this.#blind?.unreadable_processes_count ?? 0,
      ),
      gauge(
        'unopened_namespaces',
        'Namespaces that were seen at the last reconcile and can not be opened or entered.',
        this.#blind?.unopened_namespaces_count ?? 0,
      ),
      gauge(
        'hidden_mounts',
        'Namespaces mounted where another mount hides them.',
        this.#blind?.hidden_mounts_count ?? 0,
      ),
      gauge(
        'unresolved_sockets',
        'Sockets of readable processes whose namespace could not be asked for.',
        this.#blind?.unresolved_sockets_count ?? 0,
      ),
      ...(typeof this.#blind?.unseen_namespaces_count === 'number'
        ? [
            gauge(
              'unseen_namespaces',
              "Namespaces in the kernel's own list that nothing showed.",
              this.#blind.unseen_namespaces_count,
            ),
          ]
        : []),
      gauge(
        'large_processes',
        'Processes with so many descriptors that they are not looked into each time.',
        this.#blind?.large_processes_count ?? 0,
      ),
      gauge(
        'large_apart_seconds',
        'How far apart looks into one of those are, the longest: so late is what only they hold found.',
        this.#blind?.large_apart_s ?? 0,
      ),
      describeMetric(
        name('blind_kinds'),
        'gauge',
        'Kinds of namespaces that cannot be found here, each with the value 1.',
        kinds.map(kind => `${name('blind_kinds')}{kind="${kind}"} 1`),
      ),
    ].join('')
  }
}
