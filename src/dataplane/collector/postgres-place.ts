// PostgreSQL as a place: a load is one transaction with the row that names its batch, so that a load whose COMMIT was
// not answered is recognised when it is sent again.

import { randomBytes } from 'node:crypto'
import type { NslabError } from '../../base/errors.ts'
import { timestamp } from './copy-text.ts'
import type { Load, Place } from './outbox.ts'
import { isFinal, PostgresClient } from './postgres-client.ts'
import { type CopiedTable, copied, migrations } from './postgres-schema.ts'
import type { EventLine } from './types.ts'

/** Texts of COPY, all of one batch. */
export interface CopyLoad extends Load {
  readonly batch: number
  readonly texts: ReadonlyMap<CopiedTable, string>
  /** The collector's last line. */
  readonly stop?: Extract<EventLine, { is: 'stop' }>
}

export interface PostgresOptions {
  readonly url: string
  readonly runId: string | null
  /** How long a server may be away at the start. */
  readonly connectDeadlineMs: number
  readonly start: Extract<EventLine, { is: 'start' }>
}

/** Of one database, any constant: only one collector at a time brings the tables up to date. */
const MIGRATION_LOCK = 0x6e73_6c61

const CONNECT_PAUSE_MS = 200

/**
 * A server that lost us without hearing so lets go of our transaction, whose batch we wait for. Seconds; for TCP.
 */
const SESSION = `
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET idle_in_transaction_session_timeout = '30s'; SET timezone = 'UTC'`

export class PostgresPlace implements Place<CopyLoad> {
  readonly #url: string
  /** Number of this collector's run in the database. */
  readonly run: number
  #client: PostgresClient | undefined
  /** Also once it is down. */
  #last: PostgresClient

  private constructor(url: string, run: number, client: PostgresClient) {
    this.#url = url
    this.run = run
    this.#client = client
    this.#last = client
  }

  /** Connects, brings the tables up to date, and books the run. Throws DATABASE_REFUSED, USAGE. */
  static async open(options: PostgresOptions): Promise<PostgresPlace> {
    const client = await connectWithin(options.url, options.connectDeadlineMs)
    try {
      await migrate(client)
      return new PostgresPlace(options.url, await bookRun(client, options), client)
    } catch (error) {
      client.destroy()
      throw client.refusal(error)
    }
  }

  async store(load: CopyLoad, signal: AbortSignal): Promise<void> {
    const client = await this.#connected(signal)
    const giveUp = (): void => client.destroy()
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      if (signal.aborted) throw new Error('the collector ends')
      await this.#transact(client, load)
    } catch (error) {
      client.destroy()
      throw client.refusal(error)
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  stalled(limitS: number): NslabError {
    return this.#last.late(limitS)
  }

  async close(): Promise<void> {
    if (this.#client?.isUp) await this.#client.end()
  }

  async #connected(signal: AbortSignal): Promise<PostgresClient> {
    if (this.#client?.isUp) return this.#client
    const client = await PostgresClient.connect(this.#url, signal)
    try {
      await client.query(SESSION)
    } catch (error) {
      client.destroy()
      throw client.refusal(error)
    }
    this.#client = client
    this.#last = client
    return client
  }

  async #transact(client: PostgresClient, load: CopyLoad): Promise<void> {
    // Of a transaction with this batch that has not ended, the INSERT awaits the end.
    const insert = `INSERT INTO collect_batches (run, batch, sockets_count) VALUES (${this.run}, ${load.batch}, ${load.rows})
      ON CONFLICT DO NOTHING RETURNING batch`
    const results = (await client.query(`BEGIN; ${insert}`)) as unknown as readonly { rowCount: number }[]
    if (results[1]?.rowCount === 0) {
      // The COMMIT that nobody answered had come through.
      await client.query('ROLLBACK')
      return
    }
    for (const [table, text] of load.texts) await client.copy(copied[table], text)
    if (load.stop !== undefined) {
      const { at_s, mono_s } = load.stop
      await client.query('UPDATE collect_runs SET stopped_at = $2, stopped_mono_s = $3 WHERE run = $1', [
        this.run,
        timestamp(at_s),
        mono_s,
      ])
    }
    const { command } = await client.query('COMMIT')
    if (command !== 'COMMIT') throw new Error(`COMMIT was answered by ${command}`)
  }
}

async function connectWithin(url: string, deadlineMs: number): Promise<PostgresClient> {
  const giveUpAt = performance.now() + deadlineMs
  for (;;) {
    try {
      const client = await PostgresClient.connect(url)
      await client.query(SESSION)
      return client
    } catch (error) {
      if (isFinal(error) || performance.now() >= giveUpAt) throw error
      await new Promise(resolve => setTimeout(resolve, CONNECT_PAUSE_MS))
    }
  }
}

async function migrate(client: PostgresClient): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
  // A role that may only write to tables which another has made is refused where it asks for what is there.
  const { rows: found } = await client.query<{ there: boolean }>(
    "SELECT to_regclass('collect_migrations') IS NOT NULL AS there",
  )
  if (found[0]?.there !== true)
    await client.query(
      'CREATE TABLE collect_migrations (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())',
    )
  const { rows } = await client.query<{ version: number }>(
    'SELECT COALESCE(MAX(version), 0) AS version FROM collect_migrations',
  )
  const version = rows[0]?.version ?? 0
  if (version > migrations.length)
    throw new Error(`its tables collect_* are of version ${version}; this nslab knows ${migrations.length}`)
  for (const [at, text] of migrations.entries()) {
    // Several statements in one query are one transaction.
    if (at >= version) await client.query(`${text}; INSERT INTO collect_migrations (version) VALUES (${at + 1})`)
  }
  await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK])
}

async function bookRun(client: PostgresClient, { runId, start }: PostgresOptions): Promise<number> {
  const { rows } = await client.query<{ run: number }>(
    `INSERT INTO collect_runs (process_id, run_id, pid, interval_s, started_at, started_mono_s)
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING run`,
    [randomBytes(16).toString('hex'), runId, start.pid, start.interval_s, timestamp(start.at_s), start.mono_s],
  )
  return (rows[0] as { run: number }).run
}
