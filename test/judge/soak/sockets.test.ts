import t from 'tap'
import { isWanted, matchSockets } from '../../../src/judge/soak/sockets.ts'
import type { TrueSocket } from '../../../src/protocol/churn.ts'
import type { SeenSocket } from '../../../src/protocol/observed.ts'

const truth: readonly TrueSocket[] = [
  { population: 'listener', cookie: '10', family: 4, port: 4000, peer_port: 0 },
  { population: 'pair', cookie: '11', family: 4, port: 4000, peer_port: 50_000 },
  { population: 'pair', cookie: '12', family: 4, port: 50_000, peer_port: 4000 },
  { population: 'time_wait', cookie: null, family: 6, port: 50_001, peer_port: 4001 },
]

/** Which of the true sockets were seen, and who else. */
function matched(sightings: readonly SeenSocket[]) {
  const { sightings: of, strangers } = matchSockets(truth, sightings)
  return { isSeen: of.map(as => as.length > 0), strangers }
}

const seen = (cookie: string, family: 4 | 6, port: number, peer: number, state: string): SeenSocket => [
  cookie,
  family,
  port,
  peer,
  state,
  1,
  2,
  1,
]

t.test('sockets are told by their cookies, and with their own family and ports', async t => {
  t.same(matched([seen('11', 4, 4000, 50_000, 'ESTABLISHED')]), { isSeen: [false, true, false, false], strangers: [] })
  const others = [
    seen('11', 4, 4001, 50_000, 'ESTABLISHED'),
    seen('11', 4, 4000, 50_001, 'ESTABLISHED'),
    seen('11', 6, 4000, 50_000, 'ESTABLISHED'),
    seen('10', 6, 50_001, 4001, 'ESTABLISHED'),
  ]
  t.same(matched(others), { isSeen: [false, false, false, false], strangers: others })
})

t.test('what a socket was seen as is kept, once for each process that saw it', async t => {
  const [one, other] = [seen('11', 4, 4000, 50_000, 'ESTABLISHED'), seen('11', 4, 4000, 50_000, 'FIN_WAIT1')]
  t.same(matchSockets(truth, [one, other]).sightings, [[], [one, other], [], []])
})

t.test('a socket of another cookie is a stranger, though its ports are those of one that is there', async t => {
  const stranger = seen('99', 4, 4000, 50_000, 'ESTABLISHED')
  t.same(matched([stranger]), { isSeen: [false, false, false, false], strangers: [stranger] })
})

t.test('TIME_WAIT is told by its ports, also that of a connection that was closed meanwhile', async t => {
  const { isSeen, strangers } = matched([
    seen('77', 6, 50_001, 4001, 'TIME_WAIT'),
    seen('78', 4, 50_000, 4000, 'TIME_WAIT'),
    seen('79', 6, 50_001, 4002, 'TIME_WAIT'),
  ])
  t.same(isSeen, [false, false, true, true])
  t.same(
    strangers.map(([cookie]) => cookie),
    ['79'],
  )
})

t.test('what was a connection before it was TIME_WAIT is no stranger, and not yet TIME_WAIT seen', async t => {
  const before = [seen('70', 6, 50_001, 4001, 'ESTABLISHED'), seen('71', 6, 4001, 50_001, 'LAST_ACK')]
  t.same(matched(before), { isSeen: [false, false, false, false], strangers: [] })
})

t.test('what the kernel lets go of just then has no port, and is no stranger where its other end is known', async t => {
  const own = [seen('11', 4, 0, 50_000, 'CLOSE'), seen('10', 4, 0, 0, 'CLOSE')]
  t.same(matched(own), { isSeen: [true, true, false, false], strangers: [] })
  const before = [seen('70', 6, 0, 4001, 'CLOSE'), seen('71', 6, 0, 50_001, 'CLOSE')]
  t.same(matched(before), { isSeen: [false, false, false, false], strangers: [] })
  const others = [
    seen('11', 4, 0, 50_001, 'CLOSE'),
    seen('11', 4, 0, 50_000, 'ESTABLISHED'),
    seen('72', 4, 0, 50_000, 'CLOSE'),
    seen('73', 6, 0, 4001, 'SYN_SENT'),
  ]
  t.same(matched(others), { isSeen: [false, false, false, false], strangers: others })
})

t.test('the request of a connection that is there is no stranger, and not the connection seen', async t => {
  const requests = [seen('60', 4, 4000, 50_000, 'SYN_RECV'), seen('61', 4, 4000, 50_009, 'SYN_RECV')]
  t.same(matched(requests), { isSeen: [false, false, false, false], strangers: requests.slice(1) })
})

t.test('an observer that was told to leave sockets out misses none of them', async t => {
  const wanted = (states: string[], ports: number[] = []): boolean[] =>
    truth.map(socket => isWanted(socket, { states, ports }))
  t.same(wanted([]), [true, true, true, true])
  t.same(wanted(['LISTEN', 'TIME_WAIT']), [true, false, false, true])
  t.same(wanted([], [4000]), [true, true, false, false])
  const half = { ...truth[1], population: 'half_closed' } as TrueSocket
  t.equal(isWanted(half, { states: ['FIN_WAIT2'], ports: [] }), false)
  t.equal(isWanted(half, { states: ['FIN_WAIT2', 'CLOSE_WAIT'], ports: [] }), true)
})
