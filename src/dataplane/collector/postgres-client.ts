// One connection to PostgreSQL with COPY, which pg leaves to its callers.

import type { Client, Connection, QueryResult, QueryResultRow, Submittable } from 'pg'
import { NslabError } from '../../base/errors.ts'

const CONNECT_TIMEOUT_MS = 5_000

/**
 * Refusals that no waiting will change: authentication, unknown database or role. Source: PostgreSQL, appendix A, 28*,
 * 3D*.
 */
export const isFinal = (error: unknown): boolean =>
  error instanceof NslabError &&
  (error.code === 'USAGE' || /^(28|3D)/.test(String((error.cause as { code?: unknown } | undefined)?.code ?? '')))

export class PostgresClient {
  readonly #client: Client
  #isUp = true

  private constructor(client: Client) {
    this.#client = client
    client.on('end', () => {
      this.#isUp = false
    })
  }

  /**
   * Throws DATABASE_REFUSED with what the server or the kernel said, USAGE where `url` is none. `signal`: give up at
   * once.
   */
  static async connect(url: string, signal?: AbortSignal): Promise<PostgresClient> {
    const client = await makeClient(url)
    const giveUp = (): void => streamOf(client).destroy()
    signal?.addEventListener('abort', giveUp, { once: true })
    // What ends the connection is told to the query that is under way, or to the next.
    client.on('error', () => {})
    try {
      await client.connect()
    } catch (error) {
      // pg waits for a handshake that never comes; the socket has to go with the attempt.
      void client.end().catch(() => {})
      throw refusal(client, error)
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
    return new PostgresClient(client)
  }

  get isUp(): boolean {
    return this.#isUp
  }

  query<Row extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<QueryResult<Row>> {
    return this.#client.query<Row>(text, values as unknown[])
  }

  refusal(error: unknown): NslabError {
    return error instanceof NslabError ? error : refusal(this.#client, error)
  }

  /** What was asked for has not come. */
  late(limitS: number): NslabError {
    return refusal(this.#client, new Error(`no answer for ${limitS} s`))
  }

  /** `COPY target FROM STDIN` of text that is there already. */
  copy(target: string, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.query(new CopyIn(`COPY ${target} FROM STDIN`, Buffer.from(text), resolve, reject))
    })
  }

  /** Says goodbye where the server still listens. */
  async end(): Promise<void> {
    this.#isUp = false
    await this.#client.end().catch(() => {})
  }

  /** Lets go of a connection in the middle of whatever it does. */
  destroy(): void {
    this.#isUp = false
    streamOf(this.#client).destroy()
  }
}

/** Missing in @types/pg. */
const streamOf = (client: Client): { destroy(): void } =>
  (client as Client & { connection: { stream: { destroy(): void } } }).connection.stream

/** As much of pg's connection as COPY takes; missing in @types/pg. */
interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** A query of pg's own kind: its client calls these methods as the server's messages come. */
class CopyIn implements Submittable {
  readonly #text: string
  readonly #data: Buffer
  readonly #resolve: () => void
  readonly #reject: (error: Error) => void
  #error: Error | undefined

  constructor(text: string, data: Buffer, resolve: () => void, reject: (error: Error) => void) {
    this.#text = text
    this.#data = data
    this.#resolve = resolve
    this.#reject = reject
  }

  submit(connection: Connection): void {
    ;(connection as unknown as CopyConnection).query(this.#text)
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(this.#data)
    connection.endCopyFrom()
  }

  handleError(error: Error): void {
    this.#error = error
    // The connection's end is told so, too, after which no ReadyForQuery comes.
    this.#reject(error)
  }

  handleReadyForQuery(): void {
    if (this.#error === undefined) this.#resolve()
  }

  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
}

async function makeClient(url: string): Promise<Client> {
  // pg costs some 6 MB: only a collector with a database loads it.
  const { default: pg } = await import('pg')
  try {
    return new pg.Client({
      connectionString: url,
      application_name: 'nslab collect',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    })
  } catch (error) {
    const hint = 'postgres://USER:PASSWORD@HOST:PORT/DATABASE, or postgres:///DATABASE?host=/FOLDER/OF/ITS/SOCKET.'
    throw new NslabError('USAGE', { problem: `--sink: not a URL of a database: ${reasonOf(error)}`, hint })
  }
}

/** Names the target without its password. */
function refusal({ database, host, port, user }: Client, error: unknown): NslabError {
  const who = user === undefined ? 'nobody (the URL names no user)' : user
  const where = host.startsWith('/') ? host : host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  const target = `${database ?? '(none)'} at ${where} as ${who}`
  return new NslabError('DATABASE_REFUSED', { target, reason: reasonOf(error), code: codeOf(error) }, { cause: error })
}

/** SQLSTATE or errno. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return (error as { code?: string } | null)?.code
}

function reasonOf(error: unknown): string {
  // A host name with several addresses fails with one error each.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  if (!(error instanceof Error)) return String(error)
  // Where the server was: COPY of which table, which line, which column.
  const { where } = error as { where?: string }
  return where === undefined
    ? error.message
    : `${error.message} (${where.replaceAll('\n', '; ').replaceAll('\t', ' ')})`
}
