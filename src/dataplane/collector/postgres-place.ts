// PostgreSQL as a place: a load is one transaction with the row that names its batch, so that a load whose COMMIT was
// not answered is recognised when it is sent again. Rows that no repetition would store are left out and counted; what
// tables take none of, as far as that can be known, is told at the start.

import { randomBytes } from 'node:crypto'
import type { NslabError } from '../../base/errors.ts'
import type { CopyLoad } from './copy-packer.ts'
import { timestamp } from './copy-text.ts'
import type { Place, Refused } from './outbox.ts'
import { isFinal, PostgresClient } from './postgres-client.ts'
import { isRowFault, type Narrowed, narrow } from './postgres-narrow.ts'
import { migrations } from './postgres-schema.ts'
import { fill } from './postgres-transaction.ts'
import { trialLoad } from './postgres-trial.ts'
import type { EventLine } from './types.ts'

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

/** A table that somebody has locked is told of at the start, not waited for. */
const TRIAL_LOCK_TIMEOUT_MS = 5_000

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
  /** Loads without their rows at fault: as such they are stored, and recognised. */
  readonly #narrowed = new WeakMap<CopyLoad, Narrowed>()

  private constructor(url: string, run: number, client: PostgresClient) {
    this.#url = url
    this.run = run
    this.#client = client
    this.#last = client
  }

  /** Connects, brings the tables up to date, tries them out, and books the run. Throws DATABASE_REFUSED, USAGE. */
  static async open(options: PostgresOptions): Promise<PostgresPlace> {
    const client = await connectWithin(options.url, options.connectDeadlineMs)
    try {
      await migrate(client)
      await client.query(`BEGIN; SET LOCAL lock_timeout = ${TRIAL_LOCK_TIMEOUT_MS}`)
      const run = await bookRun(client, options)
      await fill(client, run, trialLoad(run, options.start), 'SAVEPOINT trial')
      await client.query('ROLLBACK TO trial; COMMIT')
      return new PostgresPlace(options.url, run, client)
    } catch (error) {
      client.destroy()
      throw client.refusal(error)
    }
  }

  async store(load: CopyLoad, signal: AbortSignal): Promise<Refused | null> {
    const client = await this.#connected(signal)
    const giveUp = (): void => client.destroy()
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      if (signal.aborted) throw new Error('the collector ends')
      return await this.#storeBy(client, load)
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

  async #storeBy(client: PostgresClient, load: CopyLoad): Promise<Refused | null> {
    const known = this.#narrowed.get(load)
    try {
      await this.#transact(client, known?.load ?? load)
      return known?.refused ?? null
    } catch (error) {
      if (!isRowFault(error)) throw error
      await client.query('ROLLBACK')
      const narrowed = await narrow(client, this.run, known ?? { load, refused: null })
      // The fault is in none of its rows, or is gone.
      if (narrowed === null) throw error
      this.#narrowed.set(load, narrowed)
      return this.#storeBy(client, load)
    }
  }

  async #transact(client: PostgresClient, load: CopyLoad): Promise<void> {
    const isNew = await fill(client, this.run, load, 'BEGIN')
    // Else the COMMIT that nobody answered had come through.
    const end = isNew ? 'COMMIT' : 'ROLLBACK'
    const { command } = await client.query(end)
    if (command !== end) throw new Error(`${end} was answered by ${command}`)
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
