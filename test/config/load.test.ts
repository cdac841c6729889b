import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadScenario, readText, scenarioNames, scenarioPath } from '../../src/config/load.ts'
import { nodesCountOf } from '../../src/topology/size.ts'
import { nslabErrorOf } from '../fixtures/issues.ts'

/** A folder of the test's own with these files. */
function folderWith(t: { teardown: (undo: () => void) => void }, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-load-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

t.test('every scenario that ships is valid, named as its file, and says what it does', t => {
  for (const name of scenarioNames()) {
    const { scenario } = loadScenario(name)
    t.equal(scenario.name, name)
    t.not(scenario.summary, '')
    t.ok(
      scenario.gates.some(gate => gate.metric === 'residue_count' && gate.limit === 0),
      'leaves nothing',
    )
    const hasFleet = scenario.soak === undefined && scenario.connections === undefined
    t.equal(
      scenario.gates.some(gate => gate.metric === 'nodes_count'),
      hasFleet,
      'a fleet counts its nodes',
    )
  }
  t.end()
})

t.test('the scenarios that the issue asks for ship with the sizes it asks for', t => {
  for (const [name, type, nodes] of [
    ['ring', 'ring', 100],
    ['ring-800', 'ring', 800],
    ['connect-800', undefined, 800],
    ['torus-1000', 'torus', 1000],
    ['nextmini-example', 'ring', 600],
  ] as const) {
    const { topology } = loadScenario(name).scenario.controller
    t.equal(topology.preset?.type, type)
    t.equal(nodesCountOf(topology), nodes)
  }
  t.end()
})

t.test('gates follow the number of nodes asked for', t => {
  const { scenario } = loadScenario('ring', [{ key: 'nodes', value: '7', from: '--nodes 7' }])
  t.match(
    scenario.gates.find(gate => gate.metric === 'nodes_count'),
    { limit: 7 },
  )
  t.end()
})

t.test('a name means a file of the folder, anything else is a path', t => {
  const folder = folderWith(t, {
    'mine.toml': 'name = "mine"\n[controller]\ntopology = { n_nodes = 2 }',
    'notes.md': '',
  })
  t.same(scenarioNames(folder), ['mine'])
  t.equal(scenarioPath('mine', folder), join(folder, 'mine.toml'))
  t.equal(scenarioPath('other.toml', folder), 'other.toml')
  t.equal(scenarioPath('./mine', folder), './mine')
  t.match(loadScenario('mine', [], folder), { file: join(folder, 'mine.toml'), text: /^name = "mine"/ })
  t.end()
})

t.test('an unknown name is a usage error that names the nearest', t => {
  t.match(
    nslabErrorOf(() => loadScenario('rnig')),
    { code: 'USAGE', facts: { scenario: 'rnig', nearest: 'ring' } },
  )
  t.match(
    nslabErrorOf(() => loadScenario('completely-else')),
    { code: 'USAGE', facts: { nearest: undefined } },
  )
  t.end()
})

t.test('an unreadable file is an error with its path and reason', t => {
  const folder = folderWith(t, { 'x.toml': 'name = "x"\n[controller]\nfile = "absent.toml"' })
  t.match(
    nslabErrorOf(() => readText(join(folder, 'no.toml'))),
    { code: 'FILE_UNREADABLE', facts: { path: join(folder, 'no.toml'), reason: 'ENOENT' } },
  )
  t.match(
    nslabErrorOf(() => readText(folder)),
    { code: 'FILE_UNREADABLE', facts: { reason: 'EISDIR' } },
  )
  t.match(
    nslabErrorOf(() => readText('/dev/zero')),
    { code: 'FILE_UNREADABLE', facts: { path: '/dev/zero', reason: /^more than/ } },
    'a device without an end',
  )
  t.match(
    nslabErrorOf(() => loadScenario(join(folder, 'x.toml'))),
    { code: 'FILE_UNREADABLE', facts: { path: join(folder, 'absent.toml') } },
  )
  t.end()
})
