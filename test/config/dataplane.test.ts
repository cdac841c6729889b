import { readFileSync } from 'node:fs'
import t from 'tap'
import { type DataplaneFlags, parseDataplaneConfig } from '../../src/config/dataplane.ts'
import { issuesOf, keysOf } from '../fixtures/issues.ts'

const parse = (text: string, flags: DataplaneFlags = {}) => parseDataplaneConfig(text, 'd.toml', flags)
const nextmini = (path: string) => readFileSync(new URL(`../fixtures/nextmini/${path}`, import.meta.url), 'utf8')

t.test('an empty file has the published defaults', t => {
  t.same(parse(''), {
    protocol: 'tcp',
    controllerAddr: '127.0.0.1:3000',
    controllerConnectTimeoutMs: 5000,
    nNodes: 1,
    nodeIdOffset: 0,
    privateNetworkName: '',
    privateNetworkPort: 8080,
    bridgeName: 'isobr0',
    bridgeIp: '172.16.8.1',
    mtu: 1400,
    carrierMaxWaitMs: 20_000,
    peerSilenceMs: 8000,
    engine: {
      tun: 'demand',
      tunName: 'utun',
      tunOffloads: true,
      processors: 0,
      concurrent: false,
      channelCapacity: 1000,
      backpressure: false,
      queueCapacity: 1000,
      dropStrategy: 'taildrop',
      metricsIntervalS: 5,
      lossless: {
        sourceSymbols: 32,
        paritySymbols: 0,
        symbolBytes: 1348,
        treeIds: null,
        treeWeights: [],
        silenceMs: 15_000,
      },
    },
    onNodeDeath: 'restart',
    unsupported: [],
    warnings: [],
  })
  t.end()
})

t.test('files rebuilt from the published profiles are taken', t => {
  const example = parse(nextmini('namespace/config.toml'))
  t.match(example, { nNodes: 600, controllerAddr: '127.0.0.1:3000' })
  t.match(example.engine, { processors: 1, concurrent: true, channelCapacity: 4000, queueCapacity: 3000 })
  t.same(example.unsupported, [], 'one TUN queue is what a node has')

  const large = parse(nextmini('namespace-10k/config.toml'))
  t.match(large, { nNodes: 10_000, controllerConnectTimeoutMs: 30_000 })
  t.match(large.engine, { tun: 'off', concurrent: true, metricsIntervalS: 3600 })
  t.same(large.unsupported, ['interval_between_spawn', 'child_start_delay_ms'])
  t.end()
})

t.test('the keys of the packet engine reach it', t => {
  const { engine, warnings } = parse(`
    enable_local_interface = true
    tun_interface_name = "lab0"
    tun_offloads = false
    num_packet_processors = 4
    channel_capacity = 10
    channel_backpressure = true
    queue_capacity = 20
    scheduler_drop_strategy = "red"
    feature = "concurrent"
    metrics_collection_interval = 60
  `)
  t.same(engine, {
    tun: 'on',
    tunName: 'lab0',
    tunOffloads: false,
    processors: 4,
    concurrent: true,
    channelCapacity: 10,
    backpressure: true,
    queueCapacity: 20,
    dropStrategy: 'red',
    metricsIntervalS: 60,
    lossless: {
      sourceSymbols: 32,
      paritySymbols: 0,
      symbolBytes: 1348,
      treeIds: null,
      treeWeights: [],
      silenceMs: 15_000,
    },
  })
  t.equal(warnings.length, 1)
  t.match(warnings, [/concurrent.*trees of a lossless flow are not isolated/])
  t.equal(parse('enable_local_interface = false').engine.tun, 'off')
  t.end()
})

t.test('concurrent lanes are warned of where a node is on several', t => {
  const warns = (text: string): boolean =>
    parse(`feature = "concurrent"\n${text}`).warnings.some(w => /isolated/.test(w))
  t.ok(warns('num_packet_processors = 2\nn_nodes = 9'))
  t.ok(warns(''), 'one node alone is on all lanes')
  t.notOk(warns('n_nodes = 9'), 'those of a fleet are on one each')
  t.notOk(warns('num_packet_processors = 1'))
  t.notOk(
    parse('num_packet_processors = 2').warnings.some(w => /isolated/.test(w)),
    'sequential ones',
  )
  t.end()
})

t.test('what is so anyway needs no warning', t => {
  t.same(parse('num_tun_queues = 1\nenforce_tcp_order = true').warnings, [])
  t.end()
})

