// The store in PostgreSQL. Node states queue by id and are written in batches, off the path of wiring: what was noted
// is kept until the server has it, whatever happens to the connection. Changed rows come back by LISTEN/NOTIFY.

import { NslabError } from '../base/errors.ts'
import type { NodeState } from './core.ts'
import type { Flow } from './flows.ts'
import { PgLink, type PgTarget } from './pg-link.ts'
import { edgesOf, type FlowRow, flowOf, flowQuery, flowValues, type RouteRow, routeColumns } from './pg-rows.ts'
import type { RouteEdges } from './routes.ts'
import { channels, migrations, tables } from './schema.ts'
import type { Contents, Seed, Store, StoreListener } from './store.ts'
import { WRITE_QUIET_MS, WritePace } from './write-pace.ts'

/** Notifications of one statement on many rows arrive one by one; they are answered by one query. */
const READ_DELAY_MS = 10

export interface PostgresStoreOptions {
  readonly target: PgTarget
  readonly listener: StoreListener
  /** The transport of flows read from rows, which have no column for it. */
  readonly flowTransport: 'tcp' | 'lossless_unicast'
  /** How long open() waits for a server that does not answer. Default 10 s. */
  readonly connectDeadlineMs?: number
}

export class PostgresStore implements Store {
  readonly kind = 'postgres'
  readonly persisted = true
  readonly #options: PostgresStoreOptions
  readonly #link: PgLink
  /** Newest state of each id that is not written; while a write is under way, of ids noted since it began. */
  #unwritten = new Map<number, NodeState>()
  #writing = new Map<number, NodeState>()
  readonly #pace = new WritePace()
  #writeTimer: NodeJS.Timeout | undefined
  #changedRoutes = new Set<number>()
  #changedFlows = new Set<number>()
  #readsAll = false
  #readTimer: NodeJS.Timeout | undefined
  #flushed: (() => void)[] = []
  #isClosed = false
  #hasWarned = false

