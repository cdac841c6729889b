// [[flow]], [[link]] and [[group]] of a scenario, as the controller gets them.

import t from 'tap'
import { parseScenario } from '../../src/config/scenario.ts'
import type { ControllerConfig } from '../../src/config/types.ts'
import { issuesOf, keysOf } from '../fixtures/issues.ts'

const ring = (nNodes: number, more = ''): string =>
  `[controller]\ntopology = { type = "ring", ring_config = { n_nodes = ${nNodes} } }\n` +
  `routing = { protocol = "shortest_path" }\n${more}\n`

const parse = (text: string, seed = 1) =>
  parseScenario(`name = "x"\nseed = ${seed}\n${text}`, 'x.toml', [], path => path)
const controllerOf = (text: string, seed = 1): ControllerConfig => parse(text, seed).controller
const endsOf = (text: string, seed = 1) =>
  controllerOf(text, seed).flows.map(({ srcNodeId, dstNodeId }) => [srcNodeId, dstNodeId])

/** Keys of the problems of a ring of five with these tables. */
const keys = (text: string) => keysOf(() => parse(ring(5) + text))

t.test('a flow of many nodes is one of each', t => {
  const flow = (text: string, nNodes = 5) => endsOf(`${ring(nNodes)}[[flow]]\nbytes = "1 kB"\n${text}`)
  t.same(flow('from = 2\nto = 4'), [[2, 4]])
  t.same(flow('from = [5, 1]\nto = 3'), [
    [1, 3],
    [5, 3],
  ])
  t.same(flow('from = "all"\nto = "+2"'), [
    [1, 3],
    [2, 4],
    [3, 5],
    [4, 1],
    [5, 2],
  ])
  t.same(flow('from = "all"\nto = "opposite"', 4), [
    [1, 3],
    [2, 4],
    [3, 1],
    [4, 2],
  ])
  t.same(flow('from = [1, 5]\nto = "opposite"'), [
    [1, 3],
    [5, 2],
  ])
  t.same(flow('from = 4\nto = "+7"'), [[4, 1]], 'once round and on')
  t.end()
})

t.test('some of the nodes are drawn by the seed', t => {
  const text = `${ring(100)}[[flow]]\nfrom = "all"\ncount = 10\nto = "+1"\nbytes = "1 kB"\n`
  const drawn = endsOf(text)
  t.equal(drawn.length, 10)
  t.equal(new Set(drawn.map(([from]) => from)).size, 10)
  t.same(endsOf(text), drawn)
  t.not(String(endsOf(text, 2)), String(drawn))
  const before = '[[flow]]\nfrom = 1\nto = 2\nbytes = "1 kB"\n'
  t.same(endsOf(text + before).slice(0, 10), drawn, 'whatever tables follow')
  t.equal(endsOf(text.replace('10\n', '100\n')).length, 100, 'or all of them')
  t.equal(endsOf(text.replace('10\n', '101\n')).length, 100, 'where a scenario is made smaller than the number')
  t.end()
})

t.test('how long, how fast and of which packets a flow is', t => {
  const spec = (text: string) => controllerOf(`${ring(5)}[[flow]]\nfrom = 1\nto = 2\n${text}`).flows[0]?.spec
  t.same(spec('for = "8s"'), { flow_len: { Duration: 8 } })
  t.same(spec('bytes = "10 MB"\nrate = "100kbit"\npacket_bytes = 200\nweight = 3'), {
    flow_len: { Bytes: 10_000_000 },
    flow_rate: 12_500,
    flow_weight: 3,
    packet_bytes: 200,
  })
  t.end()
})

