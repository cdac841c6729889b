// Rows of the database to routes, flows and shapes of links, and back. Rows come from anybody's SQL: they are checked
// here.

import * as v from 'valibot'
import { packetBytes, shapeSchema } from '../config/traffic-schema.ts'
import type { FlowSpec } from '../protocol/messages.ts'
import type { LinkShape } from '../protocol/traffic.ts'
import type { Flow } from './flows.ts'
import type { RouteEdges } from './routes.ts'

export const routeColumns = 'route_id, edges'

export interface RouteRow {
  readonly route_id: number
  readonly edges: unknown
}

export const flowQuery = `
SELECT f.id, f.src_node_id, f.dst_node_id, f.flow_len_type, f.flow_len_bytes, f.flow_len_duration, f.flow_rate,
  f.flow_weight, f.packet_bytes, f.dst_group_id, f.transport, r.route_id FROM flows f LEFT JOIN flow_routes r ON r.flow_id = f.id`

/** BIGINT comes as text. */
export interface FlowRow {
  readonly id: number
  readonly src_node_id: number
  readonly dst_node_id: number
  readonly flow_len_type: string
  readonly flow_len_bytes: string | null
  readonly flow_len_duration: number | null
  readonly flow_rate: number | null
  readonly flow_weight: number | null
  readonly packet_bytes: number | null
  readonly dst_group_id: number | null
  /** Null: the controller's. */
  readonly transport: string | null
  readonly route_id: number | null
}

/** Edges `[[1,2],[2,3]]`, or a path `[1,2,3]` as configuration files write it. Null for anything else. */
export function edgesOf(value: unknown): RouteEdges | null {
  if (!Array.isArray(value) || value.length === 0) return null
  if (value.every(isId)) {
    return value.length < 2 ? null : value.slice(1).map((to: number, at) => [value[at] as number, to] as const)
  }
  const isEdge = (edge: unknown): boolean => Array.isArray(edge) && edge.length === 2 && edge.every(isId)
  return value.every(isEdge) ? (value as RouteEdges) : null
}

/** The flow of a row; null where a length is missing, or a number is none that a flow can have. */
export function flowOf(row: FlowRow, usual: 'tcp' | 'lossless_unicast'): Flow | null {
  const { flow_rate: rate, flow_weight: weight, packet_bytes: packet } = row
  const length = row.flow_len_type === 'bytes' ? exact(row.flow_len_bytes) : row.flow_len_duration
  if (!isAmount(length) || (rate !== null && !isAmount(rate)) || (weight !== null && !isAmount(weight))) return null
  if (packet !== null && !v.is(packetBytes, packet)) return null
  const transport = row.transport ?? usual
  if (transport !== 'tcp' && transport !== 'lossless_unicast' && transport !== 'lossless') return null
  const spec: FlowSpec = {
    transport,
    flow_len: row.flow_len_type === 'bytes' ? { Bytes: length } : { Duration: length },
    ...(rate === null ? {} : { flow_rate: rate }),
    ...(weight === null ? {} : { flow_weight: weight }),
    ...(packet === null ? {} : { packet_bytes: packet }),
  }
  return {
    id: row.id,
    srcNodeId: row.src_node_id,
    dstNodeId: row.dst_node_id,
    ...(row.dst_group_id === null ? {} : { dstGroupId: row.dst_group_id }),
    ...(row.route_id === null ? {} : { routeId: row.route_id }),
    spec,
  }
}

/** The shape of a row, null where it is none. */
export function shapeOf(value: unknown): LinkShape | null {
  const parsed = v.safeParse(shapeSchema, value)
  return parsed.success ? parsed.output : null
}

/** Of `flows`, for `flowValues`; and their types. */
export const flowColumns =
  'src_node_id, dst_node_id, flow_len_type, flow_len_bytes, flow_len_duration, flow_rate, flow_weight, packet_bytes, dst_group_id, transport'
export const flowTypes = ['int', 'int', 'text', 'bigint', 'float8', 'float8', 'float8', 'int', 'int', 'text'] as const

export function flowValues(flow: Omit<Flow, 'id'>): unknown[] {
  const { flow_len, flow_rate, flow_weight, packet_bytes, transport } = flow.spec
  const isBytes = 'Bytes' in flow_len
  return [
    flow.srcNodeId,
    flow.dstNodeId,
    isBytes ? 'bytes' : 'duration',
    isBytes ? flow_len.Bytes : null,
    isBytes ? null : flow_len.Duration,
    flow_rate ?? null,
    flow_weight ?? null,
    packet_bytes ?? null,
    flow.dstGroupId ?? null,
    transport === undefined || transport === 'tcp' ? null : transport,
  ]
}

/** For the columns of a route that a person reads; what counts is `edges`. */
export function endsOfRoute(edges: RouteEdges): readonly [number, number] {
  const entered = new Set(edges.map(([, to]) => to))
  const left = new Set(edges.map(([from]) => from))
  const source = edges.find(([from]) => !entered.has(from))?.[0]
  const sink = edges.find(([, to]) => !left.has(to))?.[1]
  return [source ?? 0, sink ?? 0]
}

function isId(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1
}

/** As nodes take them: they leave a controller that says something else. */
const isAmount = (value: number | null): value is number =>
  value !== null && value > 0 && value <= Number.MAX_SAFE_INTEGER

/** Null: beyond what JSON keeps exact. */
function exact(text: string | null): number | null {
  const value = Number(text)
  return text !== null && Number.isSafeInteger(value) ? value : null
}
