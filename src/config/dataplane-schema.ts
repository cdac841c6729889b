// Every key of the dataplane's configuration, with the published defaults (facts/nextmini.md 2). `on_node_death`,
// `peer_silence_ms`, `tun_offloads` and `token` are nslab's. What has no effect here is checked all the same, and named
// in a warning when it is given.

import * as v from 'valibot'
import { NODE_ID_MAX } from '../base/limits.ts'
import { losslessSchema } from './lossless.ts'
import { DURATION_S_MAX } from './units.ts'
import { bridgeAddress, flag, int, interfaceName, intFrom, nodeId, oneOf, port, portText, text } from './values.ts'

const MS_MAX = 86_400_000

/** As many lanes as fit into a word of bits (native/engine/lanes/limits.h). */
const LANES_MAX = 64

/** A queue of so many packets of 1,400 bytes holds 1.4 GB. */
const PACKETS_MAX = 1_000_000

const ms = (fallback: number) => v.optional(int(0, MS_MAX), fallback)

const ids = v.array(int(0, NODE_ID_MAX))

const integrationTestSchema = v.object({
  enabled: v.optional(flag),
  case_name: v.optional(text()),
  group_label: v.optional(text()),
  source_node_id: v.optional(nodeId),
  receiver_ids: v.optional(ids),
  artifact_dir: v.optional(text(4096)),
  payload_path: v.optional(text(4096)),
  synthetic_payload: v.optional(flag),
  payload_size: v.optional(intFrom(0)),
  group_timeout_ms: v.optional(intFrom(0)),
  receive_timeout_ms: v.optional(intFrom(0)),
  poll_interval_ms: v.optional(intFrom(0)),
  src_port: v.optional(port),
  dst_port: v.optional(port),
  block_size: v.optional(intFrom(1)),
  trees: v.optional(v.array(v.object({ tree_id: intFrom(0), edges: v.array(v.array(nodeId)) }))),
})

/** Keys that change something. */
const effective = {
  controller_addr: v.optional(text(300), ''),
  controller_connect_timeout_ms: v.optional(int(1, MS_MAX), 5000),
  node_id: v.optional(int(0, NODE_ID_MAX), 0),
  n_nodes: v.optional(nodeId),
  node_id_offset: v.optional(int(0, NODE_ID_MAX - 1), 0),
  private_network_name: v.optional(text(255), ''),
  private_network_port: v.optional(portText, '8080'),
  bridge_name: v.optional(interfaceName, 'isobr0'),
  bridge_ip: v.optional(bridgeAddress, '172.16.8.1'),
  mtu: v.optional(int(68, 6400), 1400),
  carrier_max_wait_ms: v.optional(int(1, MS_MAX), 20_000),
  protocol: v.optional(oneOf('tcp', 'udp', 'quic'), 'tcp'),
  peer_silence_ms: v.optional(int(2000, MS_MAX), 8000),
  tun_interface_name: v.optional(interfaceName, 'utun'),
  tun_offloads: v.optional(flag, true),
  /** Absent: when a command enters the node. */
  enable_local_interface: v.optional(flag),
  num_packet_processors: v.optional(int(0, LANES_MAX), 0),
  channel_capacity: v.optional(int(1, PACKETS_MAX), 1000),
  channel_backpressure: v.optional(flag, false),
  queue_capacity: v.optional(int(1, PACKETS_MAX), 1000),
  scheduler_drop_strategy: v.optional(oneOf('taildrop', 'red'), 'taildrop'),
  feature: v.optional(oneOf('sequential', 'concurrent'), 'sequential'),
  metrics_collection_interval: v.optional(int(1, DURATION_S_MAX), 5),
  lossless_runtime_config: v.optional(losslessSchema, {}),
  on_node_death: v.optional(oneOf('restart', 'report', 'fatal'), 'restart'),
  operating_mode: v.optional(oneOf('normal', 'max'), 'normal'),
  token: v.optional(text()),
}

/** Known keys without effect, by the reason that the warning gives. */
const withoutEffect = {
  'a node has one TUN queue': { num_tun_queues: v.optional(intFrom(1), 1) },
  'the packets of a flow keep their order in either feature, and none waits to be put in order': {
    enforce_tcp_order: v.optional(flag, true),
    delay_tolerance: v.optional(intFrom(0), 500),
    backlog_tolerance: v.optional(intFrom(0), 0),
  },
  "copies for several next hops wait in their links' queues": { fanout_pending_capacity: v.optional(intFrom(1)) },
  'links are TCP or UDP': { quic_congestion_control: v.optional(oneOf('bbr', 'cubic'), 'bbr') },
  'built-in flows have no TCP ends in user space': {
    user_space_client_port: v.optional(port, 45_535),
    user_space_server_port: v.optional(port, 8888),
  },
  'a scenario says what is sent and what is wanted of it': {
    integration_test: v.optional(integrationTestSchema),
  },
  'nodes are reached inside the fabric alone': {
    private_network_interface: v.optional(interfaceName, 'eth0'),
    private_network_addr: v.optional(text(255), ''),
    public_network_interface: v.optional(interfaceName, 'eth0'),
    public_network_addr: v.optional(text(255), ''),
    public_network_port: v.optional(portText, '8080'),
  },
  'the fabric root always forwards, has no rules in its way and reaches no other network': {
    auto_enable_ip_forward: v.optional(flag, false),
    auto_add_forward_rules: v.optional(flag, false),
    auto_add_nat: v.optional(flag, false),
  },
  'shards are always a /22': { subnet: v.optional(int(1, 32), 16) },
  'namespaces are made at once, by no process of their own, and carrier is awaited by notification': {
    handshake_timeout_ms: v.optional(int(1, MS_MAX), 25_000),
    interval_between_spawn: ms(50),
    child_start_delay_ms: ms(150),
    carrier_poll_interval_ms: ms(100),
  },
  'see on_node_death': { restart_on_disconnect: v.optional(flag, false) },
  'the controller says it at start-up': {
    scheduler_type: v.optional(oneOf('fifo', 'wrr'), 'fifo'),
    local_address: v.optional(text(255)),
  },
}

/** The keys by name, so that the scenario's [dataplane] can have them too. */
export const dataplaneEntries = Object.assign({}, effective, ...Object.values(withoutEffect)) as typeof effective &
  Record<string, v.GenericSchema>

export const dataplaneSchema = v.object(effective)
/** `dataplaneSchema` and every key without effect: what a file may have. */
export const dataplaneFileSchema = v.object(dataplaneEntries)
export type DataplaneTable = v.InferOutput<typeof dataplaneSchema>

/** Why a known key has no effect; undefined for one that has. */
export const reasonWithoutEffect: ReadonlyMap<string, string> = new Map(
  Object.entries(withoutEffect).flatMap(([reason, keys]) => Object.keys(keys).map(key => [key, reason] as const)),
)
