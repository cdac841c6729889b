// The collector between what finds and polls and what takes rows: lines in order, first polls at once, and every row
// counted. Its parts are stand-ins whose every answer the test gives.

import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { Collector } from '../../../src/dataplane/collector/collector.ts'
import type { Settings } from '../../../src/dataplane/collector/control.ts'
import type {
  DiscoveryHandlers,
  FoundNetns,
  OnRows,
  Polling,
  SlotOutcome,
} from '../../../src/dataplane/collector/parts.ts'
import type { SocketFilter } from '../../../src/dataplane/collector/poller.ts'
import type { EventLine, RowBatch, Sink } from '../../../src/dataplane/collector/types.ts'
import { batchOf } from '../../fixtures/socket-rows.ts'

/** A poller of as many rows a namespace as `rowsOf` says; polls wait while `gate` is there. */
class Polls implements Polling {
  readonly filters: SocketFilter[] = []
  readonly asked: (readonly [number, readonly number[]])[] = []
  readonly removed: number[] = []
  readonly rowsOf = new Map<number, number>()
  readonly onRows: OnRows
  incomplete: string | null = null
  gate: Promise<void> | null = null
  isClosed = false

  constructor(onRows: OnRows) {
    this.onRows = onRows
  }

  setFilter(filter: SocketFilter): void {
    this.filters.push(filter)
  }

  async poll(number: number, slots: readonly number[] = []): Promise<readonly SlotOutcome[]> {
    this.asked.push([number, slots])
    await this.gate
    const outcomes = slots.map(slot => ({
      slot,
      rows: this.rowsOf.get(slot) ?? 2,
      repeated: 1,
      incomplete: this.incomplete,
    }))
    for (const { slot, rows } of outcomes) {
      await this.onRows({ poll: number, slot, seenS: 5, rows: batchOf(rows).rows })
    }
    return outcomes
  }

