import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseControllerConfig } from '../../src/config/controller.ts'
import { issuesOf, keysOf, nslabErrorOf } from '../fixtures/issues.ts'

const parse = (text: string) => parseControllerConfig(text, 'c.toml')
const nextmini = (path: string) => readFileSync(new URL(`../fixtures/nextmini/${path}`, import.meta.url), 'utf8')

t.test('an empty file has the published defaults', t => {
  t.match(parse(''), {
    port: 3000,
    listen: '127.0.0.1',
    maxServerPort: 8081,
    baseAddr: '10.0.0.0',
    netMask: '255.255.0.0',
    userSpaceBaseAddr: '192.168.0.0',
    externalBaseAddr: '172.16.8.3',
    protocol: 'tcp',
    flowTransport: 'tcp',
    schedulerType: 'fifo',
    topology: { edges: [] },
    routing: null,
    db: null,
    warnings: [],
  })
  t.end()
})

t.test('the published example is taken unchanged, and says what becomes of its database', t => {
  const config = parse(nextmini('namespace/controller-config.toml'))
  t.same(config.topology, { preset: { type: 'ring', nNodes: 600 }, edges: [] })
  t.same(config.db, {
    mode: 'private',
    user: 'pgusr',
    password: 'pgpwrd',
    host: '172.16.8.2',
    port: 5432,
    database: 'nextmini',
  })
  t.equal(config.warnings.length, 1)
  t.end()
})

t.test('controller files rebuilt from the profiles for 10,000 nodes and for several hosts are taken', t => {
  t.same(parse(nextmini('namespace-10k/controller-config.toml')).topology, { edges: [], nNodes: 10_000 })
  t.match(parse(nextmini('ns-public/controller-config.toml')), {
    topology: { preset: { nNodes: 10 } },
    db: { mode: 'private', host: 'postgres' },
  })
  t.end()
})

t.test('every published key is known', t => {
  const config = parse(`
    port = 4000
    max_server_port = 9000
    base_addr = "10.1.0.0"
    net_mask = "255.255.0.0"
    user_space_base_addr = "192.168.0.0"
    external_base_addr = "172.16.8.3"
    multicast_pool_base = "239.255.0.0"
    multicast_pool_mask = "255.255.0.0"
    protocol = "tcp"
    flow_transport = "lossless_unicast"
    scheduler_type = "wrr"
    routes = [{ route = [1, 2, 3] }, { route = [[1, 2], [2, 3]] }]
    [topology]
    topology = "full_mesh"
    full_mesh_config = { n_nodes = 4 }
    edges = [[1, 2]]
    n_nodes = 4
    [routing]
    protocol = "shortest_path"
    [[link_rates]]
    src_node_id = 1
    dst_node_id = 2
    rate = 1000
    bucket_size = 2000
    [[flows]]
    src_node_id = 1
    dst_node_id = 4
    flow_spec = { flow_len = { Bytes = 10 }, flow_rate = 5, flow_weight = 2, transport = "tcp" }
    [[flows]]
    src_node_id = 2
    dst_node_id = 4
    flow_spec = { flow_len = { Duration = 1.5 }, flow_rate = 5 }
    [[nodes]]
    node_id = 2
    operating_mode = "max"
    [[nodes]]
    node_id = 3
    [db]
    user = "u"
    password = "p"
    host = "localhost"
    database = "d"
    port = 5433
  `)
  t.match(config, {
    port: 4000,
    schedulerType: 'wrr',
    flowTransport: 'lossless_unicast',
    routing: 'shortest_path',
    topology: { preset: { type: 'full_mesh', nNodes: 4 }, edges: [[1, 2]], nNodes: 4 },
    routes: [
      [
        [1, 2],
        [2, 3],
      ],
      [
        [1, 2],
        [2, 3],
      ],
    ],
    linkRates: [{ srcNodeId: 1, dstNodeId: 2, rate: { rate: 1000, bucket_size: 2000 } }],
    flows: [
      { srcNodeId: 1, dstNodeId: 4, spec: { flow_len: { Bytes: 10 }, flow_rate: 5, flow_weight: 2, transport: 'tcp' } },
      { spec: { flow_len: { Duration: 1.5 }, flow_rate: 5, transport: 'lossless_unicast' } },
    ],
    nodes: [
      { nodeId: 2, operatingMode: 'max' },
      { nodeId: 3, operatingMode: 'normal' },
    ],
    db: { mode: 'external', port: 5433 },
  })
  t.match(config, { multicastPoolBase: '239.255.0.0', multicastPoolMask: '255.255.0.0' })
  t.equal(config.warnings.length, 0)
  t.end()
})

t.test('every preset is read with its parameter', t => {
  const preset = (type: string, parameters: string) =>
    parse(`[topology]\ntype = "${type}"\n${type}_config = ${parameters}`).topology.preset
  for (const type of ['full_mesh', 'ring', 'line', 'star']) t.same(preset(type, '{ n_nodes = 3 }'), { type, nNodes: 3 })
  t.same(preset('torus', '{ dim = 2, n = 3 }'), { type: 'torus', dim: 2, n: 3 })
  t.same(preset('fat_tree', '{ k = 4 }'), { type: 'fat_tree', k: 4 })
  t.same(preset('grid', '{ rows = 2, columns = 3 }'), { type: 'grid', rows: 2, columns: 3 })
  t.end()
})

