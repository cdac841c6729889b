import t from 'tap'
import type { Override } from '../../src/config/override.ts'
import { parseScenario } from '../../src/config/scenario.ts'
import { issuesOf, keysOf, nslabErrorOf } from '../fixtures/issues.ts'

const noFiles = (path: string): string => {
  throw new Error(`${path} was read`)
}

const override = (key: string, value: string | number): Override => ({
  key,
  value: String(value),
  from: `--set ${key}=${value}`,
})

const parse = (text: string, overrides: readonly Override[] = [], readText = noFiles) =>
  parseScenario(`name = "x"\n${text}`, '/lab/x.toml', overrides, readText)

const ring = (nNodes: number): string =>
  `[controller]\ntopology = { type = "ring", ring_config = { n_nodes = ${nNodes} } }\n`
const preset = (type: string, parameters: string): string =>
  `[controller]\ntopology = { type = "${type}", ${type}_config = ${parameters} }\n`

t.test('what is not said has a default', t => {
  t.match(parse(ring(5)), {
    name: 'x',
    summary: '',
    seed: 1,
    hosts: { count: 1, on: 'auto', accel: 'auto', memoryMib: 1024, vcpus: 2 },
    controller: { listen: '0.0.0.0', topology: { preset: { type: 'ring', nNodes: 5 } } },
    dataplane: { nNodes: 5, controllerAddr: '127.0.0.1:3000' },
    run: { holdS: 2, deadlineS: 60, teardownDeadlineS: 30, sampleIntervalS: 0.25, keep: false },
    gates: [],
    warnings: [],
  })
  t.end()
})

t.test('the example of the design is taken', t => {
  const scenario = parse(`
    summary = "Wires a ring."
    seed = 1
    [hosts]
    count = 1
    on = "auto"
    memory_mib = 1024
    vcpus = 2
    [controller]
    protocol = "tcp"
    topology = { type = "ring", ring_config = { n_nodes = 100 } }
    [dataplane]
    num_packet_processors = 0
    [run]
    hold = "2s"
    deadline = "60s"
    out = "/tmp/here"
    [[gate]]
    metric = "fabric_to_wired_s"
    require = "<= 3"
    levels = ["host", "kvm"]
    [[gate]]
    metric = "residue_count"
    require = "== 0"
  `)
  t.match(scenario, {
    run: { out: '/tmp/here' },
    gates: [{ metric: 'fabric_to_wired_s', limit: 3, levels: ['host', 'kvm'] }, { limit: 0 }],
  })
  t.same(scenario.warnings, [])
  t.end()
})

t.test('nodes sets the parameter of whatever topology there is', t => {
  const withNodes = (text: string, nodes: number) => parse(text, [override('nodes', nodes)])
  for (const type of ['ring', 'line', 'star', 'full_mesh'])
    t.match(withNodes(preset(type, '{ n_nodes = 3 }'), 7), {
      controller: { topology: { preset: { type, nNodes: 7 } } },
      dataplane: { nNodes: 7 },
    })
  t.match(withNodes('[controller]\ntopology = { n_nodes = 3 }', 7).controller.topology, { nNodes: 7 })
  t.match(withNodes('', 7).controller.topology, { nNodes: 7, edges: [] })
  t.match(withNodes(preset('torus', '{ dim = 3, n = 2 }'), 27).controller.topology, { preset: { dim: 3, n: 3 } })
  t.match(withNodes(preset('grid', '{ rows = 2, columns = 5 }'), 20).controller.topology, {
    preset: { rows: 4, columns: 5 },
  })
  t.match(withNodes(preset('fat_tree', '{ k = 2 }'), 36).controller.topology, { preset: { k: 4 } })
  t.match(
    withNodes('[controller]\ntopology = { type = "ring", ring_config = { n_nodes = 3 }, n_nodes = 3 }', 7).controller
      .topology,
    {
      preset: { nNodes: 7 },
      nNodes: 7,
    },
  )
  t.match(parse(`nodes = 9\n${ring(3)}`).dataplane.nNodes, 9, 'in the file too')
  t.equal(parse(`${ring(3)}[dataplane]\nn_nodes = 3`, [override('nodes', 8)]).dataplane.nNodes, 8)
  t.end()
})

