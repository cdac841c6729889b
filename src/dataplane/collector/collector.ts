// The collector: polls all namespaces at fixed distances and each at once when it is found, and hands every row to the
// sink. It counts what it hands over; what the sink makes of that is the sink's to count.

import type { Clock } from '../../base/clock.ts'
import type { Controlled, Settings, Status } from './control.ts'
import { Figures, type PollLine } from './figures.ts'
import type {
  Blindness,
  Discovering,
  DiscoveryHandlers,
  FoundNetns,
  OnRows,
  Polling,
  RowGroup,
  SlotOutcome,
} from './parts.ts'
import { type Beat, Schedule } from './schedule.ts'
import { checkChanges } from './settings.ts'
import { Troubles } from './troubles.ts'
import type { Sink } from './types.ts'

export interface CollectorOptions {
  readonly poller: (onRows: OnRows) => Polling
  readonly discovery: (handlers: DiscoveryHandlers, poller: Polling) => Promise<Discovering>
  readonly sink: Sink
  readonly settings: Settings
  readonly clock: Clock
  /** When the process began, s since the epoch. */
  readonly startedS: number
  /** Something a user should know, and that is counted as well. */
  readonly onWarning: (message: string) => void
}

/** A namespace that is there. */
interface Netns {
  readonly found: FoundNetns
  /** Of the poller; null where it could not be opened so far, which every poll of all tries again. */
  slot: number | null
  /** While it is being opened: whether the poller has it then. */
  opening: Promise<boolean> | null
  isGone: boolean
}

/** Of a poll that is going on. */
interface Running {
  rows: number
  dropped: number
}

/** How long polls that are under way may take at the end. */
const STOP_DEADLINE_MS = 5_000