t.test('a database is dialled on this machine only', t => {
  const db = (section: string) => parse(`[db]\n${section}`).db
  for (const host of ['localhost', '127.0.0.1', '/run/postgresql'])
    t.equal(db(`host = "${host}"`)?.mode, 'external', host)
  t.equal(db('')?.mode, 'private', 'the published default host is another machine')
  t.equal(db('host = "localhost"\nmode = "private"')?.mode, 'private')
  t.same(parse('[db]\nmode = "private"').warnings, [], 'asked for, so nothing to warn of')
  t.match(
    issuesOf(() => db('mode = "external"')),
    [{ key: 'db.mode', line: 2 }],
  )
  t.end()
})

t.test('a wider listener needs a token', t => {
  t.match(
    issuesOf(() => parse('listen = "0.0.0.0"')),
    [{ key: 'listen', line: 1 }],
  )
  t.match(parse('listen = "0.0.0.0"\ntoken = "secret"'), { listen: '0.0.0.0', token: 'secret' })
  t.end()
})

t.test('a token of the command line wins over the file', t => {
  t.equal(parseControllerConfig('token = "a"', 'c.toml', { token: 'b' }).token, 'b')
  t.match(
    issuesOf(() => parseControllerConfig('token = "a"', 'c.toml', { token: '\n' })),
    [{ source: '--token', key: 'token' }],
  )
  t.end()
})

t.test('protocols without links are refused by name', t => {
  t.match(
    issuesOf(() => parse('protocol = "quic"')),
    [{ key: 'protocol', value: '"quic"', line: 1, column: 1 }],
  )
  for (const protocol of ['tcp', 'udp']) t.equal(parse(`protocol = "${protocol}"`).protocol, protocol)
  t.end()
})

t.test('all problems come at once, each with its place, key, value and limit', t => {
  const text = 'prot = 1\nport = 70000\n[topology]\ntype = "ring"\nring_config = { n_node = 3 }\nedges = [[1, 1]]'
  t.match(
    issuesOf(() => parse(text)),
    [
      { source: 'c.toml', line: 1, column: 1, key: 'prot', nearest: 'port' },
      { source: 'c.toml', line: 2, column: 1, key: 'port', value: '70000', limit: 'an integer from 1 to 65535' },
      { line: 5, column: 1, key: 'topology.ring_config.n_nodes' },
      { line: 5, column: 17, key: 'topology.ring_config.n_node', nearest: 'n_nodes' },
      { line: 6, column: 10, key: 'topology.edges[0]', value: '[1,1]' },
    ].toSorted((a, b) => a.line - b.line || a.column - b.column),
  )
  t.end()
})

t.test('a syntax error has its place', t => {
  const error = nslabErrorOf(() => parse('port = 1\nport = = 2'))
  t.match(error, { code: 'CONFIG_INVALID', facts: { source: 'c.toml', issues: [{ source: 'c.toml', line: 2 }] } })
  t.end()
})

t.test('wrong types are told once each', t => {
  t.same(
    keysOf(() => parse('port = "3000"')),
    ['port'],
  )
  t.same(
    keysOf(() => parse('topology = 3')),
    ['topology'],
  )
  t.same(
    keysOf(() => parse('topology = []')),
    ['topology'],
  )
  t.same(
    keysOf(() => parse('db = 1979-05-27')),
    ['db'],
  )
  t.same(
    keysOf(() => parse('flows = { a = 1 }')),
    ['flows'],
  )
  t.same(
    keysOf(() => parse('flows = [1]')),
    ['flows[0]'],
  )
  t.same(
    keysOf(() => parse('base_addr = "10.0.0"')),
    ['base_addr'],
  )
  t.same(
    keysOf(() => parse('net_mask = "255.0.255.0"')),
    ['net_mask'],
  )
  t.same(
    keysOf(() => parse('net_mask = "no"')),
    ['net_mask'],
  )
  t.same(
    keysOf(() => parse('net_mask = 3')),
    ['net_mask'],
  )
  t.match(
    issuesOf(() => parse('port = inf')),
    [{ key: 'port', value: 'Infinity' }],
  )
  t.match(
    issuesOf(() => parse('"od d" = 1')),
    [{ key: '"od d"' }],
  )
  t.same(
    keysOf(() => parse('[db]\nport = "0"')),
    ['db.port'],
  )
  t.same(
    keysOf(() => parse('[db]\nuser = "a\\u0000"')),
    ['db.user'],
  )
  t.same(
    keysOf(() => parse('[[routes]]\nroute = ["a"]')),
    ['routes[0].route[0]'],
  )
  t.end()
})