t.test('a number of nodes that the topology can not have is refused with the nearest that it can', t => {
  const limitOf = (text: string, nodes: number) => issuesOf(() => parse(text, [override('nodes', nodes)]))
  t.match(limitOf(preset('torus', '{ dim = 3, n = 2 }'), 900), [
    { source: '--set nodes=900', key: 'nodes', limit: '729 or 1000' },
  ])
  t.match(limitOf(preset('grid', '{ rows = 2, columns = 5 }'), 4), [{ limit: '5' }])
  t.match(limitOf(preset('fat_tree', '{ k = 2 }'), 40), [{ limit: '36 or 99' }])
  t.end()
})

t.test('nodes leaves a topology alone that is itself wrong', t => {
  const keys = (text: string) => keysOf(() => parse(text, [override('nodes', 7)]))
  t.same(keys('[controller]\ntopology = 3'), ['controller.topology'])
  t.same(keys('[controller]\ntopology = { type = 3 }'), ['controller.topology.type'])
  t.same(keys('[controller]\ntopology = { type = "torus", torus_config = 3 }'), ['controller.topology.torus_config'])
  t.same(keys(preset('torus', '{ dim = 9, n = 3 }')), ['controller.topology.torus_config.dim'])
  t.same(keys(preset('grid', '{ rows = 1, columns = 0 }')), ['controller.topology.grid_config.columns'])
  t.same(
    keysOf(() => parse(ring(3), [override('nodes', 0)])),
    ['nodes'],
  )
  t.end()
})

t.test("the dataplane's n_nodes stands in for a topology, and must fit one", t => {
  t.match(parse('[dataplane]\nn_nodes = 4').controller.topology, { nNodes: 4, edges: [] })
  t.match(parse('[hosts]\ncount = 2\n[dataplane]\nn_nodes = 4').controller.topology, { nNodes: 8 })
  t.match(parse(`${ring(10)}[dataplane]\nn_nodes = 5\n[hosts]\ncount = 2`).dataplane, { nNodes: 5 })
  t.match(
    issuesOf(() => parse(`${ring(10)}[dataplane]\nn_nodes = 5`)),
    [{ key: 'dataplane.n_nodes', value: '5', line: 5 }],
  )
  const spread = '[hosts]\ncount = 2\n[dataplane]\nn_nodes = 9\n[controller]\ntopology = { edges = [[1, 2]] }'
  t.match(
    issuesOf(() => parse(spread)),
    [{ key: 'dataplane.n_nodes', value: '9' }],
  )
  t.same(
    keysOf(() => parse('[dataplane]\nn_nodes = 0')),
    ['dataplane.n_nodes'],
  )
  t.same(
    keysOf(() => parse('')),
    ['controller.topology'],
    'no nodes at all',
  )
  t.end()
})

t.test('hosts share the nodes', t => {
  t.equal(parse(`${ring(10)}[hosts]\ncount = 3`).dataplane.nNodes, 4)
  t.same(
    keysOf(() => parse(`${ring(2)}[hosts]\ncount = 3`)),
    ['hosts.count'],
  )
  t.end()
})

t.test('overrides win, in order, and are named in what is wrong', t => {
  t.equal(parse('seed = 3', [override('nodes', 2), override('seed', 4), override('seed', 5)]).seed, 5)
  t.match(
    issuesOf(() => parse(`[run]\nhold = "2"\n${ring(3)}`, [override('run.deadline', 'soon'), override('seed', -1)])),
    [
      { source: '/lab/x.toml', line: 3, column: 1, key: 'run.hold', value: '"2"' },
      { source: '--set seed=-1', line: 0, key: 'seed' },
      { source: '--set run.deadline=soon', line: 0, key: 'run.deadline' },
    ],
  )
  t.end()
})

