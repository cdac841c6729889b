// The store in PostgreSQL. What is noted queues and is written in batches, off the path of wiring: it is kept until the
// server has it, whatever happens to the connection. Changed rows come back by LISTEN/NOTIFY.

import { NslabError } from '../base/errors.ts'
import type { LinkShape } from '../protocol/traffic.ts'
import type { NodeState } from './core.ts'
import type { Flow } from './flows.ts'
import { PgLink, type PgTarget } from './pg-link.ts'
import { type Ends, PgReader } from './pg-reader.ts'
import { endsOfRoute, flowColumns, flowValues } from './pg-rows.ts'
import { migrate, seedRows } from './pg-seed.ts'
import type { ProbeAsk, ProbeRow } from './probes.ts'
import type { RouteEdges } from './routes.ts'
import { appFlowsPile, flowTimesPile, type KeyedPile, MetricsPile, nodesPile, probesPile } from './row-piles.ts'
import { RowWriter } from './row-writer.ts'
import { channels } from './schema.ts'
import type { Contents, Seed, Store, StoreListener } from './store.ts'
import type { AppFlowRow, FlowTimes, MetricRow } from './traffic-news.ts'

/** Notifications of one statement on many rows arrive one by one; they are answered by one query. */
const READ_DELAY_MS = 10

export interface PostgresStoreOptions {
  readonly target: PgTarget
  readonly listener: StoreListener
  /** The transport of flows read from rows, which have no column for it. */
  readonly flowTransport: 'tcp' | 'lossless_unicast'
  /** How long open() waits for a server that does not answer. Default 10 s. */
  readonly connectDeadlineMs?: number
  /** Why a server that is our own is away, by its own word: who is gone can't say so to a connection. */
  readonly lastWords?: () => string | null
}

/** Which rows have changed since they were read. */
class Changes {
  readonly routes = new Set<number>()
  readonly flows = new Set<number>()
  /** By source and destination. */
  readonly links = new Map<string, Ends>()
  readonly probes = new Set<number>()
  /** Nothing says which. */
  all = false
}

export class PostgresStore implements Store {
  readonly kind = 'postgres'
  readonly persisted = true
  readonly #options: PostgresStoreOptions
  readonly #link: PgLink
  readonly #reader: PgReader
  readonly #nodes = nodesPile()
  readonly #flowTimes = flowTimesPile()
  readonly #probes = probesPile()
  readonly #appFlows: KeyedPile<AppFlowRow, string>
  readonly #metrics: MetricsPile
  readonly #writer: RowWriter
  #changes = new Changes()
  #readTimer: NodeJS.Timeout | undefined
  /** There is a connection, and what it missed has been read: nothing is written before. */
  #isHeard = false
  #isClosed = false

