import t from 'tap'
import { churnNeeds, requireDescriptors, tableEntriesOf } from '../../../src/lab/churn/needs.ts'
import { churnSpec, fewSockets } from '../../fixtures/churn.ts'

t.test('descriptors are two a connection, one a listener, and one that holds', t => {
  const bare = { ...fewSockets, pairs: 0, short: 0, halfClosed: 0, timeWait: 0, listeners: 0 }
  const of = (sockets: typeof fewSockets, namespaces = 100) =>
    churnNeeds(churnSpec({ namespaces, sockets })).descriptors_count
  const fixed = of(bare) - 100
  t.equal(of(bare, 200), fixed + 200)
  t.equal(of({ ...bare, pairs: 5 }), fixed + 11 * 100)
  t.equal(of({ ...bare, short: 2, halfClosed: 3 }), fixed + 11 * 100)
  t.equal(of({ ...bare, listeners: 4 }), fixed + 5 * 100)
  t.equal(of({ ...bare, timeWait: 9 }), fixed + 2 * 100, 'one to ask for all that are in TIME_WAIT')
  t.end()
})

t.test('processes and threads are counted by their share, with room for chance', t => {
  const kinds = { named: 1, mounted: 0, process: 1, thread: 0, descriptor: 0, socket: 0 }
  const few = churnNeeds(churnSpec({ namespaces: 1000, kinds: { ...kinds, process: 0 } })).tasks_count
  const half = churnNeeds(churnSpec({ namespaces: 1000, kinds })).tasks_count - few
  t.ok(half > 500 && half < 700, `${half}`)
  t.equal(churnNeeds(churnSpec({ namespaces: 1000, kinds: { ...kinds, named: 0 } })).tasks_count - few, 1000)
  t.end()
})

t.test('more churn, more of everything', t => {
  const little = churnNeeds(churnSpec())
  const much = churnNeeds(churnSpec({ namespaces: 500, ratePerS: 500 }))
  for (const need of ['descriptors_count', 'namespaces_count', 'tasks_count', 'memory_bytes'] as const)
    t.ok(much[need] > little[need], need)
  t.equal(much.namespaces_count, 500 + 500 + 64, 'those of two seconds, and those on the way to a fault')
  t.end()
})

t.test('a limit is refused with the numbers, and the one that suffices is not', t => {
  const spec = churnSpec({ namespaces: 1000 })
  const needed = churnNeeds(spec).descriptors_count
  requireDescriptors(spec, needed)
  t.throws(() => requireDescriptors(spec, needed - 1), {
    code: 'NOT_FIT',
    facts: { problems: [new RegExp(`${needed} are needed for 1000 .*${needed - 1} are allowed`)] },
  })
  t.end()
})

t.test('a table of its own has two places a socket, a thousand at least; a shared one needs none', t => {
  const of = (sockets: Partial<typeof fewSockets>) =>
    tableEntriesOf(churnSpec({ connectionTable: 'own', sockets: { ...fewSockets, ...sockets } }))
  t.equal(tableEntriesOf(churnSpec({ connectionTable: 'shared' })), 0)
  const { connectionTable: _none, ...before } = churnSpec({ connectionTable: 'shared' })
  t.equal(tableEntriesOf(before as ReturnType<typeof churnSpec>), 0, 'as before there was a choice')
  t.equal(of({}), 1024)
  t.equal(of({ pairs: 1000 }), 2 * (2 * 1000 + 2 + 2 + 1 + 1))
  t.equal(of({ timeWait: 20_000 }) - of({ timeWait: 10_000 }), 20_000)
  t.end()
})