export class Collector implements Controlled {
  readonly figures: Figures
  readonly #options: CollectorOptions
  readonly #poller: Polling
  readonly #schedule: Schedule
  readonly #netns = new Map<string, Netns>()
  /** By number of the poller. */
  readonly #cookies = new Map<number, string>()
  readonly #running = new Map<number, Running>()
  /** First polls and polls on demand that are going on. */
  readonly #others = new Set<Promise<unknown>>()
  #discovery: Discovering | undefined
  #settings: Settings
  #polls = 0
  #isStopped = false
  readonly #troubles: Troubles
  /** When nothing waits for the sink any more: what still comes is the rest of a poll. */
  #stop: () => void = () => {}
  readonly #stopping = new Promise<void>(resolve => {
    this.#stop = resolve
  })

  constructor(options: CollectorOptions) {
    this.#options = options
    this.#settings = options.settings
    this.figures = new Figures(options.startedS)
    this.#troubles = new Troubles(options.onWarning)
    this.#poller = options.poller(group => this.#onRows(group))
    this.#poller.setFilter(options.settings)
    this.#schedule = new Schedule(options.clock, options.settings.interval_s, beat => this.#onBeat(beat))
  }

  /** Begins to look and to poll. Rejects with why nothing can be found here. */
  async start(): Promise<void> {
    const handlers: DiscoveryHandlers = {
      onFound: found => this.#onFound(found),
      onGone: cookie => this.#onGone(cookie),
      onBlind: blindness => this.#onBlind(blindness),
    }
    this.#discovery = await this.#options.discovery(handlers, this.#poller)
    this.#schedule.start()
  }

  /** No poll begins any more, those under way end, and the last line is written. The sink stays open. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#stop()
    const ended = Promise.all([this.#schedule.stop(), this.#discovery?.close(), ...this.#others])
    let timer: NodeJS.Timeout | undefined
    const late = new Promise(resolve => {
      timer = setTimeout(resolve, STOP_DEADLINE_MS)
    })
    await Promise.race([ended, late])
    clearTimeout(timer)
    await this.#poller.close()
    this.#options.sink.line({ is: 'stop', ...this.#now(), polls_count: this.figures.pollsCount })
  }

  set(changes: Partial<Settings>): Settings {
    this.#settings = { ...this.#settings, ...checkChanges(changes) }
    if (changes.interval_s !== undefined) this.#schedule.setInterval(changes.interval_s)
    this.#poller.setFilter(this.#settings)
    return this.#settings
  }

  /** A poll of all, at once. */
  poll(): Promise<PollLine> {
    return this.#beside(this.#pollAll())
  }

  status(): Status {
    const { sink } = this.#options
    const blind = this.figures.blindLine
    return {
      pid: process.pid,
      settings: this.#settings,
      namespaces_count: this.#netns.size,
      polls_count: this.figures.pollsCount,
      last_poll: this.figures.lastPoll,
      rows: sink.counts,
      pending_bytes: sink.pendingBytes,
      unreadable_processes_count: blind?.unreadable_processes_count ?? 0,
      blind_kinds: blind?.kinds ?? [],
      blind,
    }
  }

  async #onBeat({ lateS }: Beat): Promise<void> {
    this.figures.began(lateS)
    await this.#pollAll().catch(error => this.#onPollFailed(error))
    this.figures.skipped(this.#schedule.skippedCount)
  }

  /** A poll that stop() did not wait for any longer is rejected by the poller; nothing else is. */
  #onPollFailed(error: unknown): void {
    if (!this.#isStopped) throw error
  }

  #onFound(found: FoundNetns): void {
    if (this.#isStopped) return
    const { cookie, inode, name, foundBy } = found
    const netns: Netns = { found, slot: null, opening: null, isGone: false }
    this.#netns.set(cookie, netns)
    this.figures.found()
    this.#options.sink.line({ is: 'netns', ...this.#now(), netns: cookie, inode, name, found_by: foundBy })
    void this.#beside(this.#pollFirst(netns).catch(error => this.#onPollFailed(error)))
  }

  #onGone(cookie: string): void {
    const netns = this.#netns.get(cookie)
    if (netns === undefined) return
    netns.isGone = true
    this.#netns.delete(cookie)
    if (netns.slot !== null) this.#remove(netns.slot)
    this.figures.gone()
    this.#options.sink.line({ is: 'netns_gone', ...this.#now(), netns: cookie })
  }

  #onBlind(blindness: Blindness): void {
    const { unopened, unopenedReason } = blindness
    if (unopenedReason === null) this.#troubles.end('unopened')
    else this.#troubles.begin('unopened', `${unopened} network namespaces can't be opened`, unopenedReason)
    const line = {
      is: 'blind',
      ...this.#now(),
      unreadable_processes_count: blindness.unreadableProcesses,
      kinds: blindness.kinds,
      unopened_namespaces_count: blindness.unopened,
      hidden_mounts_count: blindness.hiddenMounts,
      unresolved_sockets_count: blindness.unresolvedSockets,
      unseen_namespaces_count: blindness.unseen,
      large_processes_count: blindness.largeProcesses,
      large_apart_s: microseconds(blindness.largeApartS),
    } as const
    this.figures.blind(line)
    this.#options.sink.line(line)
  }

  /** Hands rows to the sink as they come, and lets the poller wait for it. */
  #onRows({ poll, slot, seenS, rows }: RowGroup): Promise<void> | null {
    const netns = this.#cookies.get(slot)
    // Removed while they were on their way: its end is told already.
    if (netns === undefined) return null
    const running = this.#running.get(poll)
    if (running === undefined) throw new Error(`rows of no poll: ${poll}`)
    const { sink } = this.#options
    running.rows += rows.length
    running.dropped += rows.length - sink.rows({ poll, ...this.#timesOf(seenS), netns, rows })
    const room = this.#isStopped ? null : sink.room()
    return room && Promise.race([room, this.#stopping])
  }

  async #pollFirst(netns: Netns): Promise<void> {
    if (!(await this.#open(netns)) || this.#isStopped) return
    await this.#poll([netns], netns.found.cookie)
  }

  async #pollAll(): Promise<PollLine> {
    const all = [...this.#netns.values()]
    const isOpen = await Promise.all(all.map(netns => netns.slot !== null || this.#open(netns)))
    if (all.every(({ isGone }, at) => isGone || isOpen[at])) this.#troubles.end('unpolled')
    return this.#poll(
      all.filter(({ isGone }) => !isGone),
      null,
    )
  }

  async #poll(among: readonly Netns[], firstOf: string | null): Promise<PollLine> {
    const number = ++this.#polls
    const startedS = this.#nowS()
    const running: Running = { rows: 0, dropped: 0 }
    this.#running.set(number, running)
    const slots = among.map(({ slot }) => slot).filter(slot => slot !== null)
    const outcomes = slots.length === 0 ? [] : await this.#poller.poll(number, slots)
    this.#running.delete(number)
    const line: PollLine = {
      is: 'poll',
      poll: number,
      ...this.#timesOf(startedS),
      took_s: microseconds(this.#nowS() - startedS),
      first_of: firstOf,
      namespaces_count: outcomes.length + among.length - slots.length,
      sockets_count: running.rows,
      dropped_count: running.dropped,
      repeated_count: sum(outcomes, ({ repeated }) => repeated),
      // One that can't be opened is not seen at all.
      incomplete_count: sum(outcomes, ({ incomplete }) => Number(incomplete !== null)) + among.length - slots.length,
    }
    this.#tellIncomplete(outcomes, firstOf === null)
    this.figures.polled(
      line,
      outcomes.map(({ rows }) => rows),
    )
    this.#options.sink.line(line)
    return line
  }

  #tellIncomplete(outcomes: readonly SlotOutcome[], areAll: boolean): void {
    const cut = outcomes.find(({ incomplete }) => incomplete !== null)
    const found = this.#netns.get(this.#cookies.get(cut?.slot ?? 0) ?? '')?.found
    if (typeof cut?.incomplete === 'string' && found !== undefined)
      this.#troubles.begin('incomplete', `not all sockets of namespace ${nameOf(found)} were seen`, cut.incomplete)
    else if (areAll) this.#troubles.end('incomplete')
  }

  /** Whether the poller has it now. */
  #open(netns: Netns): Promise<boolean> {
    netns.opening ??= this.#openOnce(netns).finally(() => {
      netns.opening = null
    })
    return netns.opening
  }

  async #openOnce(netns: Netns): Promise<boolean> {
    let slot: number
    try {
      slot = await netns.found.open()
    } catch (error) {
      const what = `namespace ${nameOf(netns.found)} can't be polled`
      if (!netns.isGone) this.#troubles.begin('unpolled', what, (error as Error).message)
      return false
    }
    // Gone while it was opened.
    if (netns.isGone) this.#poller.remove(slot)
    else {
      netns.slot = slot
      this.#cookies.set(slot, netns.found.cookie)
    }
    return !netns.isGone
  }

  #remove(slot: number): void {
    this.#cookies.delete(slot)
    this.#poller.remove(slot)
  }

  /** Lets stop() wait for it. */
  #beside<T>(work: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = work.then(
      () => this.#others.delete(ended),
      () => this.#others.delete(ended),
    )
    this.#others.add(ended)
    return work
  }

  #now(): Times {
    return this.#timesOf(this.#nowS())
  }

  #nowS(): number {
    return Number(this.#options.clock.nowNs()) / 1e9
  }

  #timesOf(monoS: number): Times {
    const wallS = this.#options.clock.wallDate().getTime() / 1e3
    // The wall clock counts milliseconds.
    return { at_s: Math.round((wallS - this.#nowS() + monoS) * 1e3) / 1e3, mono_s: microseconds(monoS) }
  }
}

interface Times {
  readonly at_s: number
  readonly mono_s: number
}

/** What people know it by. */
const nameOf = ({ name, cookie }: FoundNetns): string => name ?? cookie

const microseconds = (seconds: number): number => Math.round(seconds * 1e6) / 1e6

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