  constructor(options: PostgresStoreOptions) {
    this.#options = options
    this.#link = new PgLink({
      target: options.target,
      onNotification: (channel, payload) => this.#onNotification(channel, payload),
      onLost: reason => options.listener.onLost(reason),
      onBack: () => void this.#onBack(),
    })
  }

  async open(seed: Seed): Promise<Contents> {
    await this.#link.connect(this.#options.connectDeadlineMs ?? 10_000)
    try {
      if (seed.reset) await this.#link.query(`DROP TABLE IF EXISTS ${tables.join(', ')} CASCADE`)
      await this.#migrate()
      await this.#seed(seed)
      await this.#listen()
      return await this.#readContents()
    } catch (error) {
      await this.close()
      throw error instanceof NslabError ? error : this.#link.refusal(error)
    }
  }

  putNode(state: NodeState): void {
    this.#pace.noted(performance.now(), this.#unwritten.size === 0)
    this.#unwritten.set(state.nodeId, state)
    this.#scheduleWrite(WRITE_QUIET_MS)
  }

  get unwrittenCount(): number {
    if (this.#writing.size === 0) return this.#unwritten.size
    return new Set([...this.#unwritten.keys(), ...this.#writing.keys()]).size
  }

  async flush(deadlineMs: number): Promise<void> {
    this.#scheduleWrite(0)
    if (this.unwrittenCount === 0) return
    let timer: NodeJS.Timeout | undefined
    const written = new Promise<void>(resolve => this.#flushed.push(resolve))
    const late = new Promise<never>((_, reject) => {
      const reason = (): Error => {
        const why = this.#link.refusedWith
        const words = `${this.unwrittenCount} rows could not be written within ${deadlineMs / 1000} s`
        return new Error(why === null ? words : `${words}, because the server refused connections: ${why}`)
      }
      timer = setTimeout(() => reject(this.#link.refusal(reason())), deadlineMs)
    })
    try {
      await Promise.race([written, late])
    } finally {
      clearTimeout(timer)
    }
  }

  async countNodes(): Promise<number> {
    const { rows } = await this.#link.query<{ count: string }>('SELECT COUNT(*) FROM nodes')
    return Number(rows[0]?.count)
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
    const pin = flow.routeId === undefined ? '' : ', pin AS (INSERT INTO flow_routes SELECT id, $8::int FROM new)'
    const text = `WITH new AS (INSERT INTO flows (${flowColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id)${pin}
      SELECT id FROM new`
    const values = flow.routeId === undefined ? flowValues(flow) : [...flowValues(flow), flow.routeId]
    const { rows } = await this.#link.query<{ id: number }>(text, values)
    return (rows[0] as { id: number }).id
  }

  async updateFlow(flow: Flow): Promise<void> {
    await this.#link.query(`UPDATE flows SET (${flowColumns}) = ($1, $2, $3, $4, $5, $6, $7) WHERE id = $8`, [
      ...flowValues(flow),
      flow.id,
    ])
  }

  async deleteFlow(id: number): Promise<void> {
    await this.#link.query(
      'WITH gone AS (DELETE FROM flow_routes WHERE flow_id = $1) DELETE FROM flows WHERE id = $1',
      [id],
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#writeTimer)
    clearTimeout(this.#readTimer)
    await this.#link.close()
  }

  async #migrate(): Promise<void> {
    await this.#link.query(
      'CREATE TABLE IF NOT EXISTS nslab_migrations (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())',
    )
    const { rows } = await this.#link.query<{ version: number }>(
      'SELECT COALESCE(MAX(version), 0) AS version FROM nslab_migrations',
    )
    const version = rows[0]?.version ?? 0
    if (version > migrations.length) {
      throw this.#link.refusal(new Error(`its schema is version ${version}; this nslab knows ${migrations.length}`))
    }
    for (const [at, text] of migrations.entries()) {
      if (at < version) continue
      // Several statements in one query are one transaction.
      await this.#link.query(`${text}; INSERT INTO nslab_migrations (version) VALUES (${at + 1})`)
    }
  }

  async #seed(seed: Seed): Promise<void> {
    const { rows } = await this.#link.query<{ routes: boolean; flows: boolean }>(
      'SELECT EXISTS (SELECT FROM routes) AS routes, EXISTS (SELECT FROM flows) AS flows',
    )
    if (rows[0]?.routes === false && seed.routes.length > 0) {
      const values = seed.routes.map(edges => [...endsOfRoute(edges), JSON.stringify(edges)])
      await this.#link.query(insertRoutes, transpose(values))
    }
    if (rows[0]?.flows === false && seed.flows.length > 0) {
      await this.#link.query(insertFlows, transpose(seed.flows.map(flowValues)))
    }
    // What an earlier run left connected is not.
    await this.#link.query('UPDATE nodes SET connected = FALSE WHERE connected')
  }

  async #listen(): Promise<void> {
    await this.#link.query(channels.map(channel => `LISTEN ${channel}`).join('; '))
  }

  async #readContents(): Promise<Contents> {
    const routes = new Map<number, RouteEdges>()
    const flows = new Map<number, Flow>()
    const routeRows = await this.#link.query<RouteRow>(`SELECT ${routeColumns} FROM routes ORDER BY route_id`)
    for (const row of routeRows.rows) {
      const edges = this.#edges(row)
      if (edges !== null) routes.set(row.route_id, edges)
    }
    const flowRows = await this.#link.query<FlowRow>(`${flowQuery} ORDER BY f.id`)
    for (const row of flowRows.rows) {
      const flow = this.#flow(row)
      if (flow !== null) flows.set(row.id, flow)
    }
    return { routes, flows }
  }

  #edges(row: RouteRow): RouteEdges | null {
    const edges = edgesOf(row.edges)
    if (edges === null)
      this.#options.listener.onInvalid(`route ${row.route_id} of the database has edges that are none; it is ignored`)
    return edges
  }

  #flow(row: FlowRow): Flow | null {
    const flow = flowOf(row, this.#options.flowTransport)
    if (flow === null)
      this.#options.listener.onInvalid(`flow ${row.id} of the database has no valid length or rate; it is ignored`)
    return flow
  }

  #onNotification(channel: string, payload: string): void {
    const id = idOf(payload)
    if (id === null) this.#readsAll = true
    else if (channel === 'auto_sync_routes') this.#changedRoutes.add(id)
    else if (channel === 'auto_sync_flows') this.#changedFlows.add(id)
    else this.#readsAll = true
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
    const routeIds = [...this.#changedRoutes]
    const flowIds = [...this.#changedFlows]
    const readsAll = this.#readsAll
    this.#changedRoutes.clear()
    this.#changedFlows.clear()
    this.#readsAll = false
    if (readsAll) return listener.onContents(await this.#readContents())
    if (routeIds.length > 0) {
      const text = `SELECT ${routeColumns} FROM routes WHERE route_id = ANY($1)`
      const { rows } = await this.#link.query<RouteRow>(text, [routeIds])
      const byId = new Map(rows.map(row => [row.route_id, row]))
      for (const id of routeIds) {
        const row = byId.get(id)
        listener.onRoute(id, row === undefined ? null : this.#edges(row))
      }
    }
    if (flowIds.length > 0) {
      const { rows } = await this.#link.query<FlowRow>(`${flowQuery} WHERE f.id = ANY($1)`, [flowIds])
      const byId = new Map(rows.map(row => [row.id, row]))
      for (const id of flowIds) {
        const row = byId.get(id)
        listener.onFlow(id, row === undefined ? null : this.#flow(row))
      }
    }
  }

  async #onBack(): Promise<void> {
    try {
      await this.#listen()
      const contents = await this.#readContents()
      this.#options.listener.onBack()
      this.#options.listener.onContents(contents)
      this.#scheduleWrite(0)
    } catch {
      // Lost again before it was of use: the next one does all of this anew.
    }
  }

  #scheduleWrite(delayMs: number): void {
    if (this.#isClosed || this.#writing.size > 0 || !this.#link.isUp) return
    if (delayMs === 0) clearTimeout(this.#writeTimer)
    else if (this.#writeTimer !== undefined) return
    this.#writeTimer = setTimeout(() => {
      this.#writeTimer = undefined
      const waitMs = this.#flushed.length > 0 ? 0 : this.#pace.waitMs(performance.now())
      if (waitMs > 0) this.#scheduleWrite(waitMs)
      else void this.#write()
    }, delayMs)
  }

  async #write(): Promise<void> {
    if (this.#unwritten.size === 0 || this.#writing.size > 0) return
    const batch = this.#unwritten
    this.#writing = batch
    this.#unwritten = new Map()
    try {
      await this.#link.query(upsertNodes, transpose([...batch.values()].map(nodeValues)))
      this.#writing = new Map()
    } catch (error) {
      // Not written, or not known to be: what is newer wins, the rest waits for the next attempt.
      this.#writing = new Map()
      for (const [id, state] of batch) if (!this.#unwritten.has(id)) this.#unwritten.set(id, state)
      this.#onWriteRefused(error)
    }
    if (this.#unwritten.size > 0) this.#scheduleWrite(WRITE_QUIET_MS)
    else for (const resolve of this.#flushed.splice(0)) resolve()
  }

  /** A server that is there and says no is worth one warning; a lost connection is reported as such. */
  #onWriteRefused(error: unknown): void {
    const { severity, message } = error as { readonly severity?: string; readonly message: string }
    if (severity !== 'ERROR' || this.#hasWarned) return
    this.#hasWarned = true
    this.#options.listener.onInvalid(`the database refuses node states, they are kept and tried again: ${message}`)
  }
}

const flowColumns = 'src_node_id, dst_node_id, flow_len_type, flow_len_bytes, flow_len_duration, flow_rate, flow_weight'

const insertRoutes = `
INSERT INTO routes (src_node_id, dst_node_id, edges) SELECT * FROM unnest($1::int[], $2::int[], $3::jsonb[])`

const insertFlows = `
INSERT INTO flows (${flowColumns})
SELECT * FROM unnest($1::int[], $2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[])`

const upsertNodes = `
INSERT INTO nodes (id, private_network_name, private_network_addr, public_network_addr, connected, incarnation)
SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::bigint[])
ON CONFLICT (id) DO UPDATE SET private_network_name = EXCLUDED.private_network_name,
  private_network_addr = EXCLUDED.private_network_addr, public_network_addr = EXCLUDED.public_network_addr,
  connected = EXCLUDED.connected, incarnation = EXCLUDED.incarnation, changed_at = now()`

function nodeValues(state: NodeState): unknown[] {
  const { nodeId, privateNetworkName, privateNetworkAddr, publicNetworkAddr, connected, incarnation } = state
  return [nodeId, privateNetworkName, privateNetworkAddr, publicNetworkAddr, connected, incarnation]
}

/** Rows to the columns that unnest() takes. At least one row. */
function transpose(rows: readonly (readonly unknown[])[]): unknown[][] {
  return (rows[0] as readonly unknown[]).map((_, column) => rows.map(row => row[column]))
}

/** For the columns a person reads; what counts is `edges`. */
function endsOfRoute(edges: RouteEdges): readonly [number, number] {
  const entered = new Set(edges.map(([, to]) => to))
  const left = new Set(edges.map(([from]) => from))
  const source = edges.find(([from]) => !entered.has(from))?.[0]
  const sink = edges.find(([, to]) => !left.has(to))?.[1]
  return [source ?? 0, sink ?? 0]
}

/** The row a notification names; null when it names none. */
function idOf(payload: string): number | null {
  try {
    const value = JSON.parse(payload) as Record<string, unknown> | null
    const id = value?.route_id ?? value?.newly_inserted_id
    return Number.isInteger(id) ? (id as number) : null
  } catch {
    return null
  }
}
