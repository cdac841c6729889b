// Links, groups and their flows in the controller's own file.

import t from 'tap'
import { parseControllerConfig } from '../../src/config/controller.ts'
import { keysOf } from '../fixtures/issues.ts'

const parse = (text: string) => parseControllerConfig(text, 'c.toml')

const fourInLine = '[topology]\ntype = "line"\nline_config = { n_nodes = 4 }\n'
const tree = '[[groups]]\nlabel = "a"\nsrc_node_id = 1\nmembers = [3, 4]\ntrees = [[[1, 2], [2, 3], [3, 4]]]\n'

t.test("links, groups and their flows may stand in a controller's own file", t => {
  const config = parse(`${fourInLine}
    [[links]]
    src_node_id = 2
    dst_node_id = 1
    rate = 1000
    bucket_size = 2000
    queue_packets = 5
    delay_s = 0.01
    jitter_s = 0.001
    loss_ratio = 0.1
    duplicate_ratio = 0.2
    corrupt_ratio = 0.3
    reorder_ratio = 0.4
    ${tree}
    [[flows]]
    src_node_id = 1
    dst_group = "a"
    flow_spec = { flow_len = { Bytes = 10 }, packet_bytes = 100 }
  `)
  t.same(config.links, [
    {
      srcNodeId: 2,
      dstNodeId: 1,
      shape: {
        rate: 1000,
        bucket_size: 2000,
        queue_packets: 5,
        delay_s: 0.01,
        jitter_s: 0.001,
        loss_ratio: 0.1,
        duplicate_ratio: 0.2,
        corrupt_ratio: 0.3,
        reorder_ratio: 0.4,
      },
    },
  ])
  t.same(config.groups, [
    {
      label: 'a',
      srcNodeId: 1,
      members: [3, 4],
      trees: [
        [
          [1, 2],
          [2, 3],
          [3, 4],
        ],
      ],
    },
  ])
  t.same(config.flows, [
    { srcNodeId: 1, dstNodeId: 1, dstGroup: 'a', spec: { flow_len: { Bytes: 10 }, packet_bytes: 100 } },
  ])
  t.same(config.warnings, [], 'a group needs no routes')
  t.end()
})

t.test('what a file says of links, groups and their flows is checked', t => {
  const keys = (text: string) => keysOf(() => parse(fourInLine + text))
  const link = (ends: string, rest = '') => keys(`[[links]]\n${ends}\n${rest}`)
  t.same(link('src_node_id = 1\ndst_node_id = 3'), ['links[0]'], 'no edge')
  t.same(link('src_node_id = 1\ndst_node_id = 1'), ['links[0].dst_node_id'])
  t.same(link('src_node_id = 1\ndst_node_id = 5'), ['links[0].dst_node_id'])
  t.same(link('src_node_id = 1\ndst_node_id = 2', 'delay_s = -1'), ['links[0].delay_s'])
  t.same(link('src_node_id = 1\ndst_node_id = 2', 'loss_ratio = 2'), ['links[0].loss_ratio'])
  t.same(keys('[[links]]\nsrc_node_id = 1\ndst_node_id = 2\n'.repeat(2)), ['links[1]'])
  t.same(keys(tree.repeat(2)), ['groups[1].label'])
  t.same(keys(tree.replace('[3, 4]', '[3, 5]')), ['groups[0].members', 'groups[0].trees[0]'])
  const flow = (ends: string) => keys(`${tree}[[flows]]\n${ends}\nflow_spec = { flow_len = { Bytes = 1 } }`)
  t.same(flow('src_node_id = 1'), ['flows[0]'])
  t.same(flow('src_node_id = 1\ndst_node_id = 2\ndst_group = "a"'), ['flows[0]'])
  t.same(flow('src_node_id = 1\ndst_group = "b"'), ['flows[0].dst_group'])
  t.same(flow('src_node_id = 2\ndst_group = "a"'), ['flows[0].dst_group'])
  t.same(
    keysOf(() => parse(`multicast_pool_base = "239.255.255.255"\n${fourInLine}${tree}`)),
    ['multicast_pool_base'],
  )
  t.end()
})

t.test('flows that no route serves are warned of', t => {
  const flow = (to: number) =>
    `[[flows]]\nsrc_node_id = 1\ndst_node_id = ${to}\nflow_spec = { flow_len = { Bytes = 1 } }\n`
  const warnings = (text: string) => parse(text + flow(2) + flow(3)).warnings
  t.equal(warnings('').length, 1)
  t.equal(warnings('routes = [{ route = [1, 2] }]\n').length, 1)
  t.same(warnings('routes = [{ route = [[1, 2], [1, 3]] }]\n'), [])
  t.same(warnings('routing = { protocol = "shortest_path" }\n'), [])
  t.end()
})
