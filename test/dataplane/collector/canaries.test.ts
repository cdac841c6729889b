// Faults put in on purpose do what they say, between the collector and its parts.

import t from 'tap'
import { startCanaries } from '../../../src/dataplane/collector/canaries.ts'
import type { DiscoveryHandlers, FoundNetns, Polling } from '../../../src/dataplane/collector/parts.ts'
import type { EventLine, RowBatch, Sink } from '../../../src/dataplane/collector/types.ts'
import { batchOf } from '../../fixtures/socket-rows.ts'

/** One that takes nothing, but for what is given. */
const sinkWith = (parts: Partial<Pick<Sink, 'counts' | 'rows' | 'line'>>): Sink => ({
  counts: { sent: 0, stored: 0, dropped: 0, refused: 0, pending: 0 },
  linesDropped: 0,
  linesRefused: 0,
  pendingBytes: 0,
  rows: () => 0,
  line: () => {},
  room: () => null,
  close: async () => {},
  ...parts,
})

/** What reached a sink behind these canaries: [namespace, cookies] a batch. */
function through(canaries: readonly string[], batches: readonly RowBatch[], takes = 1000) {
  const seen: [string, string[]][] = []
  const sink = sinkWith({
    rows: ({ netns, rows }) => {
      if (rows.length > 0) seen.push([netns, rows.map(({ cookie }) => cookie)])
      return Math.min(takes, rows.length)
    },
  })
  const spoiled = startCanaries(canaries).sink(sink)
  return { seen, took: batches.map(batch => spoiled.rows(batch)) }
}

t.test('none changes nothing', async t => {
  t.same(through([], [batchOf(3)]), { seen: [['4097', ['1', '2', '3']]], took: [3] })
})

t.test('lost rows were taken, as far as the collector hears', async t => {
  const { seen, took } = through(['lose-rows=3'], [batchOf(4), batchOf(4, 5)])
  t.same(
    seen.flatMap(([, cookies]) => cookies),
    ['1', '2', '4', '5', '7', '8'],
  )
  t.same(took, [4, 4])
})

t.test('doubled rows come twice', async t => {
  const { seen, took } = through(['double-rows=3'], [batchOf(4)])
  t.same(seen, [
    ['4097', ['1', '2', '3', '4']],
    ['4097', ['3']],
  ])
  t.same(took, [4])
})

t.test('misattributed rows are of the namespace before', async t => {
  const batches = [batchOf(2, 1, { netns: 'a' }), batchOf(2, 3, { netns: 'b' }), batchOf(2, 5, { netns: 'b' })]
  const { seen } = through(['misattribute-rows=2'], batches)
  t.same(seen, [
    ['a', ['1', '2']],
    ['b', ['3']],
    ['a', ['4']],
    ['b', ['5']],
    ['a', ['6']],
  ])
})

t.test('dropped rows are not taken, and never come', async t => {
  const { seen, took } = through(['drop-rows=3'], [batchOf(4), batchOf(4, 5)])
  t.same(
    seen.flatMap(([, cookies]) => cookies),
    ['1', '2', '4', '5', '7', '8'],
  )
  t.same(took, [3, 3])
})

t.test('of a poll that is lost whole neither a row nor its line comes, and its rows count as sent', t => {
  const seen: unknown[] = []
  const counts = { sent: 10, stored: 8, dropped: 0, refused: 0, pending: 2 }
  const sink = sinkWith({
    counts,
    rows: ({ poll, rows }) => seen.push(poll) && rows.length,
    line: line => void seen.push(line.is === 'poll' ? `end of ${line.poll}` : line.is),
  })
  const spoiled = startCanaries(['lose-polls=2']).sink(sink)
  const end = { is: 'poll', at_s: 1, mono_s: 1, took_s: 1, first_of: null, namespaces_count: 1 } as const
  const none = { sockets_count: 3, dropped_count: 0, repeated_count: 0, incomplete_count: 0 }
  for (const poll of [1, 2, 3]) {
    t.equal(spoiled.rows({ ...batchOf(3), poll }), 3)
    spoiled.line({ ...end, ...none, poll })
  }
  spoiled.line({ is: 'netns_gone', at_s: 1, mono_s: 1, netns: '5' })
  t.same(seen, [1, 'end of 1', 3, 'end of 3', 'netns_gone'])
  t.same(spoiled.counts, { sent: 13, stored: 11, dropped: 0, refused: 0, pending: 2 })
  t.end()
})