t.test('what is wrong with a flow is told where it stands', t => {
  const flow = (text: string) => keys(`[[flow]]\n${text}`)
  t.same(flow('to = 2\nbytes = "1 kB"'), ['flow[0].from'])
  t.same(flow('from = 1\nbytes = "1 kB"'), ['flow[0]'])
  t.same(flow('from = 1\nto = 2'), ['flow[0]'])
  t.same(flow('from = 1\nto = 2\nbytes = "1 kB"\nfor = "1s"'), ['flow[0]'])
  t.same(flow('from = 1\nto = 2\nfor = "0s"'), ['flow[0].for'])
  t.same(flow('from = 1\nto = 1\nbytes = "1 kB"'), ['flow[0].to'])
  t.same(flow('from = "all"\nto = 3\nbytes = "1 kB"'), ['flow[0].to'])
  t.same(flow('from = "all"\ncount = 1\nto = 3\nbytes = "1 kB"'), ['flow[0].to'], 'whatever the seed draws')
  t.same(flow('from = 1\nto = "+5"\nbytes = "1 kB"'), ['flow[0].to'])
  t.same(flow('from = 6\nto = 1\nbytes = "1 kB"'), ['flow[0].from'])
  t.same(flow('from = 1\nto = 6\nbytes = "1 kB"'), ['flow[0].to'])
  t.same(flow('from = [1, 2]\ncount = 3\nto = 4\nbytes = "1 kB"'), ['flow[0].count'])
  t.same(flow('from = 1\nto = 2\ngroup = "a"\nbytes = "1 kB"'), ['flow[0].to', 'flow[0].group'])
  for (const [key, value] of [
    ['from', '[]'],
    ['from', '[1, 1]'],
    ['from', '"some"'],
    ['from', '0'],
    ['to', '"+0"'],
    ['to', '"next"'],
    ['to', '[2]'],
    ['count', '0'],
    ['rate', '"fast"'],
    ['rate', '"1bit"'],
    ['rate', '5'],
    ['packet_bytes', '51'],
    ['packet_bytes', '65536'],
    ['weight', '0'],
    ['bytes', '"0 kB"'],
    ['colour', '1'],
  ])
    t.same(flow(`${key} = ${value}`), [`flow[0].${key}`], `${key} = ${value}`)
  const one = parseScenario('name = "x"\n[controller]\ntopology = { n_nodes = 2 }', 'x.toml', [], path => path)
  t.same(one.controller.flows, [])
  t.end()
})

t.test('more flows than can be are refused before they are made', t => {
  const table = '[[flow]]\nfrom = "all"\nto = "+1"\nbytes = "1 kB"\n'
  const text = `[controller]\ntopology = { n_nodes = 60000 }\n${table.repeat(17)}`
  t.same(
    keysOf(() => parse(text)),
    ['flow[16]'],
  )
  t.end()
})

t.test('a link is shaped both ways, or forward', t => {
  const links = (text: string) => controllerOf(`${ring(3)}[[link]]\n${text}`).links
  const ends = (text: string) => links(text).map(({ srcNodeId, dstNodeId }) => `${srcNodeId}-${dstNodeId}`)
  t.same(links('between = [3, 1]\nrate = "10mbit"\nburst = "15 kB"\nqueue = 10\ndirection = "forward"'), [
    { srcNodeId: 3, dstNodeId: 1, shape: { rate: 1_250_000, bucket_size: 15_000, queue_packets: 10 } },
  ])
  t.same(
    links('between = [2, 1]\ndelay = "10ms"\njitter = "1ms"\nloss = 0.1\nduplicate = 0.2\ncorrupt = 0.3\nreorder = 0'),
    [
      ...[
        [1, 2],
        [2, 1],
      ].map(([srcNodeId, dstNodeId]) => ({
        srcNodeId,
        dstNodeId,
        shape: {
          delay_s: 0.01,
          jitter_s: 0.001,
          loss_ratio: 0.1,
          duplicate_ratio: 0.2,
          corrupt_ratio: 0.3,
          reorder_ratio: 0,
        },
      })),
    ],
  )
  t.same(ends('between = "all"\nloss = 0.1'), ['1-2', '1-3', '2-1', '2-3', '3-1', '3-2'])
  t.same(ends('between = "all"\nloss = 0.1\ndirection = "forward"'), ['1-2', '1-3', '2-3'])
  t.same(ends('between = [[1, 2], [3, 2]]\nloss = 0.1\ndirection = "forward"'), ['1-2', '3-2'])
  t.end()
})