t.test('each key without effect is named in a warning', t => {
  const config = parse(`
    num_tun_queues = 2
    enforce_tcp_order = false
    fanout_pending_capacity = 10
    quic_congestion_control = "cubic"
    user_space_server_port = 8888
    scheduler_type = "wrr"
    lossless_runtime_config = { fec_enabled = true, fec_tree_lane_depth = 3, cloudcast_stripes = 1 }
  `)
  t.equal(config.unsupported.length, 6)
  for (const key of ['fec_tree_lane_depth', 'cloudcast_stripes'])
    t.ok(
      config.warnings.some(warning => warning.includes(`lossless_runtime_config.${key}`)),
      key,
    )
  t.notOk(config.warnings.some(warning => warning.includes('fec_enabled')))
  for (const key of config.unsupported)
    t.ok(
      config.warnings.some(warning => warning.includes(key)),
      key,
    )
  t.end()
})

t.test('rebuilt files for two hosts are taken; the public address is never dialled', t => {
  const [first, second] = [parse(nextmini('ns-public/VM1-config.toml')), parse(nextmini('ns-public/VM2-config.toml'))]
  t.match(first, { nNodes: 5, nodeIdOffset: 0, privateNetworkName: 'vm1-private', controllerAddr: '127.0.0.1:3000' })
  t.match(second, { nNodes: 5, nodeIdOffset: 5, privateNetworkName: 'vm2-private' })
  t.ok(first.warnings.some(warning => warning.includes('206.12.95.232')))
  t.end()
})

t.test('flags win over the file', t => {
  const flags = { controllerAddr: 'ws://127.0.0.1:4000', nNodes: '7', nodeIdOffset: 3 }
  t.match(parse('n_nodes = 2\ncontroller_addr = "127.0.0.1:1"', flags), {
    controllerAddr: '127.0.0.1:4000',
    nNodes: 7,
    nodeIdOffset: 3,
  })
  t.end()
})

t.test('a bad flag is named as it was written', t => {
  t.match(
    issuesOf(() => parse('mtu = 9000', { nNodes: '0', controllerAddr: 'nowhere' })),
    [
      { source: 'd.toml', line: 1, key: 'mtu', value: '9000', limit: 'an integer from 68 to 6400' },
      { source: '--n-nodes 0', line: 0, key: 'n_nodes', value: '0' },
      { source: 'nowhere', key: 'controller_addr' },
    ],
  )
  t.end()
})

t.test('a single node may have its id by node_id', t => {
  t.match(parse('node_id = 7'), { nNodes: 1, nodeIdOffset: 6 })
  t.match(parse('node_id = 7\nnode_id_offset = 6'), { nodeIdOffset: 6 })
  t.same(
    keysOf(() => parse('node_id = 7\nnode_id_offset = 2')),
    ['node_id'],
  )
  const fleet = parse('node_id = 7\nn_nodes = 2')
  t.equal(fleet.nodeIdOffset, 0)
  t.equal(fleet.warnings.length, 1)
  t.end()
})

t.test('values out of range are refused with their limit', t => {
  for (const [text, key] of [
    ['n_nodes = 0', 'n_nodes'],
    ['n_nodes = 1.5', 'n_nodes'],
    ['node_id_offset = -1', 'node_id_offset'],
    ['bridge_ip = "172.16.8.0"', 'bridge_ip'],
    ['bridge_ip = "172.16.11.255"', 'bridge_ip'],
    ['bridge_ip = "172.16.8"', 'bridge_ip'],
    ['bridge_ip = 3', 'bridge_ip'],
    ['bridge_ip = "127.0.0.1"', 'bridge_ip'],
    ['bridge_ip = "0.0.0.1"', 'bridge_ip'],
    ['bridge_ip = "224.0.0.1"', 'bridge_ip'],
    ['bridge_ip = "239.255.0.1"', 'bridge_ip'],
    ['bridge_name = "sixteen-bytes-00"', 'bridge_name'],
    ['bridge_name = "a/b"', 'bridge_name'],
    ['bridge_name = ".."', 'bridge_name'],
    ['bridge_name = "fifteen-bytes-9"\nn_nodes = 20000', 'bridge_name'],
    ['bridge_ip = "255.255.252.1"\nn_nodes = 1021', 'n_nodes'],
    ['n_nodes = 1000000\nnode_id_offset = 1', 'n_nodes'],
    ['private_network_port = "99999"', 'private_network_port'],
    ['on_node_death = "ignore"', 'on_node_death'],
    ['protocol = "quic"', 'protocol'],
    ['feature = "parallel"', 'feature'],
    ['num_packet_processors = 65', 'num_packet_processors'],
    ['channel_capacity = 0', 'channel_capacity'],
    ['queue_capacity = 1000001', 'queue_capacity'],
    ['tun_interface_name = "a/b"', 'tun_interface_name'],
    ['enable_local_interface = "yes"', 'enable_local_interface'],
    ['scheduler_drop_strategy = "codel"', 'scheduler_drop_strategy'],
    ['metrics_collection_interval = 0', 'metrics_collection_interval'],
    ['[lossless_runtime_config]\nfec_default_symbol_size = 20000', 'lossless_runtime_config.fec_default_symbol_size'],
  ] as const)
    t.same(
      keysOf(() => parse(text)),
      [key],
      text,
    )
  t.end()
})