  constructor(options: PostgresStoreOptions) {
    this.#options = options
    const { target, listener, flowTransport } = options
    this.#link = new PgLink({
      target,
      onNotification: (channel, payload) => this.#onNotification(channel, payload),
      onLost: reason => {
        this.#isHeard = false
        listener.onLost(reason)
      },
      onBack: () => void this.#onBack(),
    })
    this.#reader = new PgReader(this.#link, flowTransport, listener.onInvalid)
    const dropped = (what: string) => (count: number) =>
      listener.onInvalid(`${count} rows of ${what} were dropped: the database does not keep up`)
    this.#metrics = new MetricsPile(dropped('metrics'))
    this.#appFlows = appFlowsPile(dropped('app_flows'))
    this.#writer = new RowWriter({
      piles: [this.#nodes, this.#flowTimes, this.#probes, this.#appFlows, this.#metrics],
      query: (text, values) => this.#link.query(text, values),
      isUp: () => this.#isHeard,
      onWarning: listener.onInvalid,
    })
  }

  async open(seed: Seed): Promise<Contents> {
    await this.#link.connect(this.#options.connectDeadlineMs ?? 10_000)
    try {
      await migrate(this.#link, seed.reset)
      await seedRows(this.#link, seed)
      await this.#listen()
      const contents = await this.#reader.contents()
      this.#isHeard = true
      return contents
    } catch (error) {
      await this.close()
      throw error instanceof NslabError ? error : this.#link.refusal(error)
    }
  }

  putNode(state: NodeState): void {
    this.#writer.noting()
    this.#nodes.note(state)
  }

  putFlowTimes(times: readonly FlowTimes[]): void {
    this.#writer.noting()
    for (const each of times) this.#flowTimes.note(each)
  }

  putMetrics(rows: readonly MetricRow[]): void {
    this.#writer.noting()
    this.#metrics.note(rows)
  }

  putAppFlows(rows: readonly AppFlowRow[]): void {
    this.#writer.noting()
    for (const row of rows) this.#appFlows.note(row)
  }

  putProbe(row: ProbeRow): void {
    if (row.bandwidth_mbps === null) return
    this.#writer.noting()
    this.#probes.note(row)
  }

  get unwrittenCount(): number {
    return this.#writer.unwrittenCount
  }

  async flush(deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const reason = (): string => {
        const words = `${this.unwrittenCount} rows could not be written within ${deadlineMs / 1000} s`
        return words + this.#whyAway()
      }
      timer = setTimeout(() => reject(this.#link.refusal(new Error(reason()))), deadlineMs)
    })
    try {
      await Promise.race([this.#writer.written(), late])
    } finally {
      clearTimeout(timer)
      this.#metrics.tellDropped()
    }
  }

  #whyAway(): string {
    const { isUp, refusedWith } = this.#link
    const lastWords = this.#options.lastWords?.() ?? null
    if (isUp || (refusedWith === null && lastWords === null)) return ''
    const why = refusedWith === null ? 'the server is away' : `the server refused connections: ${refusedWith}`
    return `, because ${why}${lastWords === null ? '' : `; it said last: ${lastWords}`}`
  }

  async countNodes(): Promise<number> {
    return this.#count('nodes')
  }

  async countAppFlows(): Promise<number> {
    return this.#count('app_flows')
  }

  async countMetrics(): Promise<number> {
    return this.#count('metrics')
  }

  async flowTimes(id: number): Promise<FlowTimes | null> {
    const text = 'SELECT start_time, finish_time FROM flows WHERE id = $1 AND start_time IS NOT NULL'
    const { rows } = await this.#link.query<{ start_time: string; finish_time: string | null }>(text, [id])
    const [row] = rows
    if (row === undefined) return null
    const { start_time, finish_time } = row
    return { flowId: id, startTime: Number(start_time), finishTime: finish_time === null ? null : Number(finish_time) }
  }

  async insertRoute(edges: RouteEdges): Promise<number> {
    const text = 'INSERT INTO routes (src_node_id, dst_node_id, edges) VALUES ($1, $2, $3) RETURNING route_id'
    const { rows } = await this.#link.query<{ route_id: number }>(text, [...endsOfRoute(edges), JSON.stringify(edges)])
    return (rows[0] as { route_id: number }).route_id
  }

  async updateRoute(id: number, edges: RouteEdges): Promise<void> {
    const text = 'UPDATE routes SET src_node_id = $1, dst_node_id = $2, edges = $3 WHERE route_id = $4'
    await this.#link.query(text, [...endsOfRoute(edges), JSON.stringify(edges), id])
  }

  async deleteRoute(id: number): Promise<void> {
    await this.#link.query('DELETE FROM routes WHERE route_id = $1', [id])
  }

  async insertFlow(flow: Omit<Flow, 'id'>): Promise<number> {
    const pin = flow.routeId === undefined ? '' : ', pin AS (INSERT INTO flow_routes SELECT id, $11::int FROM new)'
    const text = `WITH new AS (INSERT INTO flows (${flowColumns}) VALUES (${flowPlaces}) RETURNING id)${pin}
      SELECT id FROM new`
    const values = flow.routeId === undefined ? flowValues(flow) : [...flowValues(flow), flow.routeId]
    const { rows } = await this.#link.query<{ id: number }>(text, values)
    return (rows[0] as { id: number }).id
  }

  async updateFlow(flow: Flow): Promise<void> {
    const text = `UPDATE flows SET (${flowColumns}) = (${flowPlaces}) WHERE id = $11`
    await this.#link.query(text, [...flowValues(flow), flow.id])
  }

  async deleteFlow(id: number): Promise<void> {
    const text = 'WITH gone AS (DELETE FROM flow_routes WHERE flow_id = $1) DELETE FROM flows WHERE id = $1'
    await this.#link.query(text, [id])
  }

  async setLink(srcNodeId: number, dstNodeId: number, shape: LinkShape | null): Promise<void> {
    const text =
      shape === null
        ? 'DELETE FROM links WHERE src_node_id = $1 AND dst_node_id = $2'
        : `INSERT INTO links VALUES ($1, $2, $3)
           ON CONFLICT (src_node_id, dst_node_id) DO UPDATE SET shape = EXCLUDED.shape`
    await this.#link.query(
      text,
      shape === null ? [srcNodeId, dstNodeId] : [srcNodeId, dstNodeId, JSON.stringify(shape)],
    )
  }

  async insertProbe({ srcNodeId, dstNodeId, bytes }: ProbeAsk): Promise<number> {
    const text = `INSERT INTO probe_requests (from_node_id, to_node_id, probe_bytes) VALUES ($1, $2, $3) RETURNING id`
    const { rows } = await this.#link.query<{ id: number }>(text, [srcNodeId, dstNodeId, bytes])
    return (rows[0] as { id: number }).id
  }

  async probeResult(id: number): Promise<ProbeRow | null> {
    const text = 'SELECT * FROM probe_results WHERE probe_id = $1'
    const { rows } = await this.#link.query<Record<keyof ProbeRow | 'from_node_id' | 'to_node_id', string>>(text, [id])
    const [row] = rows
    if (row === undefined) return null
    return {
      probeId: id,
      srcNodeId: Number(row.from_node_id),
      dstNodeId: Number(row.to_node_id),
      bandwidth_mbps: Number(row.bandwidth_mbps),
      sent_packets: Number(row.sent_packets),
      received_packets: Number(row.received_packets),
      latency_p50_s: Number(row.latency_p50_s),
      latency_p99_s: Number(row.latency_p99_s),
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#writer.close()
    clearTimeout(this.#readTimer)
    await this.#link.close()
  }

  async #count(table: 'nodes' | 'metrics' | 'app_flows'): Promise<number> {
    const { rows } = await this.#link.query<{ count: string }>(`SELECT COUNT(*) FROM ${table}`)
    return Number(rows[0]?.count)
  }

  async #listen(): Promise<void> {
    await this.#link.query(channels.map(channel => `LISTEN ${channel}`).join('; '))
  }

  #onNotification(channel: string, payload: string): void {
    const changes = this.#changes
    const value = parsed(payload)
    if (channel === 'auto_sync_routes' && isId(value?.route_id)) changes.routes.add(value.route_id)
    else if (channel === 'auto_sync_flows' && isId(value?.newly_inserted_id)) changes.flows.add(value.newly_inserted_id)
    else if (channel === 'auto_sync_links' && isId(value?.[0]) && isId(value[1]))
      changes.links.set(`${value[0]} ${value[1]}`, [value[0], value[1]])
    else if (channel === 'probe_requested' && isId(value?.id)) changes.probes.add(value.id)
    else changes.all = true
    this.#scheduleRead()
  }

  #scheduleRead(): void {
    if (this.#isClosed) return
    this.#readTimer ??= setTimeout(() => {
      this.#readTimer = undefined
      // A read that fails has lost its connection; coming back reads everything.
      this.#readChanges().catch(() => {})
    }, READ_DELAY_MS)
  }

  async #readChanges(): Promise<void> {
    const { listener } = this.#options
    const { routes, flows, links, probes, all } = this.#changes
    this.#changes = new Changes()
    if (probes.size > 0) for (const [id, ask] of await this.#reader.probes([...probes])) listener.onProbe(id, ask)
    if (all) return listener.onContents(await this.#reader.contents())
    if (routes.size > 0) for (const [id, edges] of await this.#reader.routes([...routes])) listener.onRoute(id, edges)
    if (flows.size > 0) for (const [id, flow] of await this.#reader.flows([...flows])) listener.onFlow(id, flow)
    if (links.size === 0) return
    for (const [[from, to], row] of await this.#reader.links([...links.values()]))
      listener.onLink(from, to, row === null ? null : row.shape)
  }

  async #onBack(): Promise<void> {
    try {
      await this.#listen()
      const contents = await this.#reader.contents()
      this.#isHeard = true
      this.#options.listener.onBack()
      this.#options.listener.onContents(contents)
      this.#writer.resume()
    } catch {
      // Lost again before it was of use: the next one does all of this anew.
    }
  }
}

const flowPlaces = flowColumns
  .split(',')
  .map((_, at) => `$${at + 1}`)
  .join(', ')

/** Anybody may notify: what no column of ids holds would end the query for all that have changed. */
const isId = (value: unknown): value is number => Number.isInteger(value) && Math.abs(value as number) < 2 ** 31

/** What a notification names the row by; null where it names none. */
function parsed(payload: string): Record<string | number, unknown> | null {
  try {
    const value: unknown = JSON.parse(payload)
    return typeof value === 'object' ? (value as Record<string | number, unknown> | null) : null
  } catch {
    return null
  }
}
