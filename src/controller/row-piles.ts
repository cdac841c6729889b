// Rows on their way into the database: noted at once, written in batches, kept until the server has them.

import type { NodeState } from './core.ts'
import type { ProbeRow } from './probes.ts'
import { type AppFlowRow, type FlowTimes, type MetricRow, mergeAppFlows, mergeTimes } from './traffic-news.ts'

/** Runs one statement with its values; rejects when the connection is away or the server says no. */
export type Query = (text: string, values: readonly unknown[]) => Promise<unknown>

export interface Pile {
  /** Rows that wait or are being written. */
  readonly count: number
  /** Writes what has been noted before. Rejects with what was not written kept. Never two at a time. */
  write(query: Query): Promise<void>
}

/** The newest rows are dropped while so many wait; told of as those of MetricsPile. */
interface Bound {
  readonly max: number
  readonly onDropped: (count: number) => void
}

/** To make a statement of so many takes this program 20 to 50 ms, in which it does nothing else. */
const ROWS_A_STATEMENT = 5_000

/** One row for each key: what was noted later is merged into what waits. */
export class KeyedPile<Row, Key = number> implements Pile {
  readonly #text: string
  readonly #keyOf: (row: Row) => Key
  readonly #merge: (older: Row, newer: Row) => Row
  readonly #valuesOf: (row: Row) => unknown[]
  #waiting = new Map<Key, Row>()
  #writing = new Map<Key, Row>()
  /** Keys in both: each message of a node asks for the count. */
  #bothCount = 0
  readonly #bound: Bound | null
  #droppedCount = 0

  constructor(
    text: string,
    keyOf: (row: Row) => Key,
    merge: (older: Row, newer: Row) => Row,
    valuesOf: (row: Row) => unknown[],
    bound: Bound | null = null,
  ) {
    this.#bound = bound
    this.#text = text
    this.#keyOf = keyOf
    this.#merge = merge
    this.#valuesOf = valuesOf
  }

  get count(): number {
    return this.#waiting.size + this.#writing.size - this.#bothCount
  }

