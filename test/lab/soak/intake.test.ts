import t from 'tap'
import { Intake } from '../../../src/lab/soak/intake.ts'
import type { CollectedLine, CollectedSocket } from '../../../src/protocol/collected.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'

/** Times of the collector count from the boot; the run began at 100 s. */
const ORIGIN_S = 100

function newIntake(): { readonly intake: Intake; readonly said: ObservedLine[] } {
  const said: ObservedLine[] = []
  return { intake: new Intake({ originS: ORIGIN_S, nowS: () => 50, emit: line => said.push(line) }), said }
}

const row = (poll: number, netns: string, facts: Partial<CollectedSocket> = {}): CollectedSocket => ({
  is: 'socket',
  poll,
  at_s: 0,
  mono_s: ORIGIN_S + poll,
  netns,
  cookie: '7',
  family: 4,
  state: 'ESTABLISHED',
  src: '127.0.0.1',
  src_port: 1000,
  dst: '127.0.0.1',
  dst_port: 2000,
  inode: 1,
  uid: 0,
  cgroup_id: null,
  receive_queue_bytes: 0,
  send_queue_bytes: 0,
  congestion: null,
  tcp: null,
  ...facts,
})

const polled = (poll: number, sockets_count: number, facts: object = {}): CollectedLine => ({
  is: 'poll',
  poll,
  at_s: 0,
  mono_s: ORIGIN_S + poll,
  took_s: 0.25,
  first_of: null,
  namespaces_count: 1,
  sockets_count,
  dropped_count: 0,
  repeated_count: 0,
  incomplete_count: 0,
  ...facts,
})

const found = (netns: string): CollectedLine => ({
  is: 'netns',
  at_s: 0,
  mono_s: ORIGIN_S + 0.1234567,
  netns,
  inode: 5,
  name: '/run/netns/a',
  found_by: 'directory',
})

const gone = (netns: string): CollectedLine => ({ is: 'netns_gone', at_s: 0, mono_s: ORIGIN_S + 9, netns })

t.test('the rows of a socket become one sighting, told when its namespace is gone', async t => {
  const { intake, said } = newIntake()
  for (const line of [
    found('1'),
    row(1, '1'),
    row(2, '1', { state: 'CLOSE_WAIT' }),
    row(2, '1', { cookie: '8', family: 6, src_port: 22, dst_port: 0, state: 'LISTEN' }),
  ])
    intake.take(line)
  t.same([...intake.known], ['1'])
  intake.take(gone('1'))
  t.same(said, [
    {
      is: 'found',
      t_s: 0.123457,
      got_s: 50,
      netns: '1',
      inode: 5,
      name: '/run/netns/a',
      found_by: 'directory',
    },
    {
      is: 'forgot',
      t_s: 9,
      netns: '1',
      gone: true,
      more: false,
      sockets: [
        ['7', 4, 1000, 2000, 'CLOSE_WAIT', 1, 2, 2],
        ['8', 6, 22, 0, 'LISTEN', 2, 2, 1],
      ],
    },
  ])
  t.same([...intake.known], [])
})

t.test('a poll is told with the rows that came of it, doubled ones counted', async t => {
  const { intake, said } = newIntake()
  for (const line of [row(1, '1'), row(1, '1'), row(1, '2'), polled(1, 2), row(2, '1'), polled(2, 2)]) intake.take(line)
  const counts = said.map(line => line.is === 'polled' && [line.poll, line.rows_sent_count, line.rows_stored_count])
  t.same(counts, [
    [1, 2, 3],
    [2, 2, 1],
  ])
  t.match(said, [{ rows_doubled_count: 1 }, { rows_doubled_count: 0 }])
  t.match(intake.figures, { polls_count: 2, rows_stored_count: 4, rows_doubled_count: 1, netns_known_count: 0 })
})

t.test('a first poll of a namespace beside one of all doubles nothing, though their rows mix', async t => {
  const { intake, said } = newIntake()
  for (const poll of [3, 4]) intake.take(row(poll, '1'))
  intake.take(polled(4, 1, { first_of: '1' }))
  intake.take(polled(3, 1))
  t.match(said, [{ rows_doubled_count: 0 }, { rows_doubled_count: 0 }])
  intake.take(row(5, '1'))
  intake.take(row(6, '1'))
  intake.take(row(5, '1'))
  intake.take(polled(5, 1))
  t.match(said.at(-1), { poll: 5, rows_stored_count: 2, rows_doubled_count: 1 }, 'and what is doubled, is')
})

t.test('sockets in TIME_WAIT without a cookie are told apart by family and ports', async t => {
  const { intake, said } = newIntake()
  const waiting = { cookie: '0', state: 'TIME_WAIT' }
  intake.take(row(1, '1', waiting))
  intake.take(row(1, '1', { ...waiting, src_port: 1001 }))
  intake.take(row(1, '1', { ...waiting, family: 6 }))
  intake.take(polled(1, 3))
  t.match(said, [{ rows_stored_count: 3, rows_doubled_count: 0 }])
})

t.test('with its observer ends all that it knew, also rows of namespaces that it never announced', async t => {
  const { intake, said } = newIntake()
  for (const line of [found('1'), row(1, '2')]) intake.take(line)
  intake.end(30)
  t.match(said.slice(1), [
    { is: 'forgot', t_s: 30, netns: '1', gone: false, sockets: [] },
    { is: 'forgot', t_s: 30, netns: '2', gone: false, sockets: [['7']] },
  ])
  intake.end(31)
  t.equal(said.length, 3, 'once')
  intake.take(found('1'))
  t.match(said.at(-1), { is: 'found', netns: '1' }, 'the next one finds it anew')
})

t.test('a namespace with many sockets is told in parts', async t => {
  const { intake, said } = newIntake()
  for (let cookie = 1; cookie <= 1001; cookie++) intake.take(row(1, '1', { cookie: String(cookie) }))
  intake.take(gone('1'))
  const parts = said.map(line => line.is === 'forgot' && [line.sockets.length, line.more])
  t.same(parts, [
    [500, true],
    [500, true],
    [1, false],
  ])
})

t.test('what it can not see is passed on', async t => {
  const { intake, said } = newIntake()
  intake.take({ is: 'blind', at_s: 0, mono_s: ORIGIN_S + 3, unreadable_processes_count: 2, kinds: ['socket'] })
  const more = { unopened_namespaces_count: 3, large_apart_s: 0.5 }
  intake.take({ is: 'blind', at_s: 0, mono_s: ORIGIN_S + 4, unreadable_processes_count: 2, kinds: [], ...more })
  const foreign = { is: 'blind', t_s: -7, at_s: 0, mono_s: ORIGIN_S + 5, unreadable_processes_count: 0, kinds: [] }
  intake.take(foreign as unknown as CollectedLine)
  t.match(said.pop(), { is: 'blind', t_s: 5 }, 'at the time that the run knows it by')
  t.same(said, [
    { is: 'blind', t_s: 3, unreadable_processes_count: 2, kinds: ['socket'] },
    { is: 'blind', t_s: 4, unreadable_processes_count: 2, kinds: [], ...more },
  ])
})