/** A discovery that sees everything. */
const seeing = {
  unreadableProcesses: 0,
  kinds: [],
  unopened: 0,
  unopenedReason: null,
  hiddenMounts: 0,
  unresolvedSockets: 0,
  unseen: null,
  largeProcesses: 0,
  largeApartS: 0,
}

/** Polls, and sees nothing. */
const still: Polling = { setFilter: () => {}, poll: async () => [], remove: () => {}, close: async () => {} }

/** What a collector gets of one dump behind these canaries. */
function polled(canaries: readonly string[], poll: number, cookies: readonly string[]) {
  const rows = batchOf(cookies.length).rows.map((row, index) => ({ ...row, cookie: cookies[index] as string }))
  const seen: string[] = []
  const onRows = startCanaries(canaries).rows(group => {
    seen.push(...group.rows.map(({ cookie }) => cookie))
    return null
  })
  onRows({ poll, slot: 0, seenS: 1, rows })
  return seen
}

t.test('missed sockets are the same in each poll; those without a cookie are left', async t => {
  for (const poll of [1, 2])
    t.same(polled(['miss-sockets=3'], poll, ['1', '2', '3', '0', '6', '7']), ['1', '2', '0', '7'])
})

t.test('sockets that a poll leaves out are told by another', async t => {
  t.same(polled(['skip-sockets=3'], 1, ['1', '2', '3', '4', '5', '6']), ['1', '3', '4', '6'])
  t.same(polled(['skip-sockets=3'], 2, ['1', '2', '3', '4', '5', '6']), ['2', '3', '5', '6'])
})

t.test('a namespace that is called gone early is called gone again when it is', async t => {
  const seen: string[] = []
  const sink = sinkWith({
    line: line => void seen.push('netns' in line ? `${line.is} ${line.netns}` : line.is),
  })
  const { line } = startCanaries(['early-forgetting=2']).sink(sink)
  const at = { at_s: 1, mono_s: 1 }
  for (const netns of ['5', '6']) line({ is: 'netns', ...at, netns, inode: 1, name: null, found_by: 'thread' })
  line({ is: 'netns_gone', ...at, netns: '6' })
  t.same(seen, ['netns 5', 'netns 6', 'netns_gone 6', 'netns_gone 6'])
})

t.test('what is never forgotten is found, and never called gone', async t => {
  const seen: string[] = []
  const { line } = startCanaries(['never-forgetting=2']).sink(
    sinkWith({ line: event => void seen.push(`${event.is} ${'netns' in event ? event.netns : ''}`) }),
  )
  const at = { at_s: 1, mono_s: 1 }
  for (const netns of ['5', '6']) line({ is: 'netns', ...at, netns, inode: 1, name: null, found_by: 'thread' })
  for (const netns of ['5', '6']) line({ is: 'netns_gone', ...at, netns })
  t.same(seen, ['netns 5', 'netns 6', 'netns_gone 5'])
})

t.test("a ghost comes beside true sockets, with nobody's cookie", async t => {
  const seen = polled(['ghost-sockets=2'], 1, ['1', '2', '3'])
  t.same(seen.slice(0, 2), ['1', '2'])
  t.equal(seen.length, 4)
  t.ok(BigInt(seen[2] as string) > 2n ** 59n)
})

t.test('a dump that is cut tells half, and says that it is not whole', async t => {
  t.same(polled(['cut-dumps=4'], 8, ['1', '2', '3', '4']), ['3', '4'])
  t.same(polled(['cut-dumps=4'], 9, ['1', '2', '3', '4']), ['1', '2', '3', '4'])
  const polling = startCanaries(['cut-dumps=4']).polling({
    ...still,
    poll: async () => [0, 1].map(slot => ({ slot, rows: 1, repeated: 0, incomplete: null })),
  })
  t.match(await polling.poll(8), [{ incomplete: 'truncated' }, { incomplete: null }])
})

t.test('a slow poll is as good, and takes longer', async t => {
  const startedMs = performance.now()
  t.same(await startCanaries(['slow-poll=0.1']).polling(still).poll(1), [])
  t.ok(performance.now() - startedMs > 90)
})