  note(row: Row): void {
    const key = this.#keyOf(row)
    const older = this.#waiting.get(key)
    const isFull = this.#bound !== null && this.#waiting.size + this.#writing.size >= this.#bound.max
    if (older === undefined && isFull) {
      this.#droppedCount++
      return
    }
    if (older === undefined && this.#writing.has(key)) this.#bothCount++
    this.#waiting.set(key, older === undefined ? row : this.#merge(older, row))
  }

  async write(query: Query): Promise<void> {
    if (this.#waiting.size === 0) return
    for (let left = this.#waiting.size; left > 0; left -= ROWS_A_STATEMENT) await this.#write(query)
    if (this.#droppedCount > 0) this.#bound?.onDropped(this.#droppedCount)
    this.#droppedCount = 0
  }

  async #write(query: Query): Promise<void> {
    const batch = this.#takeBatch()
    this.#writing = batch
    try {
      await query(this.#text, transpose([...batch.values()].map(this.#valuesOf)))
    } catch (error) {
      // Not written, or not known to be: what is newer wins, the rest waits for the next attempt.
      for (const [key, row] of batch) {
        const newer = this.#waiting.get(key)
        this.#waiting.set(key, newer === undefined ? row : this.#merge(row, newer))
      }
      throw error
    } finally {
      this.#writing = new Map()
      this.#bothCount = 0
    }
  }

  /** Of those that wait, as many as a statement takes, the oldest first. */
  #takeBatch(): Map<Key, Row> {
    const batch = new Map<Key, Row>()
    for (const [key, row] of this.#waiting) {
      if (batch.size === ROWS_A_STATEMENT) break
      batch.set(key, row)
      this.#waiting.delete(key)
    }
    return batch
  }
}

/** Metrics that wait take some 200 bytes each: 20 MB, for minutes without a server. */
const METRICS_MAX = 100_000

/** Rows of metrics, in order; the newest are dropped while too many wait. */
export class MetricsPile implements Pile {
  readonly #onDropped: (count: number) => void
  readonly #max: number
  #rows: MetricRow[] = []
  #droppedCount = 0

  /** `onDropped`: so many were, since it was told last; when rows could be written again, or nobody waits any more. */
  constructor(onDropped: (count: number) => void, max = METRICS_MAX) {
    this.#onDropped = onDropped
    this.#max = max
  }

  get count(): number {
    return this.#rows.length
  }

  note(rows: readonly MetricRow[]): void {
    const room = Math.max(0, this.#max - this.#rows.length)
    for (const row of rows.slice(0, room)) this.#rows.push(row)
    if (rows.length > room) this.#droppedCount += rows.length - room
  }

  async write(query: Query): Promise<void> {
    while (this.#rows.length > 0) {
      const batch = this.#rows.slice(0, ROWS_A_STATEMENT)
      await query(insertMetrics, transpose(batch.map(metricValues)))
      this.#rows.splice(0, batch.length)
    }
    this.tellDropped()
  }

  tellDropped(): void {
    if (this.#droppedCount > 0) this.#onDropped(this.#droppedCount)
    this.#droppedCount = 0
  }
}

/** Each node's newest state. */
export const nodesPile = (): KeyedPile<NodeState> =>
  new KeyedPile(
    upsertNodes,
    ({ nodeId }) => nodeId,
    (_, newer) => newer,
    ({ nodeId, privateNetworkName, privateNetworkAddr, publicNetworkAddr, connected, incarnation }) => [
      nodeId,
      privateNetworkName,
      privateNetworkAddr,
      publicNetworkAddr,
      connected,
      incarnation,
    ],
  )

/** When flows were. */
export const flowTimesPile = (): KeyedPile<FlowTimes> =>
  new KeyedPile(
    updateFlowTimes,
    ({ flowId }) => flowId,
    mergeTimes,
    ({ flowId, startTime, finishTime }) => [flowId, startTime, finishTime],
  )

/** Flows of programs, of which there may be any number. */
export const appFlowsPile = (onDropped: (count: number) => void, max = METRICS_MAX): KeyedPile<AppFlowRow, string> =>
  new KeyedPile<AppFlowRow, string>(
    upsertAppFlows,
    ({ flowId, startTime }) => `${flowId} ${startTime}`,
    mergeAppFlows,
    row => [
      Buffer.from(row.flowId, 'hex'),
      row.startTime,
      row.srcNodeId,
      row.dstNodeId,
      row.finishTime !== null,
      row.finishTime,
      row.routeId,
    ],
    { max, onDropped },
  )

/**
 * What probes measured: those that measured something. A batch that was written, and not known to be, adds no second
 * row.
 */
export const probesPile = (): KeyedPile<ProbeRow> =>
  new KeyedPile(
    insertProbes,
    ({ probeId }) => probeId,
    (_, newer) => newer,
    row => [
      row.probeId,
      row.srcNodeId,
      row.dstNodeId,
      row.bandwidth_mbps,
      row.sent_packets,
      row.received_packets,
      row.latency_p50_s,
      row.latency_p99_s,
    ],
  )

const upsertNodes = `
INSERT INTO nodes (id, private_network_name, private_network_addr, public_network_addr, connected, incarnation)
SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::bigint[])
ON CONFLICT (id) DO UPDATE SET private_network_name = EXCLUDED.private_network_name,
  private_network_addr = EXCLUDED.private_network_addr, public_network_addr = EXCLUDED.public_network_addr,
  connected = EXCLUDED.connected, incarnation = EXCLUDED.incarnation, changed_at = now()`

/** As mergeTimes(): each end says what it knows, in any order. LEAST and GREATEST leave nulls out. */
const updateFlowTimes = `
UPDATE flows f SET start_time = LEAST(f.start_time, n.start_time), finish_time = GREATEST(f.finish_time, n.finish_time),
  is_finished = f.is_finished OR n.finish_time IS NOT NULL
FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS n (id, start_time, finish_time) WHERE f.id = n.id`

/** As mergeAppFlows(). */
const upsertAppFlows = `
INSERT INTO app_flows (flow_id, start_time, src_node_id, dst_node_id, is_finished, finish_time, route_id)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::int[], $4::int[], $5::boolean[], $6::bigint[], $7::int[])
ON CONFLICT (flow_id, start_time) DO UPDATE SET is_finished = app_flows.is_finished OR EXCLUDED.is_finished,
  finish_time = COALESCE(EXCLUDED.finish_time, app_flows.finish_time),
  route_id = COALESCE(EXCLUDED.route_id, app_flows.route_id)`

const insertMetrics = `
INSERT INTO metrics (flow_id, local_node_id, remote_node_id, bytes, time_read)
SELECT * FROM unnest($1::bytea[], $2::int[], $3::int[], $4::bigint[], $5::bigint[])`

const insertProbes = `
INSERT INTO probe_results (probe_id, from_node_id, to_node_id, bandwidth_mbps, sent_packets, received_packets,
  latency_p50_s, latency_p99_s)
SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::float8[], $5::bigint[], $6::bigint[], $7::float8[],
  $8::float8[]) AS n (probe_id)
WHERE NOT EXISTS (SELECT FROM probe_results p WHERE p.probe_id = n.probe_id)`

const metricValues = ({ flowId, localNodeId, remoteNodeId, bytes, timeRead }: MetricRow): unknown[] => [
  flowId,
  localNodeId,
  remoteNodeId,
  bytes,
  timeRead,
]

/** Rows to the columns that unnest() takes. At least one row. */
export function transpose(rows: readonly (readonly unknown[])[]): unknown[][] {
  return (rows[0] as readonly unknown[]).map((_, column) => rows.map(row => row[column]))
}
