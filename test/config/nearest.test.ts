import t from 'tap'
import { editDistance, nearestOf } from '../../src/config/nearest.ts'

t.test('insertions, deletions, replacements and swaps cost one each', t => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['abc', 'abc', 0],
    ['abc', 'abd', 1],
    ['abc', 'acb', 1],
    ['abc', 'ab', 1],
    ['kitten', 'sitting', 3],
    ['abcd', 'badc', 2],
  ] as const)
    t.equal(editDistance(a, b), distance, `${a} ${b}`)
  t.end()
})

t.test('the nearest known name is found over case and dashes, and nothing far away', t => {
  const known = ['n_nodes', 'node_id', 'node_id_offset', 'mtu']
  t.equal(nearestOf('n-nodes', known), 'n_nodes')
  t.equal(nearestOf('N_NODE', known), 'n_nodes')
  t.equal(nearestOf('nodes', known), 'n_nodes')
  t.equal(nearestOf('node_id_ofset', known), 'node_id_offset')
  t.equal(nearestOf('mut', known), 'mtu')
  t.equal(nearestOf('completely_else', known), undefined)
  t.equal(nearestOf('x', []), undefined)
  t.end()
})
