// Every key of the controller's configuration. Names, meaning and defaults of the published keys are those of Nextmini
// (facts/nextmini.md 1.1); `listen`, `token`, `mode`, `links`, `groups`, a flow's `packet_bytes` and `dst_group`, and the
// presets line, star and grid are nslab's.

import * as v from 'valibot'
import { NODE_ID_MAX } from '../base/limits.ts'
import { controllerTrafficEntries, packetBytes } from './traffic-schema.ts'
import { edge, int, intFrom, ipv4, netMask, nodeId, oneOf, port, portText, positive, text } from './values.ts'

const nNodesConfig = v.optional(v.object({ n_nodes: nodeId }))

const presetNames = oneOf('full_mesh', 'ring', 'fat_tree', 'torus', 'line', 'star', 'grid')

const topologySchema = v.object({
  type: v.optional(presetNames),
  topology: v.optional(presetNames),
  full_mesh_config: nNodesConfig,
  ring_config: nNodesConfig,
  line_config: nNodesConfig,
  star_config: nNodesConfig,
  fat_tree_config: v.optional(v.object({ k: int(2, 10_000) })),
  torus_config: v.optional(v.object({ dim: int(1, 3), n: int(1, NODE_ID_MAX) })),
  grid_config: v.optional(v.object({ rows: int(1, NODE_ID_MAX), columns: int(1, NODE_ID_MAX) })),
  edges: v.optional(v.array(edge), []),
  n_nodes: v.optional(nodeId),
})

const flowSpecSchema = v.object({
  flow_len: v.object({ Bytes: v.optional(intFrom(1)), Duration: v.optional(positive) }),
  flow_rate: v.optional(positive),
  flow_weight: v.optional(positive),
  transport: v.optional(oneOf('tcp', 'lossless_unicast')),
  packet_bytes: v.optional(packetBytes),
})

const dbSchema = v.object({
  user: v.optional(text(63), 'pgusr'),
  password: v.optional(text(), 'pgpwrd'),
  host: v.optional(text(255), '172.16.8.2'),
  database: v.optional(text(63), 'nextmini'),
  port: v.optional(portText, '5432'),
  mode: v.optional(oneOf('external', 'private')),
})

/** The keys by name, so that the scenario's [controller] can have them too. */
export const controllerEntries = {
  port: v.optional(port, 3000),
  listen: v.optional(ipv4),
  token: v.optional(text()),
  max_server_port: v.optional(port, 8081),
  base_addr: v.optional(ipv4, '10.0.0.0'),
  net_mask: v.optional(netMask, '255.255.0.0'),
  user_space_base_addr: v.optional(ipv4, '192.168.0.0'),
  external_base_addr: v.optional(ipv4, '172.16.8.3'),
  multicast_pool_base: v.optional(ipv4, '239.255.0.0'),
  multicast_pool_mask: v.optional(netMask, '255.255.0.0'),
  protocol: v.optional(oneOf('tcp', 'udp', 'quic'), 'tcp'),
  flow_transport: v.optional(oneOf('tcp', 'lossless_unicast'), 'tcp'),
  scheduler_type: v.optional(oneOf('fifo', 'wrr'), 'fifo'),
  topology: v.optional(topologySchema),
  routing: v.optional(v.object({ protocol: v.optional(oneOf('shortest_path')) })),
  routes: v.optional(
    v.array(v.object({ route: v.array(v.union([nodeId, edge], 'node ids, or pairs of node ids')) })),
    [],
  ),
  link_rates: v.optional(
    v.array(v.object({ src_node_id: nodeId, dst_node_id: nodeId, rate: intFrom(1), bucket_size: intFrom(1) })),
    [],
  ),
  flows: v.optional(
    v.array(
      v.object({
        src_node_id: nodeId,
        dst_node_id: v.optional(nodeId),
        /** In place of `dst_node_id`: the label of a group whose source is `src_node_id`. */
        dst_group: v.optional(text(100)),
        flow_spec: flowSpecSchema,
      }),
    ),
    [],
  ),
  ...controllerTrafficEntries,
  nodes: v.optional(
    v.array(v.object({ node_id: nodeId, operating_mode: v.optional(oneOf('normal', 'max'), 'normal') })),
    [],
  ),
  db: v.optional(dbSchema),
}

export const controllerSchema = v.object(controllerEntries)
export type ControllerTable = v.InferOutput<typeof controllerSchema>
export type TopologyTable = v.InferOutput<typeof topologySchema>