t.test('all sections are checked at once', t => {
  const text =
    'sed = 1\nhosts = { count = 0 }\ncontroller = { protocol = "quic" }\ndataplane = { mut = 1 }\n' +
    'run = { hold = 2 }\ngate = [{ metric = "x" }]'
  t.same(keysOf(() => parse(text)).toSorted(), [
    'controller.protocol',
    'dataplane.mut',
    'gate[0].require',
    'hosts.count',
    'run.hold',
    'sed',
  ])
  t.same(keysOf(() => parse(`controller = 1\ndataplane = []\nrun = "now"`)).toSorted(), [
    'controller',
    'dataplane',
    'run',
  ])
  t.match(
    issuesOf(() => parse('[controler]')),
    [{ key: 'controler', nearest: 'controller' }],
  )
  t.same(
    keysOf(() => parseScenario('', 'x.toml', [], noFiles)),
    ['name'],
  )
  t.same(
    keysOf(() => parseScenario('name = "No Spaces"', 'x.toml', [], noFiles)),
    ['name'],
  )
  t.end()
})

t.test('fleets of a scenario get their ids from the plan', t => {
  t.same(
    keysOf(() => parse(`${ring(3)}[dataplane]\nnode_id_offset = 5`)),
    ['dataplane.node_id_offset'],
  )
  t.end()
})

t.test('room for translated code is as written, or the choice of who runs the VM', t => {
  t.equal(parse(ring(3)).hosts.tcgBufferMib, undefined)
  t.equal(parse(`${ring(3)}[hosts]\ntcg_buffer_mib = 64`).hosts.tcgBufferMib, 64)
  // QEMU takes no more than 2 GiB, and with less than 16 MiB a guest's kernel has no room.
  for (const wrong of [15, 2048])
    t.same(
      keysOf(() => parse(`${ring(3)}[hosts]\ntcg_buffer_mib = ${wrong}`)),
      ['hosts.tcg_buffer_mib'],
    )
  t.end()
})

t.test('the network between hosts has the MTU that is written, within what all of it can carry', t => {
  const written = (mtu: string | number) => parse(`${ring(3)}[hosts]\nmtu = ${mtu}`)
  t.equal(parse(ring(3)).hosts.mtu, 1500)
  for (const mtu of [1280, 9000, 65_521]) t.equal(written(mtu).hosts.mtu, mtu)
  t.equal(parse(ring(3), [override('hosts.mtu', 9000)]).hosts.mtu, 9000)
  const limit = 'an integer from 1280 to 65521'
  for (const wrong of ['1279', '65522', '"9000"', '1500.5'])
    t.match(
      issuesOf(() => written(wrong)),
      [{ source: '/lab/x.toml', line: 5, key: 'hosts.mtu', value: wrong, limit }],
    )
  t.end()
})

t.test('an empty path is none', t => {
  for (const key of ['hosts.image', 'run.out'])
    t.match(
      issuesOf(() => parse(ring(3), [override(key, '')])),
      [{ key, limit: /a path of 1 to 4096 characters/ }],
      key,
    )
  t.match(
    issuesOf(() => parse(`${ring(3)}[[host]]\nfile = ""`)),
    [{ key: 'host[0].file' }],
  )
  t.end()
})

t.test('what was written of hosts is told from defaults', t => {
  t.same(parse(ring(3)).hosts.given, [])
  t.same(parse(`${ring(3)}[hosts]\ncold = true`, [override('hosts.vcpus', 1)]).hosts.given, ['cold', 'vcpus'])
  t.end()
})

t.test('a deterministic run keeps nothing, and is not asked to', t => {
  t.same(
    keysOf(() => parse(`${ring(3)}[run]\ndeterministic = true\nkeep = true`)),
    ['run.keep'],
  )
  t.end()
})

