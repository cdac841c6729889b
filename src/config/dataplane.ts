// The dataplane's configuration: TOML text with flags over it, or a scenario's section, to typed values.

import * as v from 'valibot'
import { parseIpv4 } from '../base/ipv4.ts'
import { INTERFACE_NAME_BYTES_MAX, NODE_ID_MAX, SHARD_ADDRESSES_COUNT, SHARD_NODES_MAX } from '../base/limits.ts'
import { type DataplaneTable, dataplaneFileSchema, dataplaneSchema, reasonWithoutEffect } from './dataplane-schema.ts'
import { isLoopback, parseControllerAddr } from './host.ts'
import type { Path } from './locate.ts'
import { losslessWithoutEffect, readLossless } from './lossless.ts'
import { applyOverride, type Override } from './override.ts'
import { Problems, type TomlTable } from './problems.ts'
import { readProtocol } from './protocol.ts'
import { readTable } from './table.ts'
import type { DataplaneConfig, EngineConfig } from './types.ts'
import { portOf } from './values.ts'

/** What the command line says, as it says it. */
export interface DataplaneFlags {
  readonly controllerAddr?: string | undefined
  readonly nNodes?: string | number | undefined
  readonly nodeIdOffset?: string | number | undefined
}

/** The controller's address where none is given: its default port, on this machine. */
const CONTROLLER_ADDR_DEFAULT = '127.0.0.1:3000'

/** As published (facts/nextmini.md 2); interfaces are made when somebody needs them. */
export const ENGINE_DEFAULTS: EngineConfig = engineOf(v.parse(dataplaneSchema, {}), [], new Problems(''))

/** Parses a dataplane's configuration file; flags win. Throws CONFIG_INVALID with every problem. */
export function parseDataplaneConfig(text: string, file: string, flags: DataplaneFlags = {}): DataplaneConfig {
  const problems = new Problems(file)
  const raw = problems.parse(text, file)
  for (const override of flagOverrides(flags)) applyOverride(raw, dataplaneFileSchema, override, problems)
  const config = readDataplane(raw, [], problems)
  problems.throwIfAny()
  return config
}

function flagOverrides(flags: DataplaneFlags): Override[] {
  const overrides: Override[] = []
  const add = (key: string, from: string, value: string | number | undefined): void => {
    if (value !== undefined) overrides.push({ key, value: String(value), from: `${from}${value}` })
  }
  add('controller_addr', '', flags.controllerAddr)
  add('n_nodes', '--n-nodes ', flags.nNodes)
  add('node_id_offset', '--node-id-offset ', flags.nodeIdOffset)
  return overrides
}

/** Reads a dataplane's table that stands at `path`; the result is only meant to be used when no problem was added. */
export function readDataplane(raw: TomlTable, path: Path, problems: Problems): DataplaneConfig {
  const { value, bad } = readTable(dataplaneFileSchema, raw, path, problems)
  const table = value as DataplaneTable
  const nNodes = table.n_nodes ?? 1
  const warnings: string[] = []
  const nodeIdOffset = offsetOf(table, nNodes, path, problems, warnings)
  if (!bad.has('n_nodes') && !bad.has('node_id_offset')) checkRange(table, nNodes, nodeIdOffset, path, problems)
  const protocol = readProtocol(table.protocol, path, problems)
  if (table.operating_mode === 'max' && table.num_packet_processors > 1)
    warnings.push('num_packet_processors has no effect in max mode: the streams of a node are of one thread')
  if (table.feature === 'concurrent' && spreads(table, nNodes)) warnings.push(NOT_ISOLATED)
  const unsupported = Object.keys(raw).filter(key => reasonWithoutEffect.has(key) && raw[key] !== AS_IT_IS[key])
  return {
    controllerAddr: controllerAddrOf(table, path, problems, warnings),
    controllerConnectTimeoutMs: table.controller_connect_timeout_ms,
    nNodes,
    nodeIdOffset,
    privateNetworkName: table.private_network_name,
    privateNetworkPort: portOf(table.private_network_port),
    bridgeName: table.bridge_name,
    bridgeIp: table.bridge_ip,
    mtu: table.mtu,
    carrierMaxWaitMs: table.carrier_max_wait_ms,
    peerSilenceMs: table.peer_silence_ms,
    protocol,
    engine: engineOf(table, path, problems),
    onNodeDeath: table.on_node_death,
    ...(table.operating_mode === 'max' ? { operatingMode: 'max' as const } : {}),
    unsupported,
    ...(table.token === undefined ? {} : { token: table.token }),
    warnings: [
      ...warnings,
      ...unsupportedWarnings(unsupported),
      ...losslessWithoutEffect(table.lossless_runtime_config).map(unsupportedWarning),
    ],
  }
}

/** What a published key may say, since it is so anyway. */
const AS_IT_IS: Readonly<Record<string, unknown>> = { num_tun_queues: 1, enforce_tcp_order: true }

