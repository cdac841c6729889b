import t from 'tap'
import { type GateTable, parseRequire, readGates } from '../../src/config/gates.ts'
import { Problems } from '../../src/config/problems.ts'
import { keysOf } from '../fixtures/issues.ts'

function read(...tables: GateTable[]) {
  const problems = new Problems('s.toml')
  const gates = readGates(tables, { nodes: 100 }, ['gate'], problems)
  problems.throwIfAny()
  return gates
}

t.test('an operator and a number', t => {
  for (const operator of ['<=', '<', '>=', '>', '==', '!='] as const)
    t.same(parseRequire(`${operator} 3`, 'total_s', { nodes: 100 }), { operator, limit: 3 })
  for (const [text, limit] of [
    ['==0', 0],
    ['<= -1.5', -1.5],
    ['< 1e3', 1000],
    ['< 1e+3', 1000],
    [' <=  600_000 ', 600_000],
  ] as const)
    t.equal(parseRequire(text, 'residue_count', { nodes: 100 })?.limit, limit, text)
  t.end()
})

t.test('limits may grow with the number of nodes', t => {
  const limit = (text: string) => parseRequire(text, 'total_s', { nodes: 100 })?.limit
  t.equal(limit('== nodes'), 100)
  t.equal(limit('<= 3 * nodes'), 300)
  t.equal(parseRequire('>= 0.9 * namespaces', 'total_s', { namespaces: 100 })?.limit, 90)
  t.equal(limit('<= 2 + 0.5 * nodes'), 52)
  t.equal(limit('<= 1s + 10ms * nodes'), 2)
  t.end()
})

t.test('units fit the metric', t => {
  t.equal(parseRequire('<= 1m30s', 'total_s', { nodes: 1 })?.limit, 90)
  t.equal(parseRequire('<= 600 kB', 'memory_per_node_bytes', { nodes: 1 })?.limit, 600_000)
  t.equal(parseRequire('<= 1 MB', 'observer_rss_slope_upper_bytes_per_h', { nodes: 1 })?.limit, 1e6)
  t.equal(parseRequire('<= 600 kB', 'total_s', { nodes: 1 }), null)
  t.equal(parseRequire('<= 2s', 'residue_count', { nodes: 1 }), null)
  t.end()
})

t.test('what is no requirement is null', t => {
  for (const text of [
    '',
    '3',
    '<=',
    '=< 3',
    '= 3',
    '<= three',
    '<= 3 +',
    '<= nodes * 3',
    '<= x * nodes',
    '<= 1e999',
    '<= 3 s * 2',
  ])
    t.equal(parseRequire(text, 'residue_count', { nodes: 100 }), null, text)
  t.end()
})

t.test('a gate is named after its metric unless it has a name', t => {
  t.same(
    read({ metric: 'total_s', require: '<= 3' }, { name: 'slow', metric: 'total_s', require: '> 0', levels: ['tcg'] }),
    [
      { name: 'total_s', metric: 'total_s', operator: '<=', limit: 3 },
      { name: 'slow', metric: 'total_s', operator: '>', limit: 0, levels: ['tcg'] },
    ],
  )
  t.end()
})

t.test('unknown metrics, bad requirements, repeated names and empty levels are told all at once', t => {
  t.same(
    keysOf(() =>
      read(
        { metric: 'totl_s', require: 'fast' },
        { metric: 'total_s', require: '<= 1', levels: [] },
        { metric: 'total_s', require: '<= 2' },
        { name: 'total_s', metric: 'fabric_s', require: '<= 2' },
      ),
    ),
    ['gate[0].metric', 'gate[0].require', 'gate[1].levels', 'gate[2].metric', 'gate[3].name'],
  )
  t.end()
})

t.test('a gate may be for runs that hold long only', async t => {
  const [gate] = read({ metric: 'total_s', require: '<= 3', min_hold: '30m' })
  t.equal(gate?.minHoldS, 1800)
})
