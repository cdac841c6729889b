// How often a socket had to be told, and how often it was.

import t from 'tap'
import { Polls } from '../../../src/judge/soak/polls.ts'
import { knownTimes, sightingsOf } from '../../../src/judge/soak/sightings.ts'
import type { SeenSocket } from '../../../src/protocol/observed.ts'

/** One a second from `fromS` to `toS`, 0.1 s each. */
function pollsOf(fromS: number, toS: number): Polls {
  const polls = new Polls()
  const counts = { namespaces_count: 1, rows_sent_count: 1, rows_stored_count: 1, rows_doubled_count: 0 }
  const none = { rows_dropped_count: 0, repeated_count: 0, incomplete_count: 0 }
  for (let t_s = fromS; t_s <= toS; t_s++)
    polls.add({ is: 'polled', t_s, poll: t_s, took_s: 0.1, first_of: null, ...counts, ...none })
  return polls
}

const told = (firstS: number, lastS: number, rows: number): SeenSocket => [
  '7',
  4,
  80,
  9000,
  'ESTABLISHED',
  firstS,
  lastS,
  rows,
]
const always = [{ fromS: 0, toS: Number.POSITIVE_INFINITY }]
/** A life of ten polls, at 10 s to 19 s. */
const life = { fromS: 9.5, toS: 19.5 }
const of = (seen: readonly SeenSocket[], known = always) => sightingsOf(life, { known, seen }, pollsOf(0, 40), 1)

t.test('told by every poll of its life, and by more, nothing is missing', async t => {
  t.same(of([told(10.05, 19.05, 10)]), { due: 10, missed: 0 })
  t.same(of([told(9.2, 19.05, 11)]), { due: 10, missed: 0 }, "its namespace's own first poll, too")
})

t.test('what was told once and never again is missing in all other polls', async t => {
  t.same(of([told(10.05, 10.05, 1)]), { due: 10, missed: 9 })
  t.same(of([]), { due: 10, missed: 10 })
})

t.test('a gap shows although other polls make up for the number', async t => {
  t.same(of([told(5.05, 25.05, 12)]), { due: 10, missed: 8 })
})

t.test('what its process did not know its namespace for is not due', async t => {
  const known = knownTimes({ finds: [14.2, 3], endings: [12.5], forgotS: 30 })
  t.same(known, [
    { fromS: 3, toS: 12.5 },
    { fromS: 14.2, toS: Number.POSITIVE_INFINITY },
  ])
  t.same(of([told(10.05, 12.05, 3), told(14.5, 19.05, 5)], known), { due: 3 + 4, missed: 0 })
})

t.test('found again, or called gone too early, it was known all the time', async t => {
  t.same(knownTimes({ finds: [3, 5, 9], endings: [20, 20], forgotS: 4 }), [{ fromS: 3, toS: 20 }])
  t.same(knownTimes({ finds: [3], endings: [], forgotS: 4 }), [{ fromS: 3, toS: Number.POSITIVE_INFINITY }])
})

t.test('of a namespace that nobody has forgotten no socket was told so far', async t => {
  t.same(knownTimes({ finds: [3], endings: [], forgotS: null }), [])
  t.same(knownTimes({ finds: [], endings: [7], forgotS: null }), [])
})

t.test('polls within a time are those that began and ended in it', async t => {
  const polls = pollsOf(0, 40)
  t.equal(polls.countWithin(10, 19.5), 10)
  t.equal(polls.countWithin(10.01, 19.05), 8)
  t.equal(polls.countWithin(10.05, 10.09), 0, 'none was within')
})