t.test('a token of the controller is given to the dataplane, and must not differ', t => {
  t.match(parse(`${ring(3)}token = "a"`), { controller: { token: 'a' }, dataplane: { token: 'a' } })
  t.match(parse(`${ring(3)}token = "a"\n[dataplane]\ntoken = "a"`), { dataplane: { token: 'a' } })
  t.same(
    keysOf(() => parse(`${ring(3)}token = "a"\n[dataplane]\ntoken = "b"`)),
    ['dataplane.token'],
  )
  t.end()
})

t.test("the controller's port is the one that is used", t => {
  const scenario = parse(`${ring(3)}port = 4000\n[dataplane]\ncontroller_addr = "localhost:3000"`)
  t.equal(scenario.dataplane.controllerAddr, '127.0.0.1:4000')
  t.equal(scenario.warnings.length, 1)
  t.end()
})

t.test('sections can be files of their own, relative to the scenario, under the keys beside them', t => {
  const files: Record<string, string> = {
    '/lab/sub/c.toml': 'port = 4000\n[topology]\nn_nodes = 3',
    '/lab/d.toml': 'n_nodes = 3\nmtu = 1500',
  }
  const text = '[controller]\nfile = "sub/c.toml"\nport = 5000\n[dataplane]\nfile = "d.toml"'
  t.match(
    parse(text, [override('dataplane.mtu', 1300)], path => files[path] as string),
    {
      controller: { port: 5000, topology: { nNodes: 3 } },
      dataplane: { nNodes: 3, mtu: 1300 },
    },
  )
  t.end()
})

t.test('what is wrong in such a file is told there', t => {
  const files: Record<string, string> = {
    '/lab/c.toml': '\nprot = 1\n[topology]\nn_nodes = 0',
    '/lab/d.toml': 'mtu = 1\nn_nodes = 2',
  }
  const text = '[controller]\nfile = "c.toml"\nport = 0\n[dataplane]\nfile = "d.toml"'
  t.match(
    issuesOf(() => parse(text, [], path => files[path] as string)),
    [
      { source: '/lab/x.toml', line: 4, column: 1, key: 'controller.port' },
      { source: '/lab/c.toml', line: 2, column: 1, key: 'controller.prot' },
      { source: '/lab/c.toml', line: 4, column: 1, key: 'controller.topology.n_nodes' },
      { source: '/lab/d.toml', line: 1, column: 1, key: 'dataplane.mtu' },
    ],
  )
  t.match(nslabErrorOf(() => parse(text, [], () => 'x = = 1')).facts, { issues: [{ source: '/lab/c.toml', line: 1 }] })
  t.same(keysOf(() => parse('[controller]\nfile = 3\ntopology = { n_nodes = 2 }')).slice(0, 1), ['controller.file'])
  t.end()
})

t.test('no time is longer than a timer can wait', t => {
  const parse21 = (key: string): unknown => issuesOf(() => parse(ring(3), [override(key, '21d')]))
  for (const key of ['run.hold', 'run.deadline', 'run.teardown_deadline', 'run.sample_interval'])
    t.match(parse21(key), [{ key }], key)
  t.match(parse(ring(3), [override('run.hold', '20d')]), { run: { holdS: 1_728_000 } })
  t.end()
})

t.test('where idle time costs nothing, a long hold is looked at less often, unless it is said how often', t => {
  const intervalOf = (...overrides: Override[]): number => parse(ring(5), overrides).run.sampleIntervalS
  const deterministic = override('run.deterministic', 'true')
  t.equal(intervalOf(override('run.hold', '1h')), 0.25)
  t.equal(intervalOf(deterministic), 0.25)
  t.equal(intervalOf(deterministic, override('run.hold', '1h')), 15)
  t.equal(intervalOf(deterministic, override('run.hold', '1h'), override('run.sample_interval', '1s')), 1)
  t.end()
})