t.test('the last addresses there are can be used', t => {
  t.match(parse('bridge_ip = "255.255.252.1"\nn_nodes = 1020'), { nNodes: 1020 })
  t.end()
})

t.test('an unknown key is an error that names the nearest known one', t => {
  t.match(
    issuesOf(() => parse('\nnode_id_ofset = 5')),
    [{ line: 2, column: 1, key: 'node_id_ofset', nearest: 'node_id_offset' }],
  )
  t.match(
    issuesOf(() => parse('[integration_test]\ncase_nam = "x"')),
    [{ key: 'integration_test.case_nam', nearest: 'case_name' }],
  )
  t.end()
})

t.test('a token is passed on', t => {
  t.match(parse('token = "secret"\non_node_death = "fatal"'), { token: 'secret', onNodeDeath: 'fatal' })
  t.match(parse('peer_silence_ms = 2000'), { peerSilenceMs: 2000 })
  t.same(
    keysOf(() => parse('peer_silence_ms = 1999')),
    ['peer_silence_ms'],
  )
  t.end()
})

t.test('max mode is of all nodes, and of one thread each', t => {
  t.equal(parseDataplaneConfig('', 'x.toml').operatingMode, undefined)
  const config = parseDataplaneConfig('operating_mode = "max"\nnum_packet_processors = 4', 'x.toml')
  t.equal(config.operatingMode, 'max')
  t.equal(config.engine.processors, 1)
  t.match(config.warnings, [/^num_packet_processors has no effect in max mode/])
  t.throws(() => parseDataplaneConfig('operating_mode = "most"', 'x.toml'), /operating_mode/)
  t.end()
})

t.test('keys of lossless flows say how blocks are cut; schemes of others are refused by name', t => {
  const of = (keys: string) => parse(`[lossless_runtime_config]\n${keys}`).engine.lossless
  t.match(of('session_mode = "fec"'), { sourceSymbols: 32, paritySymbols: 4, symbolBytes: 1348 })
  t.match(of('fec_enabled = true\nsession_mode = "plain"'), { paritySymbols: 0 })
  t.match(of('fec_enabled = true\nfec_parity_symbols = 7\nfec_default_symbols_per_block = 20'), {
    sourceSymbols: 20,
    paritySymbols: 7,
  })
  t.match(of('default_chunk_size = 8500'), { symbolBytes: 8500 })
  const fixed = 'session_mode = "fec"\nfec_symbol_size_policy = "fixed"\nfec_default_symbol_size = 1000'
  t.match(of(`${fixed}\ndefault_block_size = 8500`), { symbolBytes: 1000 })
  t.match(of('fec_default_tree_ids = [2, 0]\nfec_default_tree_weights = [1.5]\npeer_report_timeout_ms = 300'), {
    treeIds: [2, 0],
    treeWeights: [1.5],
    silenceMs: 300,
  })
  t.equal(of('fec_default_symbols_per_block = 1024').sourceSymbols, 255, 'plain blocks have what fits')
  for (const [keys, problem] of [
    ['session_mode = "mettle"', /session_mode = "mettle": is not supported/],
    ['session_mode = "cloudcast"', /session_mode = "cloudcast": is not supported/],
    ['session_mode = "fec"\nfec_default_symbols_per_block = 252', /at most 251 with 4 of parity|more than 255 symbols/],
  ] as const)
    t.throws(() => of(keys), problem)
  t.end()
})
