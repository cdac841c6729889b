// The border of the control protocol: text from a node becomes a NodeMessage, or a sentence about what is wrong with
// it. Unknown fields are dropped (the protocol only grows); unknown types and wrong fields are refused.

import * as v from 'valibot'

import type { NodeMessage } from './messages.ts'

/** Largest message a node may send: twenty times the longest StartUp. Controllers may send more (next_hop_runs). */
export const NODE_MESSAGE_BYTES_MAX = 64 * 1024

/** Ids are offsets from an IPv4 network address, so 2^31 is far beyond any plan and still exact in every place. */
const ID_MAX = 0x7fff_ffff
const nodeId = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(ID_MAX))
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(ID_MAX))
const whole = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))
const TEXT_MAX = 255
/** No text of a database may have it, and one refused row would keep all that wait with it. */
const NUL = '\0'
const shortText = v.pipe(
  v.string(),
  v.maxLength(TEXT_MAX),
  v.check(text => !text.includes(NUL), 'must have no NUL'),
)
const address = v.pipe(
  v.string(),
  v.maxLength(TEXT_MAX),
  v.check(isHostPort, 'must be host:port with a port from 1 to 65535'),
)

const flowId = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits'))
const OF_EITHER_KIND = 'must be of a controller_id, or of a flow_id (32 hex digits), with all numbers in range'
const finishTimes = { start_time: whole, finish_time: whole }
/** The other end of what goes to a group is 0. */
const moved = { remote_node_id: count, bytes: whole, time_read: whole }

const schemas = {
  StartUp: v.object({
    type: v.literal('StartUp'),
    node_id: nodeId,
    private_network_name: shortText,
    private_network_addr: address,
    public_network_addr: address,
    incarnation: whole,
    fleet: v.exactOptional(shortText),
    token: v.exactOptional(shortText),
    operating_mode: v.exactOptional(v.literal('max')),
  }),
  NodeTopologyReady: v.object({ type: v.literal('NodeTopologyReady'), node_id: nodeId }),
  RoutesReady: v.object({ type: v.literal('RoutesReady'), node_id: nodeId }),
  LinksChanged: v.object({
    type: v.literal('LinksChanged'),
    node_id: nodeId,
    links_up: count,
    links_expected: count,
  }),
  NodeLost: v.object({
    type: v.literal('NodeLost'),
    node_id: nodeId,
    lost_node_id: nodeId,
    incarnation: whole,
    reason: shortText,
  }),
  UserFlowStart: v.object({
    type: v.literal('UserFlowStart'),
    node_id: nodeId,
    flows: v.array(v.object({ controller_id: nodeId, start_time: whole })),
  }),
  AppFlowStart: v.object({
    type: v.literal('AppFlowStart'),
    node_id: nodeId,
    flows: v.array(v.object({ flow_id: flowId, src_node_id: nodeId, dst_node_id: count, start_time: whole })),
  }),
  RouteAssigned: v.object({
    type: v.literal('RouteAssigned'),
    node_id: nodeId,
    flows: v.array(v.object({ flow_id: flowId, dst_node_id: count, start_time: whole, route_id: count, time: whole })),
  }),
  FlowFinished: v.object({
    type: v.literal('FlowFinished'),
    node_id: nodeId,
    flows: v.array(
      v.union(
        [
          v.object({ controller_id: nodeId, ...finishTimes }),
          v.object({ flow_id: flowId, dst_node_id: count, ...finishTimes }),
        ],
        OF_EITHER_KIND,
      ),
    ),
  }),
  Metrics: v.object({
    type: v.literal('Metrics'),
    node_id: nodeId,
    metrics: v.array(
      v.union([v.object({ controller_id: nodeId, ...moved }), v.object({ flow_id: flowId, ...moved })], OF_EITHER_KIND),
    ),
  }),
  LinkSet: v.object({ type: v.literal('LinkSet'), node_id: nodeId, remote_node_id: nodeId, change: whole }),
  ProbeLinkResult: v.object({
    type: v.literal('ProbeLinkResult'),
    node_id: nodeId,
    probe_id: nodeId,
    from_node_id: nodeId,
    to_node_id: nodeId,
    bandwidth_mbps: v.nullable(v.pipe(v.number(), v.finite(), v.minValue(0))),
    sent_packets: whole,
    received_packets: whole,
    latency_p50_s: v.pipe(v.number(), v.finite(), v.minValue(0)),
    latency_p99_s: v.pipe(v.number(), v.finite(), v.minValue(0)),
  }),
  ProbeLinkFailed: v.object({
    type: v.literal('ProbeLinkFailed'),
    node_id: nodeId,
    probe_id: nodeId,
    reason: shortText,
  }),
  Leave: v.object({ type: v.literal('Leave'), node_id: nodeId, reason: shortText }),
} as const satisfies { [T in NodeMessage['type']]: v.GenericSchema<unknown, Extract<NodeMessage, { type: T }>> }