/** Whether a node is on several lanes. 0: one alone is on all, nodes of a fleet on one each. */
const spreads = ({ num_packet_processors: count }: DataplaneTable, nNodes: number): boolean =>
  count > 1 || (count === 0 && nNodes === 1)

const NOT_ISOLATED =
  'feature = "concurrent": packets are routed by the lane that reads them, so trees of a lossless flow are not ' +
  'isolated from each other; with "sequential" each flow and tree has its lane'

function engineOf(table: DataplaneTable, path: Path, problems: Problems): EngineConfig {
  const { enable_local_interface: isOn } = table
  return {
    tun: isOn === undefined ? 'demand' : isOn ? 'on' : 'off',
    tunName: table.tun_interface_name,
    tunOffloads: table.tun_offloads,
    // A node's streams are of one lane.
    processors: table.operating_mode === 'max' ? 1 : table.num_packet_processors,
    concurrent: table.feature === 'concurrent',
    channelCapacity: table.channel_capacity,
    backpressure: table.channel_backpressure,
    queueCapacity: table.queue_capacity,
    dropStrategy: table.scheduler_drop_strategy,
    metricsIntervalS: table.metrics_collection_interval,
    lossless: readLossless(table.lossless_runtime_config, [...path, 'lossless_runtime_config'], problems),
  }
}

/** A single node may say its id by `node_id`, as the published files do; a fleet's ids follow from the offset. */
function offsetOf(table: DataplaneTable, nNodes: number, path: Path, problems: Problems, warnings: string[]): number {
  if (table.node_id === 0) return table.node_id_offset
  if (nNodes > 1) {
    warnings.push('node_id has no effect with several nodes: ids start at node_id_offset + 1')
    return table.node_id_offset
  }
  if (table.node_id_offset !== 0 && table.node_id_offset + 1 !== table.node_id)
    problems.add({
      path: [...path, 'node_id'],
      value: table.node_id,
      problem: `does not fit node_id_offset = ${table.node_id_offset}, which makes it ${table.node_id_offset + 1}`,
    })
  return table.node_id - 1
}

/** Ids, addresses and bridge names up to the last node. */
function checkRange(table: DataplaneTable, nNodes: number, offset: number, path: Path, problems: Problems): void {
  const at = [...path, 'n_nodes']
  if (offset + nNodes > NODE_ID_MAX)
    problems.add({
      path: at,
      value: nNodes,
      problem: `makes node ids up to ${offset + nNodes}; the highest is ${NODE_ID_MAX}`,
    })
  const bridgeIp = parseIpv4(table.bridge_ip) as number
  // Started by hand, a fleet takes slots from its offset on.
  const lastShard = Math.floor((offset + nNodes - 1) / SHARD_NODES_MAX)
  const lastNetwork = bridgeIp - (bridgeIp % SHARD_ADDRESSES_COUNT) + SHARD_ADDRESSES_COUNT * (lastShard + 1)
  if (lastNetwork > 0x1_0000_0000)
    problems.add({
      path: at,
      value: nNodes,
      problem: `does not fit in 32-bit addresses from bridge_ip ${table.bridge_ip} on`,
    })
  const lastBridge = lastShard === 0 ? table.bridge_name : `${table.bridge_name.replace(/[0-9]+$/, '')}${lastShard}`
  if (lastBridge.length > INTERFACE_NAME_BYTES_MAX)
    problems.add({
      path: [...path, 'bridge_name'],
      value: table.bridge_name,
      problem: `makes "${lastBridge}" for the last shard; a name has at most ${INTERFACE_NAME_BYTES_MAX} bytes`,
    })
}

/** Always a loopback address: that of the lab's own controller. What a file says otherwise is never dialled. */
function controllerAddrOf(table: DataplaneTable, path: Path, problems: Problems, warnings: string[]): string {
  if (table.controller_addr === '') return CONTROLLER_ADDR_DEFAULT
  const address = parseControllerAddr(table.controller_addr)
  if (address === null) {
    problems.mustBe([...path, 'controller_addr'], table.controller_addr, '"host:port" or "ws://host:port"')
    return CONTROLLER_ADDR_DEFAULT
  }
  if (!isLoopback(address.host))
    warnings.push(`controller_addr = "${table.controller_addr}" is not dialled: it stands for the lab's own controller`)
  return `127.0.0.1:${address.port}`
}

function unsupportedWarnings(unsupported: readonly string[]): string[] {
  const byReason = new Map<string, string[]>()
  for (const key of unsupported) {
    const reason = reasonWithoutEffect.get(key) as string
    byReason.set(reason, [...(byReason.get(reason) ?? []), key])
  }
  return [...byReason].map(unsupportedWarning)
}

const unsupportedWarning = ([reason, keys]: readonly [string, readonly string[]]): string =>
  `without effect, as ${reason}: ${keys.join(', ')}`