t.test('a later table wins key by key, and over the controller', t => {
  const own = `
    link_rates = [{ src_node_id = 1, dst_node_id = 2, rate = 1000, bucket_size = 2000 }]
    links = [{ src_node_id = 2, dst_node_id = 1, rate = 5 }, { src_node_id = 3, dst_node_id = 1, rate = 6 }]`
  const tables = `
    [[link]]
    between = [1, 2]
    delay = "10ms"
    loss = 0.5
    [[link]]
    between = [1, 2]
    direction = "forward"
    loss = 0.1
    reorder = 0.5`
  t.same(controllerOf(ring(3, own) + tables).links, [
    {
      srcNodeId: 1,
      dstNodeId: 2,
      shape: { rate: 1000, bucket_size: 2000, delay_s: 0.01, loss_ratio: 0.1, reorder_ratio: 0.5 },
    },
    { srcNodeId: 2, dstNodeId: 1, shape: { rate: 5, delay_s: 0.01, loss_ratio: 0.5 } },
    { srcNodeId: 3, dstNodeId: 1, shape: { rate: 6 } },
  ])
  t.end()
})

t.test('what is wrong with a link is told where it stands', t => {
  const link = (text: string) => keys(`[[link]]\n${text}`)
  t.same(link('loss = 0.1'), ['link[0].between'])
  t.same(link('between = [1, 2]'), ['link[0]'], 'says nothing')
  t.same(link('between = [1, 3]\nloss = 0.1'), ['link[0].between'])
  t.same(link('between = [[1, 2], [1, 6]]\nloss = 0.1'), ['link[0].between'])
  t.same(link('between = "all"\nburst = "15 kB"'), ['link[0].burst'], 'once, not once a link')
  t.same(link('between = "all"\nreorder = 0.1'), ['link[0].reorder'])
  t.same(link('between = "all"\ndelay = "2h"'), ['link[0].delay'])
  t.same(
    keysOf(() => parse('[controller]\ntopology = { n_nodes = 3 }\n[[link]]\nbetween = "all"\nloss = 0.1')),
    ['link[0].between'],
    'there are no links',
  )
  for (const [key, value] of [
    ['between', '[1]'],
    ['between', '[1, 1]'],
    ['between', '[]'],
    ['between', '"ring"'],
    ['direction', '"backward"'],
    ['rate', '"15 kB"'],
    ['burst', '15000'],
    ['queue', '0'],
    ['delay', '10'],
    ['loss', '1.1'],
    ['duplicate', '-1'],
    ['corrupt', '"all"'],
  ])
    t.match(
      link(`${key === 'between' ? '' : 'between = "all"\n'}${key} = ${value}`),
      [`link[0].${key}`],
      `${key} = ${value}`,
    )
  t.end()
})

const star = '[controller]\ntopology = { type = "star", star_config = { n_nodes = 4 } }\n'
const group = (changes: Readonly<Record<string, string>> = {}): string => {
  const table = { label: '"news"', source: '2', members: '"all"', trees: '[[[2, 1], [1, 3], [1, 4]]]', ...changes }
  return `[[group]]\n${Object.entries(table)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('')}`
}

t.test('a group has members and trees, and flows go to it from its source', t => {
  const { flows, groups } = controllerOf(`${star}${group()}[[flow]]\ngroup = "news"\nbytes = "1 kB"`)
  t.same(groups, [
    {
      label: 'news',
      srcNodeId: 2,
      members: [1, 3, 4],
      trees: [
        [
          [2, 1],
          [1, 3],
          [1, 4],
        ],
      ],
    },
  ])
  t.same(flows, [{ srcNodeId: 2, dstNodeId: 2, dstGroup: 'news', spec: { flow_len: { Bytes: 1000 } } }])
  t.same(controllerOf(star + group({ members: '[4]' })).groups[0]?.members, [4])
  t.end()
})

