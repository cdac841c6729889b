// The controller's configuration: TOML text or a scenario's section to typed values.

import type { FlowSpec } from '../protocol/messages.ts'
import { nodesCountOf } from '../topology/size.ts'
import type { TopologyConfig } from '../topology/types.ts'
import { checkAddresses, checkFlows, checkIds, readRoutes, readTraffic } from './controller-rules.ts'
import { type ControllerTable, controllerSchema } from './controller-schema.ts'
import { readTopology } from './controller-topology.ts'
import { readDb } from './db.ts'
import { checkPool } from './groups.ts'
import { isLoopback } from './host.ts'
import type { Path } from './locate.ts'
import { Problems, type TomlTable } from './problems.ts'
import { readProtocol } from './protocol.ts'
import { readTable } from './table.ts'
import { trafficWarnings } from './traffic.ts'
import type { ControllerConfig } from './types.ts'

/** Where the controller runs: on its own, or started by `nslab run` inside a fabric. */
export type Surroundings = 'alone' | 'fabric'

/** What the command line says. */
export interface ControllerFlags {
  readonly token?: string | undefined
}

/** Parses a controller's configuration file; flags win. Throws CONFIG_INVALID with every problem. */
export function parseControllerConfig(text: string, file: string, flags: ControllerFlags = {}): ControllerConfig {
  const problems = new Problems(file)
  const raw = problems.parse(text, file)
  if (flags.token !== undefined) {
    raw.token = flags.token
    problems.fromFlag(['token'], '--token')
  }
  const config = readController(raw, [], problems, 'alone')
  checkPool(config, config.groups.length, [], problems)
  problems.throwIfAny()
  return { ...config, warnings: [...config.warnings, ...trafficWarnings(config)] }
}

/** Reads a controller's table that stands at `path`; the result is only meant to be used when no problem was added. */
export function readController(
  raw: TomlTable,
  path: Path,
  problems: Problems,
  surroundings: Surroundings,
): ControllerConfig {
  const { value: table, bad } = readTable(controllerSchema, raw, path, problems)
  const warnings: string[] = []
  const topology = bad.has('topology') ? null : topologyOf(table, path, problems, warnings)
  const nodesCount = topology === null ? null : nodesCountOf(topology)
  checkIds(table, nodesCount === 0 ? null : nodesCount, path, problems)
  const traffic = readTraffic(table, topology, path, problems)
  checkFlows(table, traffic.groups, path, problems)
  if (nodesCount !== null) checkAddresses(table, nodesCount, path, problems)
  const protocol = readProtocol(table.protocol, path, problems)
  const listen = table.listen ?? (surroundings === 'fabric' ? '0.0.0.0' : '127.0.0.1')
  if (surroundings === 'alone' && !isLoopback(listen) && table.token === undefined)
    problems.add({
      path: [...path, 'listen'],
      value: listen,
      problem: 'is not a loopback address, so a token is required',
    })
  const routes = readRoutes(table, path, problems)
  const db = readDb(table.db, path.concat('db'), problems, warnings)
  return {
    port: table.port,
    listen,
    ...(table.token === undefined ? {} : { token: table.token }),
    maxServerPort: table.max_server_port,
    baseAddr: table.base_addr,
    netMask: table.net_mask,
    userSpaceBaseAddr: table.user_space_base_addr,
    externalBaseAddr: table.external_base_addr,
    multicastPoolBase: table.multicast_pool_base,
    multicastPoolMask: table.multicast_pool_mask,
    protocol,
    flowTransport: table.flow_transport,
    schedulerType: table.scheduler_type,
    topology: topology ?? { edges: [] },
    routing: table.routing?.protocol ?? null,
    routes,
    linkRates: table.link_rates.map(({ src_node_id, dst_node_id, rate, bucket_size }) => ({
      srcNodeId: src_node_id,
      dstNodeId: dst_node_id,
      rate: { rate, bucket_size },
    })),
    flows: table.flows.map(({ src_node_id, dst_node_id, dst_group, flow_spec }) => ({
      srcNodeId: src_node_id,
      dstNodeId: dst_node_id ?? src_node_id,
      ...(dst_group === undefined ? {} : { dstGroup: dst_group }),
      spec: flowSpecOf(flow_spec, table.flow_transport),
    })),
    ...traffic,
    nodes: table.nodes.map(({ node_id, operating_mode }) => ({ nodeId: node_id, operatingMode: operating_mode })),
    db,
    warnings,
  }
}

/** null after a problem: what depends on the topology is not checked then. */
function topologyOf(table: ControllerTable, path: Path, problems: Problems, warnings: string[]): TopologyConfig | null {
  if (table.topology === undefined) return { edges: [] }
  const before = problems.count
  const topology = readTopology(table.topology, [...path, 'topology'], problems, warnings)
  return problems.count > before ? null : topology
}

function flowSpecOf(spec: ControllerTable['flows'][number]['flow_spec'], usual: 'tcp' | 'lossless_unicast'): FlowSpec {
  const { Bytes: bytes, Duration: duration } = spec.flow_len
  // What is not said is said here: stores, nodes and the judge know nothing of a usual one.
  const transport = spec.transport ?? (usual === 'tcp' ? undefined : usual)
  return {
    flow_len: bytes === undefined ? { Duration: duration as number } : { Bytes: bytes },
    ...(spec.flow_rate === undefined ? {} : { flow_rate: spec.flow_rate }),
    ...(spec.flow_weight === undefined ? {} : { flow_weight: spec.flow_weight }),
    ...(transport === undefined ? {} : { transport }),
    ...(spec.packet_bytes === undefined ? {} : { packet_bytes: spec.packet_bytes }),
  }
}