t.test('what is lines of a sink: a namespace that never was, and one that is gone but told of late', async t => {
  const lines: EventLine[] = []
  const sink = sinkWith({
    line: line => void lines.push(line),
  })
  const late = startCanaries(['late-forgetting=0.1']).sink(sink)
  late.line({ is: 'netns_gone', at_s: 7, mono_s: 5, netns: '9' })
  late.line({ is: 'netns_gone', at_s: 7, mono_s: 5, netns: '10' })
  t.same(lines, [])
  while (lines.length < 2) await new Promise(resolve => setTimeout(resolve, 10))
  t.match(lines[0], { is: 'netns_gone', at_s: 7.1, mono_s: 5.1, netns: '9' })
  startCanaries(['ghost-namespace=0.02']).sink(sink)
  while (lines.length < 4) await new Promise(resolve => setTimeout(resolve, 10))
  t.match(lines.slice(2), [{ is: 'netns' }, { is: 'netns' }])
  t.equal(new Set(lines.map(line => ('netns' in line ? line.netns : ''))).size, lines.length, 'each another')
})

t.test('one that is blind to sockets finds none that is held by one, and says so', async t => {
  const said: unknown[] = []
  const handlers = startCanaries(['blind-to-sockets=2']).discovery({
    onFound: ({ cookie }) => said.push(cookie),
    onGone: cookie => said.push(`gone ${cookie}`),
    onBlind: blindness => said.push(blindness),
  })
  handlers.onFound({ ...found('1'), foundBy: 'socket' })
  handlers.onFound(found('2'))
  handlers.onGone('1')
  handlers.onGone('2')
  handlers.onBlind({ ...seeing, unreadableProcesses: 1, kinds: ['socket'] })
  const blind = { ...seeing, unreadableProcesses: 3, unopened: 2, unresolvedSockets: 2, kinds: ['socket'] }
  t.same(said, ['2', 'gone 2', blind])
})

t.test('what a sink drops is still counted', async t => {
  t.same(through(['lose-rows=100'], [batchOf(4)], 1).took, [1])
})

const found = (cookie: string): FoundNetns => ({
  cookie,
  inode: 1,
  name: null,
  foundBy: 'process',
  open: async () => 1,
})

/** What a collector behind these canaries hears. */
function heard(canaries: readonly string[]) {
  const said: string[] = []
  const handlers: DiscoveryHandlers = {
    onFound: ({ cookie }) => said.push(`found ${cookie}`),
    onGone: cookie => said.push(`gone ${cookie}`),
    onBlind: () => said.push('blind'),
  }
  return { said, handlers: startCanaries(canaries).discovery(handlers) }
}

t.test('a missed namespace is never heard of', async t => {
  const { said, handlers } = heard(['miss-namespace=2'])
  for (const cookie of ['1', '2', '3']) handlers.onFound(found(cookie))
  for (const cookie of ['1', '2', '3']) handlers.onGone(cookie)
  handlers.onBlind(seeing)
  t.same(said, ['found 1', 'found 3', 'gone 1', 'gone 3', 'blind'])
})

t.test('late discovery tells later, and nothing of what has gone meanwhile', async t => {
  const { said, handlers } = heard(['late-discovery=0.01'])
  handlers.onFound(found('1'))
  handlers.onFound(found('2'))
  handlers.onGone('2')
  t.same(said, [])
  await new Promise(resolve => setTimeout(resolve, 50))
  handlers.onGone('1')
  t.same(said, ['found 1', 'gone 1'])
})

t.test('a stalled poll never ends; those before do', async t => {
  const asked: number[] = []
  const polling: Polling = {
    setFilter: () => {},
    poll: async number => {
      asked.push(number)
      return []
    },
    remove: () => {},
    close: async () => {},
  }
  const stalled = startCanaries(['stall-poll=0.05']).polling(polling)
  t.same(await stalled.poll(1), [])
  await new Promise(resolve => setTimeout(resolve, 100))
  const never = stalled.poll(2).then(() => 'ended')
  t.equal(await Promise.race([never, new Promise(resolve => setTimeout(resolve, 20, 'stalled'))]), 'stalled')
  t.same(asked, [1])
})

t.test('an unknown canary, or one of no strength, is a wrong use', async t => {
  for (const wrong of ['fly', 'lose-rows=0', 'lose-rows=many', 'toString']) {
    t.throws(() => startCanaries([wrong]), { code: 'USAGE' }, wrong)
  }
})

t.test('what is released late is held until then', async t => {
  const released = new Promise<number>(resolve => {
    const polling: Polling = {
      setFilter: () => {},
      poll: async () => [],
      remove: resolve,
      close: async () => {},
    }
    startCanaries(['late-release=0.05']).polling(polling).remove(7)
  })
  const fromMs = performance.now()
  const waiting = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(waiting))
  t.equal(await released, 7)
  t.ok(performance.now() - fromMs > 40)
})
