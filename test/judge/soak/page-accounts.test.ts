// The page of an observer whose processes follow each other: each is held against its own polls.

import t from 'tap'
import { PageAccounts } from '../../../src/judge/soak/page-accounts.ts'
import { POLLS_METRIC, ROWS_SENT_METRIC } from '../../../src/protocol/collected.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'

const ROWS = 10

const poll = (t_s: number): ObservedLine => ({
  is: 'polled',
  t_s,
  poll: t_s,
  took_s: 0.1,
  first_of: null,
  namespaces_count: 1,
  rows_sent_count: ROWS,
  rows_stored_count: ROWS,
  rows_doubled_count: 0,
  rows_dropped_count: 0,
  repeated_count: 0,
  incomplete_count: 0,
})

/** Of so many polls; `rows` beside them. */
const page = (t_s: number, polls: number, rows = 0): ObservedLine => ({
  is: 'scraped',
  t_s,
  values: { [ROWS_SENT_METRIC]: polls * ROWS + rows, [POLLS_METRIC]: polls },
})

const started = (t_s: number): ObservedLine => ({ is: 'observer_started', t_s, pid: t_s, start_ticks: t_s })
const ended = (t_s: number): ObservedLine => ({
  is: 'observer_exited',
  t_s,
  pid: 1,
  status: 'killed by SIGKILL',
  wanted: true,
  oom: false,
})

const untold = (lines: readonly ObservedLine[]): number => {
  const accounts = new PageAccounts()
  for (const line of lines) accounts.add(line)
  const { count, mayBe } = accounts.untold()
  t.equal(mayBe, count)
  return count
}

/** At each second from the first to the last. */
const polls = (first: number, last: number): ObservedLine[] =>
  Array.from({ length: last - first + 1 }, (_, index) => poll(first + index))

t.test('polls lost after a restart, and before it', async t => {
  const first = [started(0), ...polls(1, 9), page(6.5, 6), ended(10)]
  const second = [started(11), ...polls(12, 20)]
  t.equal(untold([...first, ...second, page(21, 9)]), 0)
  t.equal(untold([...first, ...second, page(21, 12)]), 3 * ROWS)
  const losing = [started(0), ...polls(1, 9), page(6.5, 11), ended(10)]
  t.equal(untold([...losing, ...second, page(21, 9)]), 2 * ROWS)
  t.equal(untold([...losing, ...second, page(21, 12)]), 5 * ROWS)
})

t.test('what was on its way when a process was killed is not lost', async t => {
  const lines = (scraped: ObservedLine) => [started(0), ...polls(1, 9), page(4, 4), scraped, ended(10), started(11)]
  t.equal(untold(lines(page(9.5, 10))), 0, 'the last poll, a moment before')
  t.equal(untold(lines(page(7.5, 9, 7))), 0, 'nor the rows of a poll that never ended')
  t.equal(untold(lines(page(7.5, 10))), ROWS)
})

t.test('polls that a database tells when another process is there are those of the one before', async t => {
  const lines = [started(0), ...polls(1, 4), page(7.5, 9), ended(10), started(11), ...polls(5, 9), ...polls(12, 13)]
  t.equal(untold([...lines, page(14, 2)]), 0)
})

t.test('a page that does not count polls tells of the last process alone', async t => {
  const scraped = (t_s: number, rows: number): ObservedLine => ({
    is: 'scraped',
    t_s,
    values: { [ROWS_SENT_METRIC]: rows },
  })
  const lines = [started(0), poll(1), scraped(5, 99), ended(10), started(11), poll(12)]
  t.equal(untold([...lines, scraped(20, ROWS)]), 0)
  t.equal(untold([...lines, scraped(20, ROWS + 4)]), 4)
  t.equal(untold([...lines, { is: 'scraped', t_s: 21, values: {} }]), 0, 'nor one without rows')
})

t.test('a page that could never be read is told, and one of a program that has none is not', async t => {
  const unread = (lines: readonly ObservedLine[]): string | null => {
    const accounts = new PageAccounts()
    for (const line of lines) accounts.add(line)
    return accounts.unread
  }
  const problem = 'no answer in 2 s'
  const failed = (t_s: number): ObservedLine => ({ is: 'scraped', t_s, values: {}, problem })
  t.equal(unread([started(0), poll(1)]), null)
  t.equal(unread([started(0), failed(1), poll(2), failed(3)]), problem)
  t.equal(unread([started(0), failed(1), page(2, 1), failed(3)]), null, 'it was once')
  t.equal(unread([started(0), page(1, 1), ended(4), started(5), failed(6)]), problem, 'that of the last process')
  t.equal(unread([started(0), { is: 'scraped', t_s: 1, values: { other: 1 } }]), null, 'a page of its own')
})
