// One connection to PostgreSQL that comes back by itself: queries, notifications, and growing pauses while it is away.
// One is enough: the controller writes in batches and listens; a pool would only cost server processes.

import type { Client, ClientConfig, QueryResult, QueryResultRow } from 'pg'

import { NslabError } from '../base/errors.ts'

export interface PgTarget {
  readonly user: string
  readonly password: string
  /** A name, an address, or the folder of a unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
}

export interface PgLinkOptions {
  readonly target: PgTarget
  readonly onNotification: (channel: string, payload: string) => void
  readonly onLost: (reason: string) => void
  /** Connected again. Runs before any query that waits for the connection. */
  readonly onBack: () => void
}

/** Pauses between attempts double from the first to the last. */
const PAUSE_MS = { first: 20, last: 1_000 } as const

const CONNECT_TIMEOUT_MS = 5_000
/** Of the last attempt, too: one of a millisecond says "timeout expired" of a server that would have said why. */
const CONNECT_TIMEOUT_LEAST_MS = 250

const CLOSE_TIMEOUT_MS = 1_000

/**
 * States that no waiting will change: authentication, unknown database or role. Source: PostgreSQL, appendix A, 28*,
 * 3D*.
 */
const isFinal = (error: unknown): boolean => /^(28|3D)/.test(String((error as { code?: unknown }).code ?? ''))

export class PgLink {
  readonly #options: PgLinkOptions
  #client: Client | undefined
  /** pg wants one query at a time. */
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false
  #retry: NodeJS.Timeout | undefined
  #refusedWith: string | null = null
  #pauseMs: number = PAUSE_MS.first

  constructor(options: PgLinkOptions) {
    this.#options = options
  }

  get isUp(): boolean {
    return this.#client !== undefined
  }

  /**
   * The first connection: attempts begin until `deadlineMs` has passed. Throws DATABASE_REFUSED with what the server
   * said last.
   */
  async connect(deadlineMs: number): Promise<void> {
    const giveUpAt = performance.now() + deadlineMs
    for (;;) {
      try {
        this.#client = await this.#dial(
          Math.max(CONNECT_TIMEOUT_LEAST_MS, Math.min(CONNECT_TIMEOUT_MS, giveUpAt - performance.now())),
        )
        return
      } catch (error) {
        const leftMs = giveUpAt - performance.now()
        if (isFinal(error) || leftMs <= 0 || this.#isClosed) throw this.refusal(error)
        await new Promise(resolve => setTimeout(resolve, Math.min(leftMs, this.#nextPauseMs())))
      }
    }
  }

  /**
   * Runs one query, after those asked for before. Rejects when the connection is away; the caller keeps what it wanted
   * written.
   */
  query<Row extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<QueryResult<Row>> {
    const run = async (): Promise<QueryResult<Row>> => {
      if (this.#client === undefined) throw new Error('the connection is away')
      return this.#client.query<Row>(text, values as unknown[])
    }
    const result = this.#last.then(run, run)
    this.#last = result
    return result
  }

  /** What the server said to the last attempt to come back to it; null while it is there, or was not asked yet. */
  get refusedWith(): string | null {
    return this.#refusedWith
  }

  refusal(error: unknown): NslabError {
    const { user, host, port, database } = this.#options.target
    const target = `${database} at ${host.startsWith('/') ? host : `${host}:${port}`} as ${user}`
    return new NslabError('DATABASE_REFUSED', { target, reason: reasonOf(error) }, { cause: error })
  }

  /** Says goodbye after the last query, or lets go of a server that does not answer within a second. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    const client = this.#client
    if (client === undefined) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      timer = setTimeout(() => {
        // Missing in @types/pg: the socket no longer keeps the process.
        ;(client as Client & { unref(): void }).unref()
        resolve()
      }, CLOSE_TIMEOUT_MS)
    })
    const goodbye = this.#last
      .catch(() => {})
      .then(() => {
        this.#client = undefined
        return client.end()
      })
      .catch(() => {})
    await Promise.race([goodbye, late])
    clearTimeout(timer)
    this.#client = undefined
  }

  async #dial(timeoutMs: number): Promise<Client> {
    // pg costs some 6 MB, so only a controller with a database loads it.
    const { default: pg } = await import('pg')
    const { target } = this.#options
    const config: ClientConfig = {
      ...target,
      application_name: 'nslab controller',
      connectionTimeoutMillis: Math.ceil(timeoutMs),
      keepAlive: true,
    }
    const client = new pg.Client(config)
    let lastWords: string | undefined
    client.on('error', error => {
      lastWords ??= error.message
    })
    client.on('notification', ({ channel, payload }) => this.#options.onNotification(channel, payload ?? ''))
    try {
      await client.connect()
    } catch (error) {
      // pg waits for a handshake that never comes; the socket has to go with the attempt.
      void client.end().catch(() => {})
      throw error
    }
    client.on('end', () => this.#onEnd(client, lastWords ?? 'the server closed the connection'))
    return client
  }

  #onEnd(client: Client, reason: string): void {
    if (this.#client !== client) return
    this.#client = undefined
    this.#pauseMs = PAUSE_MS.first
    this.#options.onLost(reason)
    this.#comeBack()
  }

  #comeBack(): void {
    if (this.#isClosed) return
    this.#retry = setTimeout(() => {
      this.#dial(CONNECT_TIMEOUT_MS).then(
        client => {
          if (this.#isClosed) return void client.end().catch(() => {})
          this.#client = client
          this.#refusedWith = null
          this.#options.onBack()
        },
        error => {
          this.#refusedWith = reasonOf(error)
          this.#comeBack()
        },
      )
    }, this.#nextPauseMs())
  }

  #nextPauseMs(): number {
    const pauseMs = this.#pauseMs
    this.#pauseMs = Math.min(PAUSE_MS.last, pauseMs * 2)
    return pauseMs
  }
}

function reasonOf(error: unknown): string {
  // A host name with several addresses fails with one error each.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