t.test('a topology must say what its type needs, and fit', t => {
  const topology = (text: string) => keysOf(() => parse(`[topology]\n${text}`))
  t.same(topology('type = "ring"'), ['topology.ring_config'])
  t.same(topology('type = "ring"\ntopology = "line"\nring_config = { n_nodes = 3 }'), ['topology.topology'])
  t.same(topology('type = "rng"'), ['topology.type'])
  t.same(topology('type = "ring"\nring_config = { n_nodes = 0 }'), ['topology.ring_config.n_nodes'])
  t.same(topology('type = "ring"\nring_config = { n_nodes = 3 }\nn_nodes = 4'), ['topology.n_nodes'])
  t.same(topology('type = "fat_tree"\nfat_tree_config = { k = 3 }'), ['topology.fat_tree_config.k'])
  t.same(topology('type = "torus"\ntorus_config = { dim = 4, n = 3 }'), ['topology.torus_config.dim'])
  t.same(topology('type = "torus"\ntorus_config = { dim = 3, n = 1000 }'), ['topology.torus_config'], 'a billion nodes')
  t.same(
    topology('type = "full_mesh"\nfull_mesh_config = { n_nodes = 10000 }'),
    ['topology.full_mesh_config'],
    'fifty million edges',
  )
  t.same(topology('n_nodes = 3\nedges = [[1, 2], [2, 4]]'), ['topology.edges[1]'])
  t.same(topology('edges = [[0, 2]]'), ['topology.edges[0]'])
  t.same(topology('edges = [[1, 2, 3]]'), ['topology.edges[0]'])
  t.end()
})

t.test('parameters of another type have no effect, and a warning', t => {
  t.equal(
    parse('[topology]\ntype = "line"\nline_config = { n_nodes = 2 }\nring_config = { n_nodes = 3 }').warnings.length,
    1,
  )
  t.equal(parse('[topology]\nring_config = { n_nodes = 3 }').warnings.length, 1)
  t.end()
})

t.test('ids lie within the topology and repeat nowhere', t => {
  const ring = '[topology]\ntype = "ring"\nring_config = { n_nodes = 3 }\n'
  const rate = 'rate = 1\nbucket_size = 1\n'
  const keys = (text: string) => keysOf(() => parse(ring + text))
  t.same(keys(`[[link_rates]]\nsrc_node_id = 4\ndst_node_id = 2\n${rate}`), ['link_rates[0].src_node_id'])
  t.same(keys(`[[link_rates]]\nsrc_node_id = 2\ndst_node_id = 2\n${rate}`), ['link_rates[0].dst_node_id'])
  t.same(keys(`[[link_rates]]\nsrc_node_id = 1\ndst_node_id = 2\n${rate}`.repeat(2)), ['link_rates[1]'])
  t.same(keys('[[flows]]\nsrc_node_id = 1\ndst_node_id = 9\nflow_spec = { flow_len = { Bytes = 1 } }'), [
    'flows[0].dst_node_id',
  ])
  t.same(keys('[[nodes]]\nnode_id = 2\n[[nodes]]\nnode_id = 2'), ['nodes[1]'])
  t.same(keys('[[nodes]]\nnode_id = 4'), ['nodes[0].node_id'])
  t.same(keys('[[routes]]\nroute = [1, 2, 7]'), ['routes[0].route'])
  t.same(keys('[[routes]]\nroute = [1, 2, 1]'), ['routes[0].route'])
  t.same(
    keysOf(() => parse('[topology]\ntype = "ring"\n[[nodes]]\nnode_id = 99')),
    ['topology.ring_config'],
    'not told beside a wrong topology',
  )
  t.end()
})

t.test('flows have a length of one kind, and a rate where they need it', t => {
  const flow = (spec: string) => keysOf(() => parse(`[[flows]]\nsrc_node_id = 1\ndst_node_id = 2\nflow_spec = ${spec}`))
  t.same(flow('{ flow_len = {} }'), ['flows[0].flow_spec.flow_len'])
  t.same(flow('{ flow_len = { Bytes = 1, Duration = 1 } }'), ['flows[0].flow_spec.flow_len'])
  t.same(flow('{ flow_len = { Duration = 1 }, transport = "lossless_unicast" }'), ['flows[0].flow_spec.flow_rate'])
  t.same(flow('{ flow_len = { Duration = 0 } }'), ['flows[0].flow_spec.flow_len.Duration'])
  t.end()
})

t.test('base addresses have room for every id', t => {
  const keys = (nNodes: number, text: string) => keysOf(() => parse(`${text}\n[topology]\nn_nodes = ${nNodes}`))
  t.same(keys(65_535, ''), ['base_addr', 'user_space_base_addr'])
  t.equal(parse('[topology]\nn_nodes = 65534').topology.nNodes, 65_534)
  t.same(keys(300, 'net_mask = "255.255.255.0"'), ['base_addr', 'user_space_base_addr'])
  t.same(keys(10, 'base_addr = "10.0.255.250"'), ['base_addr'])
  t.same(keys(3, 'base_addr = "10.0.255.255"'), ['base_addr'])
  t.same(keys(300, 'external_base_addr = "255.255.255.0"'), ['external_base_addr'])
  t.end()
})
