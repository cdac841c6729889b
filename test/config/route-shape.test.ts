import t from 'tap'
import { routeEdges } from '../../src/config/route-shape.ts'

t.test('a path becomes its edges', t => {
  t.same(routeEdges([1, 2, 3]), [
    [1, 2],
    [2, 3],
  ])
  t.end()
})

t.test('edges stay as they are when they have one source and no cycle', t => {
  const edges = [
    [1, 2],
    [2, 4],
    [1, 3],
    [3, 4],
  ] as const
  t.same(routeEdges(edges), edges)
  t.end()
})

t.test('what is no route is said in words', t => {
  t.type(routeEdges([]), 'string', 'nothing')
  t.type(routeEdges([1]), 'string', 'one node')
  t.type(routeEdges([1, 2, 1]), 'string', 'a path that comes back')
  t.type(routeEdges([1, [1, 2]]), 'string', 'a mixture')
  t.type(
    routeEdges([
      [1, 2],
      [2, 3],
      [3, 2],
    ]),
    'string',
    'a cycle',
  )
  t.type(
    routeEdges([
      [1, 3],
      [2, 3],
    ]),
    'string',
    'two sources',
  )
  t.end()
})