t.test('what is wrong with a group is told where it stands', t => {
  const keysWith = (changes: Readonly<Record<string, string>>) => keysOf(() => parse(star + group(changes)))
  t.same(keysWith({ source: '9' }), ['group[0].source', 'group[0].trees[0]'])
  t.same(keysWith({ members: '[9]' }), ['group[0].members', 'group[0].trees[0]'])
  t.same(keysWith({ members: '[2, 3]' }), ['group[0].members', 'group[0].trees[0]'], 'its own source')
  t.same(keysWith({ members: '[3, 3]' }), ['group[0].members'])
  t.same(keysWith({ trees: '[]' }), ['group[0].trees'])
  t.same(keysWith({ trees: '[[]]' }), ['group[0].trees[0]'])
  t.same(keysWith({ trees: '[[[2, 3], [3, 4], [2, 1]]]' }), ['group[0].trees[0]'], 'no link')
  t.same(keysWith({ trees: '[[[2, 1], [1, 3], [3, 1], [1, 4]]]' }), ['group[0].trees[0]'], 'a cycle')
  t.same(keysWith({ trees: '[[[1, 3], [1, 4], [1, 2]]]' }), ['group[0].trees[0]'], 'another source')
  t.same(keysWith({ trees: '[[[2, 1], [1, 3]]]' }), ['group[0].trees[0]'], 'a member is missed')
  t.same(keysWith({ trees: '[[[2, 2]]]' }), ['group[0].trees[0][0]'])
  t.same(
    keysOf(() => parse(star + group() + group())),
    ['group[1].label'],
  )
  const flow = (text: string) => issuesOf(() => parse(`${star}${group()}[[flow]]\nbytes = "1 kB"\n${text}`))
  t.match(flow('group = "new"'), [{ key: 'flow[0].group', nearest: 'news' }])
  t.match(flow('group = "news"\nfrom = 1'), [{ key: 'flow[0].from' }])
  t.match(flow('group = "news"\nto = 1'), [{ key: 'flow[0].to' }])
  t.match(flow('group = "news"\ncount = 1'), [{ key: 'flow[0].count' }])
  const full = star.replace('[controller]\n', '[controller]\nmulticast_pool_base = "239.255.255.255"\n')
  t.same(
    keysOf(() => parse(full + group())),
    ['controller.multicast_pool_base'],
  )
  t.end()
})

t.test("traffic is a fleet's", t => {
  const table = '[[flow]]\nfrom = 1\nto = 2\nbytes = "1 kB"\n[[link]]\nbetween = "all"\nloss = 0.1\n'
  t.same(
    keysOf(() => parse(`[churn]\nrate_per_s = 2.5\nmin_life = "500ms"\nnamespaces = 5\n${table}`)),
    ['flow', 'link'],
  )
  t.same(
    keysOf(() => parse(`[connections]\n${group()}`)),
    ['group'],
  )
  t.end()
})

t.test('nothing is told of tables that a wrong topology leaves hanging', t => {
  const text = '[controller]\ntopology = { type = "ring" }\n[[flow]]\nfrom = 1\nto = 9\nbytes = "1 kB"'
  t.same(
    keysOf(() => parse(text)),
    ['controller.topology.ring_config'],
  )
  t.end()
})

t.test('flows without routes are taken, with a warning', t => {
  const text = '[controller]\ntopology = { n_nodes = 3 }\n[[flow]]\nfrom = [1, 2]\nto = 3\nbytes = "1 kB"'
  t.equal(parse(text).warnings.length, 1)
  t.end()
})
