// Lossless flows of a scenario, and the dataplane's keys about them: what they come to, and what is wrong with them.

import t from 'tap'
import { parseScenario } from '../../src/config/scenario.ts'
import { issuesOf } from '../fixtures/issues.ts'

const star =
  '[controller]\ntopology = { type = "star", star_config = { n_nodes = 4 } }\nrouting = { protocol = "shortest_path" }\n'
const group = '[[group]]\nlabel = "news"\nsource = 2\nmembers = "all"\ntrees = [[[2, 1], [1, 3], [1, 4]]]\n'

const parse = (text: string) => parseScenario(`name = "x"\n${star}${text}`, 'x.toml', [], path => path)
const flow = (text: string): string => `[[flow]]\ntransport = "lossless"\n${text}\n`
const toNode = (text: string): string => flow(`from = 1\nto = 2\n${text}`)
const lossless = (text: string): string => `[dataplane.lossless_runtime_config]\n${text}\n`

/** Each problem as its key and its words. */
const problems = (text: string): string[] => issuesOf(() => parse(text)).map(({ key, problem }) => `${key}: ${problem}`)

t.test('a payload to a node, to those on, and to a group', t => {
  const flows = (text: string) => parse(text).controller.flows
  t.same(flows(toNode('payload = "64 MiB"\nrate = "100kbit"\npacket_bytes = 1000')), [
    {
      srcNodeId: 1,
      dstNodeId: 2,
      spec: { flow_len: { Bytes: 64 * 1024 ** 2 }, transport: 'lossless', flow_rate: 12_500, packet_bytes: 1000 },
    },
  ])
  t.same(flows(group + flow('group = "news"\npayload = "1.5 B"')), [
    { srcNodeId: 2, dstNodeId: 2, dstGroup: 'news', spec: { flow_len: { Bytes: 2 }, transport: 'lossless' } },
  ])
  const each = flows(flow('from = "all"\nto = "+1"\npayload = "1 kB"'))
  t.same(
    each.map(({ srcNodeId, spec }) => [srcNodeId, spec.transport]),
    [1, 2, 3, 4].map(id => [id, 'lossless']),
  )
  t.same(
    flows('[[flow]]\nfrom = 1\nto = 2\nbytes = "1 kB"').map(({ spec }) => spec),
    [{ flow_len: { Bytes: 1000 } }],
  )
  t.end()
})

t.test('a payload is a size above 0', t => {
  const notOne = 'flow[0].payload: must be a size above 0, such as "512 MiB"'
  for (const value of ['""', '5', '"0 B"', '"-1 MiB"', '"64 MiX"', '"8s"', 'true', '"99999999 TiB"'])
    t.same(problems(toNode(`payload = ${value}`)), [notOne], value)
  t.end()
})

t.test('a lossless flow is as long as its payload, and nothing else says how long', t => {
  const without = 'does not go with transport = "lossless"'
  const required = 'flow[0].payload: is required: how much is to be delivered, as in "64 MiB"'
  t.same(problems(toNode('')), [required])
  t.same(problems(toNode('payload = "1 MiB"\nbytes = "1 kB"')), [`flow[0].bytes: ${without}`])
  t.same(problems(toNode('payload = "1 MiB"\nfor = "1s"')), [`flow[0].for: ${without}`])
  t.same(problems(toNode('payload = "1 MiB"\nweight = 2')), [`flow[0].weight: ${without}`])
  t.match(problems(toNode('bytes = "1 kB"')).toSorted(), [`flow[0].bytes: ${without}`, required])
  t.end()
})

t.test('a payload without transport is told once, and what it needs', t => {
  const text = '[[flow]]\nfrom = 1\nto = 2\npayload = "1 MiB"\n'
  const needs = ['flow[0].payload: needs transport = "lossless"']
  t.same(problems(text), needs)
  t.same(problems(`${text}bytes = "1 kB"`), needs)
  t.same(problems(`${text}transport = "datagrams"`), needs)
  t.same(problems(`${text}transport = "tcp"`), ['flow[0].transport: must be one of "datagrams", "lossless"'])
  t.end()
})

t.test('a payload to a group goes from its source to its members', t => {
  const of = (text: string) => problems(group + flow(`payload = "1 MiB"\n${text}`))
  t.same(of('group = "news"\nto = 3'), ['flow[0].to: does not go with group, which has its members'])
  t.same(of('group = "news"\ncount = 1'), ['flow[0].count: does not go with group, which has its members'])
  t.same(of('group = "news"\nfrom = 1'), ['flow[0].from: must be 2, the source of group "news", or be left out'])
  t.match(
    issuesOf(() => parse(group + flow('payload = "1 MiB"\ngroup = "newz"'))),
    [{ key: 'flow[0].group', value: '"newz"', problem: 'is the label of no group', nearest: 'news' }],
  )
  t.same(of(''), ['flow[0].from: is required', 'flow[0]: needs either to = a node or group = a label'])
  t.end()
})

t.test('parity and source symbols of a block are 255 at most', t => {
  const at = 'dataplane.lossless_runtime_config'
  const range = `${at}.fec_parity_symbols: must be an integer from 1 to 254`
  for (const value of ['0', '255', '-1', '1.5', '"4"'])
    t.same(problems(lossless(`session_mode = "fec"\nfec_parity_symbols = ${value}`)), [range], value)
  const cut = (source: number, parity: number): string =>
    `session_mode = "fec"\nfec_default_symbols_per_block = ${source}\nfec_parity_symbols = ${parity}`
  t.match(
    issuesOf(() => parse(lossless(cut(2, 254)))),
    [{ key: `${at}.fec_default_symbols_per_block`, value: '2', limit: 'at most 1 with 254 of parity', line: 7 }],
  )
  t.match(parse(lossless(cut(1, 254))).dataplane.engine.lossless, { sourceSymbols: 1, paritySymbols: 254 })
  t.match(parse(lossless('fec_parity_symbols = 9')).dataplane.engine.lossless, { paritySymbols: 0 }, 'plain')
  t.end()
})

t.test('the other keys are in range, each told where it stands', t => {
  for (const [key, value] of [
    ['session_mode', '"none"'],
    ['fec_enabled', '"yes"'],
    ['default_chunk_size', '0'],
    ['default_chunk_size', '65484'],
    ['default_block_size', '65484'],
    ['peer_report_timeout_ms', '0'],
    ['peer_report_timeout_ms', '86400001'],
    ['fec_default_symbols_per_block', '0'],
    ['fec_default_symbols_per_block', '1025'],
    ['fec_symbol_size_policy', '"any"'],
    ['fec_default_tree_ids', '0'],
    ['ready_grace_ms', '-1'],
    ['fec_parity', '4'],
  ] as const)
    t.match(
      issuesOf(() => parse(lossless(`${key} = ${value}`))),
      [{ key: `dataplane.lossless_runtime_config.${key}`, line: 6 }],
      `${key} = ${value}`,
    )
  t.match(
    issuesOf(() => parse(lossless('fec_default_tree_weights = [1, 0]'))),
    [{ key: 'dataplane.lossless_runtime_config.fec_default_tree_weights[1]' }],
  )
  t.match(
    issuesOf(() => parse(lossless('fec_default_tree_ids = [0, -1]'))),
    [{ key: 'dataplane.lossless_runtime_config.fec_default_tree_ids[1]' }],
  )
  t.end()
})
