import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseScenario } from '../../src/config/scenario.ts'
import { makePlan } from '../../src/lab/plan/plan.ts'
import { issuesOf } from '../fixtures/issues.ts'

const ring = 'name = "x"\n[controller]\ntopology = { type = "ring", ring_config = { n_nodes = 10 } }\n'

/** A scenario with one host a file; the files' texts are given by name. */
const parse = (files: Readonly<Record<string, string>>, more = '') =>
  parseScenario(
    `${ring}${Object.keys(files)
      .map(name => `[[host]]\nfile = "${name}"\n`)
      .join('')}${more}`,
    '/scenarios/x.toml',
    [],
    path => files[path.replace('/scenarios/', '')] as string,
  )

const published = (name: string): string =>
  readFileSync(new URL(`../fixtures/nextmini/ns-public/${name}`, import.meta.url), 'utf8')

t.test('the published files of two machines make two fleets whose addresses do not meet', t => {
  const scenario = parse({ 'VM1.toml': published('VM1-config.toml'), 'VM2.toml': published('VM2-config.toml') })
  t.match(scenario.hosts, {
    count: 2,
    dataplanes: [
      { nNodes: 5, nodeIdOffset: 0 },
      { nNodes: 5, nodeIdOffset: 5 },
    ],
  })
  t.match(
    scenario.warnings.filter(warning => warning.includes('206.12.95.232')),
    [/^host1: .* is not dialled/, /^host2: .* is not dialled/],
  )
  const { fleets, hosts } = makePlan(scenario)
  t.match(fleets, [
    { host: 'host1', nNodes: 5, nodeIdOffset: 0, fabric: { bridges: [{ address: '172.16.8.1' }] } },
    { host: 'host2', nNodes: 5, nodeIdOffset: 5, fabric: { bridges: [{ address: '172.16.12.1' }] } },
  ])
  t.same(
    hosts.map(({ name, vm, programs }) => [name, vm, programs]),
    [
      ['host1', 'vm1', ['dataplane']],
      ['host2', 'vm2', ['dataplane']],
      ['controller', 'controller', ['controller']],
    ],
  )
  t.end()
})

t.test('files may stand in any order', t => {
  const { hosts } = parse({ b: 'n_nodes = 4\nnode_id_offset = 6', a: 'n_nodes = 6' })
  t.same(
    hosts.dataplanes.map(({ nodeIdOffset }) => nodeIdOffset),
    [0, 6],
  )
  t.end()
})

for (const [what, files, more, problem] of [
  ['overlapping ids', { a: 'n_nodes = 6', b: 'n_nodes = 5\nnode_id_offset = 5' }, '', /ids 6 to 10, .*up to 6 of "a"/],
  ['a gap between ids', { a: 'n_nodes = 4', b: 'n_nodes = 5\nnode_id_offset = 5' }, '', /nobody has 5 to 5/],
  ['too few nodes', { a: 'n_nodes = 4', b: 'n_nodes = 5\nnode_id_offset = 4' }, '', /makes 9 nodes; .* has 10/],
  ['another number of hosts', { a: 'n_nodes = 10' }, '[hosts]\ncount = 2', /differs from the 1 \[\[host\]\] tables/],
  ['a wrong key in a file', { a: 'n_nodes = 10\nmtuu = 3' }, '', /unknown key/],
] as const) {
  t.test(`${what} is refused`, t => {
    t.match(
      issuesOf(() => parse(files, more)),
      [{ problem }],
    )
    t.end()
  })
}
