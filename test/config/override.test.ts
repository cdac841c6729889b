import t from 'tap'
import { applyOverride, parseSet } from '../../src/config/override.ts'
import { Problems, type TomlTable } from '../../src/config/problems.ts'
import { scenarioSchema } from '../../src/config/scenario-schema.ts'
import { issuesOf } from '../fixtures/issues.ts'

/** `root` after one --set. Throws CONFIG_INVALID. */
function set(text: string, root: TomlTable = {}): TomlTable {
  const problems = new Problems('s.toml')
  applyOverride(root, scenarioSchema, parseSet(text), problems)
  problems.throwIfAny()
  return root
}

t.test('values are typed by what the key takes', t => {
  t.same(set('seed=5'), { seed: 5 })
  t.same(set('run.hold=2s'), { run: { hold: '2s' } })
  t.same(set('run.hold="2s"'), { run: { hold: '2s' } })
  t.same(set('run.keep=true'), { run: { keep: true } })
  t.same(set('name=5'), { name: 5 }, 'neither a number nor the text fits: told against the number')
  t.same(set('summary=5'), { summary: '5' })
  t.same(set('summary=a = b'), { summary: 'a = b' })
  t.same(set('controller.topology={ type = "line", line_config = { n_nodes = 2 } }'), {
    controller: { topology: { type: 'line', line_config: { n_nodes: 2 } } },
  })
  t.end()
})

t.test('positions in arrays are written either way', t => {
  const root = () => ({ gate: [{ metric: 'total_s', require: '<= 1' }] })
  t.same(set('gate[0].require=<= 9', root()), { gate: [{ metric: 'total_s', require: '<= 9' }] })
  t.same(set('gate.0.require=<= 9', root()), { gate: [{ metric: 'total_s', require: '<= 9' }] })
  t.same(set('controller.topology.edges[0]=[1, 2]'), { controller: { topology: { edges: [[1, 2]] } } })
  t.end()
})

t.test('what can not be set is told with the flag as it was written', t => {
  for (const [text, key, nearest] of [
    ['run.hod=2s', 'run.hod', 'hold'],
    ['rnu.hold=2s', 'rnu', 'run'],
    ['seed.deeper=1', 'seed.deeper', undefined],
    ['gate.first=1', 'gate.first', undefined],
    ['name[0]=1', 'name[0]', undefined],
    ['__proto__.x=1', '__proto__', undefined],
    ['controller.topology.edges[3]=[1, 2]', 'controller.topology.edges[3]', undefined],
    ['=1', '', undefined],
    ['', '', undefined],
  ] as const)
    t.match(
      issuesOf(() => set(text)),
      [{ source: `--set ${text}`, line: 0, key, ...(nearest === undefined ? {} : { nearest }) }],
      text,
    )
  t.match(
    issuesOf(() => set('run.hold=2s', { run: 3 })),
    [{ key: 'run.hold' }],
  )
  t.end()
})