  remove(slot: number): void {
    this.removed.push(slot)
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

/** Takes everything, or what `takes` leaves of it. */
class Taken implements Sink {
  readonly seen: (EventLine | RowBatch)[] = []
  readonly counts = { sent: 0, stored: 0, dropped: 0, refused: 0, pending: 0 }
  readonly linesDropped = 0
  readonly linesRefused = 0
  readonly pendingBytes = 0
  takes = Number.POSITIVE_INFINITY
  waiting: Promise<void> | null = null
  onLine: (line: EventLine) => void = () => {}

  rows(batch: RowBatch): number {
    this.seen.push(batch)
    return Math.min(this.takes, batch.rows.length)
  }
  line(line: EventLine): void {
    this.seen.push(line)
    this.onLine(line)
  }
  room(): Promise<void> | null {
    return this.waiting
  }
  async close(): Promise<void> {}

  get lines(): EventLine[] {
    return this.seen.filter(each => 'is' in each)
  }
  get batches(): RowBatch[] {
    return this.seen.filter(each => 'rows' in each)
  }
  /** Resolves at the next line that is one. */
  next(is: EventLine['is'], isIt: (line: EventLine) => boolean = () => true): Promise<EventLine> {
    return new Promise(resolve => {
      this.onLine = line => line.is === is && isIt(line) && resolve(line)
    })
  }
}

const found = (slot: number, changes: Partial<FoundNetns> = {}): FoundNetns => ({
  cookie: String(1000 + slot),
  inode: 40 + slot,
  name: null,
  foundBy: 'process',
  open: async () => slot,
  ...changes,
})

function collecting(t: Test, changes: Partial<Settings> = {}) {
  const sink = new Taken()
  const warnings: string[] = []
  let polls: Polls | undefined
  let handlers: DiscoveryHandlers | undefined
  let isStopped = false
  const collector = new Collector({
    poller: onRows => {
      polls = new Polls(onRows)
      return polls
    },
    discovery: async given => {
      handlers = given
      return { close: async () => {} }
    },
    sink,
    settings: { interval_s: 3600, states: [], ports: [], ...changes },
    clock: systemClock,
    startedS: 1,
    onWarning: message => warnings.push(message),
  })
  const stop = async (): Promise<void> => {
    if (!isStopped) await collector.stop()
    isStopped = true
  }
  t.teardown(stop)
  /** Until the first poll of all, of none, has ended. */
  const start = async (): Promise<EventLine> => {
    const first = sink.next('poll')
    await collector.start()
    return first
  }
  return {
    start,
    collector,
    sink,
    warnings,
    polls: polls as Polls,
    stop,
    handlers: () => handlers as DiscoveryHandlers,
  }
}

const isOf = (line: EventLine): string => line.is

t.test('a namespace is told and polled at once when it is found, and told when it is gone', async t => {
  const { start, collector, sink, polls, handlers } = collecting(t)
  t.match(await start(), { poll: 1, first_of: null, namespaces_count: 0, sockets_count: 0 }, 'of none')
  const polled = sink.next('poll')
  handlers().onFound(found(7, { name: '/run/netns/a' }))
  t.match(await polled, {
    poll: 2,
    first_of: '1007',
    namespaces_count: 1,
    sockets_count: 2,
    dropped_count: 0,
    repeated_count: 1,
    incomplete_count: 0,
  })
  t.match(
    sink.batches.map(({ netns, poll, mono_s }) => [netns, poll, mono_s]),
    [['1007', 2, 5]],
  )
  handlers().onGone('1007')
  t.same(polls.removed, [7], 'its socket is closed at once')
  t.same(sink.lines.map(isOf), ['poll', 'netns', 'poll', 'netns_gone'])
  t.match(sink.lines[1], { netns: '1007', inode: 47, name: '/run/netns/a', found_by: 'process' })
  handlers().onGone('1007')
  t.equal(sink.lines.length, 4)
  t.equal(collector.status().namespaces_count, 0)
})

t.test('a poll on demand is of all, and answers with its figures', async t => {
  const { start, collector, sink, polls, handlers } = collecting(t)
  await start()
  for (const slot of [1, 2, 3]) handlers().onFound(found(slot))
  await new Promise(resolve => setImmediate(resolve))
  polls.rowsOf.set(2, 0)
  polls.incomplete = 'deadline'
  sink.takes = 1
  const line = await collector.poll()
  t.match(line, { first_of: null, namespaces_count: 3, sockets_count: 4, dropped_count: 2, incomplete_count: 3 })
  t.same(polls.asked.at(-1), [line.poll, [1, 2, 3]])
  t.same(collector.status().last_poll, line)
})

t.test('rows of a namespace that is gone come to nobody else', async t => {
  const { start, collector, sink, polls, handlers } = collecting(t)
  await start()
  handlers().onFound(found(1))
  await new Promise(resolve => setImmediate(resolve))
  let open = (): void => {}
  polls.gate = new Promise(resolve => (open = resolve))
  const polled = collector.poll()
  await new Promise(resolve => setImmediate(resolve))
  handlers().onGone('1001')
  open()
  t.match(await polled, { sockets_count: 0 })
  t.equal(sink.batches.length, 1, 'of its first poll')
})

t.test('what could not be opened is incomplete in every poll, until it can be', async t => {
  const { start, collector, warnings, handlers } = collecting(t)
  await start()
  let isRefused = true
  const open = async (): Promise<number> => {
    if (isRefused) throw new Error('EMFILE')
    return 9
  }
  handlers().onFound(found(9, { open }))
  await new Promise(resolve => setImmediate(resolve))
  handlers().onFound(found(10, { open }))
  t.match(await collector.poll(), { namespaces_count: 2, incomplete_count: 2, sockets_count: 0 })
  isRefused = false
  t.match(await collector.poll(), { namespaces_count: 2, incomplete_count: 0, sockets_count: 4 })
  const words =
    "namespace 1009 can't be polled: EMFILE; raise the limit on open files (ulimit -Hn): each namespace takes two"
  t.same(warnings, [words], 'told once')
  isRefused = true
  handlers().onFound(found(11, { open, name: '/run/netns/blue' }))
  await collector.poll()
  t.match(warnings.slice(1), [/^namespace \/run\/netns\/blue can't be polled/], 'and again once that was over')
})

t.test('a namespace is opened once, whoever waits for it', async t => {
  const { start, collector, polls, handlers } = collecting(t)
  await start()
  let [asked, opened] = [0, (_: number): void => {}]
  const open = (): Promise<number> => {
    asked++
    return new Promise(resolve => (opened = resolve))
  }
  handlers().onFound(found(4, { open }))
  const polled = collector.poll()
  opened(4)
  t.match(await polled, { namespaces_count: 1, incomplete_count: 0 })
  t.same([asked, polls.removed], [1, []])
})

t.test('why not all sockets were seen is told, until a poll of all sees all', async t => {
  const { start, collector, polls, warnings, handlers } = collecting(t)
  await start()
  handlers().onFound(found(1, { name: '/run/netns/blue' }))
  polls.incomplete = 'ENOENT'
  for (let at = 0; at < 2; at++) await collector.poll()
  polls.incomplete = null
  await collector.poll()
  polls.incomplete = 'deadline'
  await collector.poll()
  const what = 'not all sockets of namespace /run/netns/blue were seen'
  t.match(warnings, [`${what}: ENOENT; the kernel lists no TCP sockets without its module`, `${what}: deadline`])
  t.equal(warnings.length, 2)
})

t.test('gone while it was opened: its socket is closed all the same', async t => {
  const { start, sink, polls, handlers } = collecting(t)
  await start()
  let opened: (slot: number) => void = () => {}
  handlers().onFound(found(4, { open: () => new Promise(resolve => (opened = resolve)) }))
  handlers().onGone('1004')
  opened(4)
  await new Promise(resolve => setImmediate(resolve))
  t.same(polls.removed, [4])
  t.same(sink.batches, [])
})

t.test('a sink without room lets the poller wait; stopping does not', async t => {
  const { start, collector, sink, stop, handlers } = collecting(t)
  await start()
  handlers().onFound(found(1))
  handlers().onFound(found(2))
  await new Promise(resolve => setImmediate(resolve))
  let open = (): void => {}
  sink.waiting = new Promise(resolve => (open = resolve))
  const before = sink.batches.length
  const polled = collector.poll()
  await new Promise(resolve => setImmediate(resolve))
  t.equal(sink.batches.length, before + 1, 'the second waits')
  open()
  sink.waiting = null
  await polled
  t.equal(sink.batches.length, before + 2)
  sink.waiting = new Promise(() => {})
  const last = collector.poll()
  await stop()
  t.match(await last, { sockets_count: 4 })
  t.match(sink.lines.at(-1), { is: 'stop', polls_count: collector.figures.pollsCount })
})

t.test('settings reach schedule and poller; wrong ones are refused and change nothing', async t => {
  const { start, collector, polls, sink } = collecting(t, { states: ['LISTEN'] })
  t.same(polls.filters.at(-1), { interval_s: 3600, states: ['LISTEN'], ports: [] })
  await start()
  const beats = sink.next('poll', line => line.is === 'poll' && line.poll >= 3)
  t.match(collector.set({ interval_s: 0.01, ports: [80] }), { interval_s: 0.01, states: ['LISTEN'], ports: [80] })
  await beats
  t.match(polls.filters.at(-1), { states: ['LISTEN'], ports: [80] })
  for (const wrong of [{ interval_s: 0 }, { states: ['OPEN'] }, { ports: [0] }, { ports: 80 }, { colour: 1 }]) {
    t.throws(() => collector.set(wrong as object), { code: 'USAGE' }, JSON.stringify(wrong))
  }
  t.equal(collector.status().settings.interval_s, 0.01)
})

t.test('what discovery cannot see is a line, and stands in the status', async t => {
  const { start, collector, sink, warnings, handlers } = collecting(t)
  await start()
  const large = { largeProcesses: 8, largeApartS: 0.25 }
  const blind = {
    unreadableProcesses: 4,
    unopened: 5,
    unopenedReason: 'EPERM',
    hiddenMounts: 6,
    unresolvedSockets: 7,
    unseen: null,
    ...large,
  }
  handlers().onBlind({ ...blind, kinds: ['socket'] })
  const line = {
    is: 'blind',
    unreadable_processes_count: 4,
    kinds: ['socket'],
    unopened_namespaces_count: 5,
    hidden_mounts_count: 6,
    unresolved_sockets_count: 7,
    unseen_namespaces_count: null,
    large_processes_count: 8,
    large_apart_s: 0.25,
  }
  t.match(sink.lines.at(-1), line)
  handlers().onBlind({ ...blind, kinds: [] })
  t.same(warnings, ["5 network namespaces can't be opened: EPERM"])
  handlers().onBlind({ ...blind, kinds: ['socket'] })
  t.match(collector.status(), { unreadable_processes_count: 4, blind_kinds: ['socket'], blind: line })
  const text = collector.figures.render(sink)
  t.match(text, /^nslab_collect_unreadable_processes 4$/m)
  t.match(text, /^nslab_collect_blind_kinds\{kind="socket"\} 1$/m)
  for (const [name, value] of Object.entries({
    unopened_namespaces: 5,
    hidden_mounts: 6,
    unresolved_sockets: 7,
    large_processes: 8,
    large_apart_seconds: 0.25,
  }))
    t.match(text, `\nnslab_collect_${name} ${value}\n`)
  t.notMatch(text, 'unseen_namespaces', 'a kernel without a list says nothing of it')
  handlers().onBlind({ ...blind, kinds: [], unseen: 9 })
  t.match(collector.figures.render(sink), /^nslab_collect_unseen_namespaces 9$/m)
})
