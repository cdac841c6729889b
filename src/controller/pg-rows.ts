// Rows of the database to routes and flows, and back. Rows come from anybody's SQL, so they are checked here.

import type { FlowSpec } from '../protocol/messages.ts'
import type { Flow } from './flows.ts'
import type { RouteEdges } from './routes.ts'

export const routeColumns = 'route_id, edges'

export interface RouteRow {
  readonly route_id: number
  readonly edges: unknown
}

export const flowQuery = `
SELECT f.id, f.src_node_id, f.dst_node_id, f.flow_len_type, f.flow_len_bytes, f.flow_len_duration, f.flow_rate,
  f.flow_weight, r.route_id FROM flows f LEFT JOIN flow_routes r ON r.flow_id = f.id`

/** BIGINT comes as text. */
export interface FlowRow {
  readonly id: number
  readonly src_node_id: number
  readonly dst_node_id: number
  readonly flow_len_type: string
  readonly flow_len_bytes: string | null
  readonly flow_len_duration: string | null
  readonly flow_rate: string | null
  readonly flow_weight: number | null
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

/** The flow of a row; null where a length is missing or a number is beyond what JSON keeps exact. */
export function flowOf(row: FlowRow, transport: 'tcp' | 'lossless_unicast'): Flow | null {
  const length = exact(row.flow_len_type === 'bytes' ? row.flow_len_bytes : row.flow_len_duration)
  const rate = exact(row.flow_rate)
  if (length === null || length === undefined || rate === undefined || length < 0 || (rate ?? 0) < 0) return null
  const spec: FlowSpec = {
    transport,
    flow_len: row.flow_len_type === 'bytes' ? { Bytes: length } : { Duration: length },
    ...(rate === null ? {} : { flow_rate: rate }),
    ...(row.flow_weight === null ? {} : { flow_weight: row.flow_weight }),
  }
  return {
    id: row.id,
    srcNodeId: row.src_node_id,
    dstNodeId: row.dst_node_id,
    ...(row.route_id === null ? {} : { routeId: row.route_id }),
    spec,
  }
}

/** Values for src_node_id, dst_node_id, flow_len_type, flow_len_bytes, flow_len_duration, flow_rate, flow_weight. */
export function flowValues(flow: Omit<Flow, 'id'>): unknown[] {
  const { flow_len, flow_rate, flow_weight } = flow.spec
  const isBytes = 'Bytes' in flow_len
  return [
    flow.srcNodeId,
    flow.dstNodeId,
    isBytes ? 'bytes' : 'duration',
    isBytes ? flow_len.Bytes : null,
    isBytes ? null : flow_len.Duration,
    flow_rate ?? null,
    flow_weight ?? null,
  ]
}

function isId(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1
}

/** undefined: not exact. */
function exact(text: string | null): number | null | undefined {
  if (text === null) return null
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}
