// Sockets that are there, and told as what they are not; and a truth that contradicts itself.

import t from 'tap'
import type { SeenSocket } from '../../../src/protocol/observed.ts'
import { judgeSoak } from '../../fixtures/soak-judge.ts'
import { type SoakData, soakRun } from '../../fixtures/soak-run.ts'

const PRECISION = 'socket_precision_ratio'
/** Of namespace 25. */
const NETNS = '40075'

/** The run, with all sockets of one namespace told otherwise. */
function told(change: (socket: SeenSocket) => SeenSocket): SoakData {
  const data = soakRun()
  const observed = data.observed.map(line =>
    line.is === 'forgot' && line.netns === NETNS ? { ...line, sockets: line.sockets.map(change) } : line,
  )
  return { ...data, observed }
}

const inState = (from: string, to: string): SoakData =>
  told(([cookie, family, port, peer, state, ...times]) => [
    cookie,
    family,
    port,
    peer,
    state === from ? to : state,
    ...times,
  ])

t.test('a socket in a state that it was not in is told falsely', async t => {
  const listening = judgeSoak(t, inState('LISTEN', 'ESTABLISHED'))
  t.equal(listening.value(PRECISION), 679 / 680)
  t.match(listening.why(PRECISION), /\(IPv4, ESTABLISHED, port 4000 to 0\) of namespace 25 was LISTEN all the time/)
  t.equal(judgeSoak(t, inState('ESTABLISHED', 'CLOSE_WAIT')).value(PRECISION), 678 / 680)
})

t.test('what is told of it as it ends, or comes to be, may be any state', async t => {
  const data = inState('ESTABLISHED', 'CLOSE')
  const [made, dropped] = data.churn.filter(line => 'id' in line && line.id === 25)
  if (made?.is !== 'made' || dropped?.is !== 'dropped') throw new Error('namespace 25 is not as it was')
  const lastS = data.observed.flatMap(line =>
    line.is === 'forgot' && line.netns === NETNS ? line.sockets.map(socket => socket[6]) : [],
  )
  const churn = data.churn.map(line => (line === dropped ? { ...line, asked_s: Math.min(...lastS) } : line))
  t.equal(judgeSoak(t, { ...data, churn }).value(PRECISION), 1)
  const sockets = made.sockets.map(socket => ({ ...socket, from_s: Math.max(...lastS) - 0.5 }))
  const late = data.churn.map(line => (line === made ? { ...line, sockets } : line))
  t.equal(judgeSoak(t, { ...data, churn: late }).value(PRECISION), 1)
})

t.test('a socket that is told before its namespace was made was not seen', async t => {
  const early = judgeSoak(
    t,
    told(([cookie, family, port, peer, state, firstS, ...rest]) => [
      cookie,
      family,
      port,
      peer,
      state,
      state === 'LISTEN' ? firstS - 3 : firstS,
      ...rest,
    ]),
  )
  t.equal(early.value(PRECISION), 679 / 680)
  t.match(early.why(PRECISION), /namespace 25 was seen 2\.\d+ s before that was made/)
})

t.test('a namespace that is told with the number or the name of another is found falsely', async t => {
  const data = soakRun()
  /** Namespace 28, which has a name, told otherwise. */
  const foundAs = (facts: { readonly inode?: number; readonly name?: string | null }) => {
    const observed = data.observed.map(line =>
      line.is === 'found' && line.netns === String(40_000 + 28 * 3) ? { ...line, ...facts } : line,
    )
    return judgeSoak(t, { ...data, observed })
  }
  for (const name of ['churn28', '/run/netns/churn28', '/proc/7/ns/net', null])
    t.equal(foundAs({ name }).value('netns_precision_ratio'), 1, `${name}`)
  const named = foundAs({ name: '/run/netns/churn27' })
  t.equal(named.value('netns_precision_ratio'), 170 / 171)
  t.match(
    named.why('netns_precision_ratio'),
    /namespace 28 \(named, churn28, inode \d+\) was found as another: \/run\/netns\/churn27, inode/,
  )
  t.equal(foundAs({ inode: 7 }).value('netns_precision_ratio'), 170 / 171)
  t.equal(foundAs({ inode: 7 }).value('netns_recall_ratio'), 1, 'that it is there was told')
})

t.test('a truth that contradicts itself proves nothing', async t => {
  const data = soakRun()
  const twins = data.churn.map(line =>
    line.is === 'made' && line.id === 30 ? { ...line, cookie: String(40_000 + 31 * 3) } : line,
  )
  // One of the drain, whose operations nobody counts.
  const last = data.churn.findLast(line => line.is === 'dropped') as SoakData['churn'][number]
  const cases: Readonly<Record<string, [churn: SoakData['churn'], problem: RegExp]>> = {
    'two namespaces of one cookie': [twins, /namespaces 30 and 31 have the same cookie 40093/],
    'a namespace dropped twice': [[...data.churn, last], /namespace \d+ was dropped more often than made/],
  }
  for (const [name, [churn, problem]] of Object.entries(cases)) {
    const { history, report } = judgeSoak(t, { ...data, churn })
    t.match(history.damage, [{ file: 'churn.ndjson', kind: 'corrupt', problem }], name)
    t.equal(report.verdict, 'unknown', name)
  }
})
