import t from 'tap'
import { resolveRoute, routeHop } from '../../src/topology/explicit-routes.ts'

t.test('a path has one source, one sink, and unicast hops', t => {
  const route = resolveRoute([
    [1, 2],
    [2, 3],
  ])
  t.match(route, { sourceId: 1, destinationId: 3, sinks: [3] })
  t.same(routeHop(route, 2), { nextHops: [3], sourceId: 1, destinationId: 3, forwardMode: 'unicast' })
  t.same(routeHop(route, 3)?.nextHops, [3], 'a sink delivers locally')
  t.equal(routeHop(route, 4), null, 'a node off the route gets no entry')
  t.end()
})

t.test('a graph with several sinks is multicast and goes to the first', t => {
  const route = resolveRoute([
    [1, 2],
    [2, 5],
    [2, 4],
    [2, 4],
  ])
  t.match(route, { sourceId: 1, destinationId: 5, sinks: [5, 4] })
  t.same(routeHop(route, 2), { nextHops: [5, 4], sourceId: 1, destinationId: 5, forwardMode: 'multicast' })
  t.end()
})

t.test('the source is the first node with out-edges and no in-edges, wherever it stands', t => {
  t.equal(
    resolveRoute([
      [2, 3],
      [1, 2],
    ]).sourceId,
    1,
  )
  t.end()
})

t.test('a cycle has neither source nor destination', t => {
  t.match(
    resolveRoute([
      [1, 2],
      [2, 1],
    ]),
    { sourceId: 0, destinationId: 0, sinks: [] },
  )
  t.end()
})