export type ParsedMessage =
  | { readonly ok: true; readonly message: NodeMessage }
  | { readonly ok: false; readonly reason: string }

/** Parses one text frame of a node. `reason` names the field and what it must be; it never repeats the input. */
export function parseNodeMessage(text: string): ParsedMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, reason: 'not JSON' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, reason: 'not a JSON object' }
  }
  const type = (value as { type?: unknown }).type
  if (typeof type !== 'string') return { ok: false, reason: 'type: must be a string' }
  if (!Object.hasOwn(schemas, type)) return { ok: false, reason: `type: must be one of ${typesText}` }
  const usual = usualMessage(type, value as Fields)
  if (usual !== null) return { ok: true, message: usual }
  const result = v.safeParse(schemas[type as NodeMessage['type']], value, { abortEarly: true })
  if (result.success) return { ok: true, message: result.output }
  const issue = result.issues[0]
  return { ok: false, reason: `${type}.${v.getDotPath(issue) ?? ''}: ${requirement(issue)}` }
}

type Fields = Readonly<Record<string, unknown>>

/**
 * What each node says once while a fleet joins, where nothing is wrong with it; null: that is for the schemas to say.
 * They take a tenth of the controller's time for a join, this next to none.
 */
function usualMessage(type: string, fields: Fields): NodeMessage | null {
  const { node_id } = fields
  if (!isWhole(node_id, 1, ID_MAX)) return null
  if (type === 'NodeTopologyReady') return { type, node_id }
  return type === 'StartUp' ? usualStartUp(node_id, fields) : null
}

function usualStartUp(node_id: number, fields: Fields): NodeMessage | null {
  const { private_network_name, private_network_addr, public_network_addr, incarnation, fleet, token } = fields
  if (fields.operating_mode !== undefined) return null
  if (!isShort(private_network_name) || !isWhole(incarnation, 0, Number.MAX_SAFE_INTEGER)) return null
  if (!isShort(private_network_addr) || !isHostPort(private_network_addr)) return null
  if (public_network_addr !== private_network_addr)
    if (!isShort(public_network_addr) || !isHostPort(public_network_addr)) return null
  const addresses = { private_network_addr, public_network_addr }
  const message = { type: 'StartUp', node_id, private_network_name, ...addresses, incarnation } as const
  if (fleet === undefined && token === undefined) return message
  if (fleet === undefined) return isShort(token) ? { ...message, token } : null
  if (!isShort(fleet)) return null
  if (token === undefined) return { ...message, fleet }
  return isShort(token) ? { ...message, fleet, token } : null
}

const isWhole = (value: unknown, min: number, max: number): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max

const isShort = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= TEXT_MAX && !value.includes(NUL)

const typesText = Object.keys(schemas).join(', ')

function requirement(issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'check' || issue.type === 'regex' || issue.type === 'union') return issue.message
  return issue.expected === null ? issue.message : `must be ${issue.expected}`
}

function isHostPort(text: string): boolean {
  const colon = text.lastIndexOf(':')
  if (colon < 1) return false
  const port = text.slice(colon + 1)
  const host = text.slice(0, colon)
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) return false
  return /^\[[0-9a-fA-F:.]+\]$/.test(host) || /^[A-Za-z0-9._-]+$/.test(host)
}
