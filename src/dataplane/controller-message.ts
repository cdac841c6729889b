// The border to the controller: text in, a message whose fields have the right types out.

import { parseIpv4 } from '../base/ipv4.ts'
import { NODE_ID_MAX } from '../base/limits.ts'
import type { ControllerMessage } from '../protocol/messages.ts'
import { PROBE_IDS } from '../protocol/traffic.ts'

type Fields = Readonly<Record<string, unknown>>
type Check = (value: unknown) => boolean

const isId: Check = value => Number.isSafeInteger(value) && (value as number) > 0
const isText: Check = value => typeof value === 'string'
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isAddress: Check = value => typeof value === 'string' && parseIpv4(value) !== null

const within =
  (min: number, max: number): Check =>
  value =>
    typeof value === 'number' && value >= min && value <= max
const wholeWithin =
  (min: number, max: number): Check =>
  value =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max

const isAmount = within(0, Number.MAX_SAFE_INTEGER)
const isRatio = within(0, 1)
const isNodeId = wholeWithin(1, 0x7fff_ffff)
const isProbe = wholeWithin(1, 2 * PROBE_IDS.asked - 1)
const isRate = within(Number.MIN_VALUE, Number.MAX_SAFE_INTEGER)

const absentOr =
  (check: Check): Check =>
  value =>
    value === undefined || check(value)
const list =
  (check: Check): Check =>
  value =>
    Array.isArray(value) && value.every(check)
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  value =>
    isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]))

/** Half of the pairs are counts: whole numbers all the same. */
const isRuns: Check = value => list(wholeWithin(0, 0x7fff_ffff))(value) && (value as unknown[]).length % 2 === 0

const isShape = object({
  rate: absentOr(isRate),
  bucket_size: absentOr(within(1, Number.MAX_SAFE_INTEGER)),
  queue_packets: absentOr(wholeWithin(1, 0x7fff_ffff)),
  delay_s: absentOr(within(0, 3600)),
  jitter_s: absentOr(within(0, 3600)),
  loss_ratio: absentOr(isRatio),
  duplicate_ratio: absentOr(isRatio),
  corrupt_ratio: absentOr(isRatio),
  reorder_ratio: absentOr(isRatio),
})

const isRoute = object({
  route_id: wholeWithin(0, 0xffff_ffff),
  next_hops: list(isNodeId),
  src_node_id: isNodeId,
  dst_node_id: isNodeId,
})

const isFlowLength: Check = value =>
  isObject(value) && (isRate(value.Bytes) || (value.Bytes === undefined && isRate(value.Duration)))

const isFlow = object({
  controller_id: isNodeId,
  src_node_id: isNodeId,
  dst_node_id: isNodeId,
  dst_group_id: absentOr(isNodeId),
  route_id: absentOr(wholeWithin(0, 0xffff_ffff)),
  receivers: absentOr(list(isNodeId)),
  flow_spec: object({
    transport: absentOr(value => value === 'tcp' || value === 'lossless_unicast' || value === 'lossless'),
    flow_len: isFlowLength,
    flow_rate: absentOr(isRate),
    flow_weight: absentOr(isRate),
    packet_bytes: absentOr(wholeWithin(52, 65_535)),
  }),
})

const isSize = wholeWithin(1, NODE_ID_MAX)
const presetFields: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  ring: { nNodes: isSize },
  full_mesh: { nNodes: isSize },
  line: { nNodes: isSize },
  star: { nNodes: isSize },
  grid: { rows: isSize, columns: isSize },
  torus: { dim: wholeWithin(1, 3), n: isSize },
  fat_tree: { k: wholeWithin(2, 10_000) },
}

const isPreset: Check = value => {
  if (!isObject(value) || typeof value.type !== 'string' || !Object.hasOwn(presetFields, value.type)) return false
  return object(presetFields[value.type] as Readonly<Record<string, Check>>)(value)
}

const isRouting: Check = value =>
  value === null || (isObject(value) && (value.topology === null || isPreset(value.topology)))

/** What each message must hold for the fleet to act on it; a message of another type is passed on as it is. */
const checks: Readonly<Record<string, (m: Fields) => boolean>> = {
  StartUp: m =>
    isId(m.node_id) &&
    /^[0-9a-f]{32}$/.test(String(m.run_id)) &&
    Array.isArray(m.neighbours) &&
    m.neighbours.every(isId) &&
    isAddress(m.virtual_base_addr) &&
    isAddress(m.net_mask) &&
    (m.scheduler_type === 'fifo' || m.scheduler_type === 'wrr') &&
    absentOr(wholeWithin(1, 65_535))(m.max_server_port) &&
    absentOr(isObject)(m.node_spec) &&
    isRouting(m.routing),
  AddNode: m => isId(m.remote_node_id) && isText(m.remote_addr),
  RemoveNode: m => isId(m.remote_node_id),
  AddNodeAddress: m => isNodeId(m.remote_node_id) && isText(m.remote_max_server_addr),
  InstallRoutes: m => list(isRoute)(m.routes) && absentOr(isRuns)(m.next_hop_runs),
  SetLinkRate: m =>
    isNodeId(m.node_id) && object({ rate: isRate, bucket_size: within(1, Number.MAX_SAFE_INTEGER) })(m.rate),
  SetLink: m => isNodeId(m.node_id) && isShape(m.shape) && absentOr(isAmount)(m.change),
  InstallGroupDirectory: m => list(isGroup)(m.groups),
  InstallGroupRoutes: m => isNodeId(m.group_id) && isNodeId(m.src_node_id) && list(isTree)(m.routes),
  ProbeLink: m => isNodeId(m.remote_node_id) && isProbe(m.probe_id) && isRate(m.probe_bytes),
  ExpectProbe: m => isNodeId(m.remote_node_id) && isProbe(m.probe_id),
  RemoveFlows: m => list(isNodeId)(m.controller_ids),
  AddFlows: m => list(isFlow)(m.flows),
  Refused: m => isText(m.code) && isText(m.reason),
}

const isGroup = object({ group_id: isNodeId, member: value => typeof value === 'boolean' })
const isTree = object({ tree_id: wholeWithin(0, 0xffff), next_hops: list(isNodeId) })

/** Null when the text is not JSON, not a message, or a message with a field missing or of the wrong type. */
export function parseControllerMessage(text: string): ControllerMessage | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (!isObject(value) || typeof value.type !== 'string') return null
  const check = Object.hasOwn(checks, value.type) ? checks[value.type] : undefined
  return check === undefined || check(value) ? (value as unknown as ControllerMessage) : null
}
