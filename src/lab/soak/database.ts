// The database of a soak: a private PostgreSQL that a collector writes to, read back row by row. What is read is what
// was stored: the collector's own counts are held against it.

import pg from 'pg'
import { NslabError } from '../../base/errors.ts'
import { findPostgres, hasLauncher } from '../../controller/postgres-programs.ts'
import { PrivatePostgres } from '../../controller/private-postgres.ts'
import type { CollectedLine } from '../../protocol/collected.ts'
import { readProcesses } from '../proc/process-table.ts'
import type { Intake } from './intake.ts'
import { type Batch, readBatch, readBatches } from './stored-lines.ts'

export interface DatabaseOptions {
  /** Becomes the server's own. */
  readonly folder: string
  readonly keep: boolean
  readonly intake: Pick<Intake, 'take'>
  readonly onLog: (line: string) => void
  /** Nobody wants it any more. */
  readonly signal: AbortSignal
}

/** Data are read while more come: the run's end does not wait for all of them. */
const LOOK_MS = 250

const names = { user: 'nslab', password: 'nslab', database: 'soak' } as const

export class Database {
  readonly #options: DatabaseOptions
  readonly #server: PrivatePostgres
  #client: pg.Client | null = null
  #found = { launcher: 0, pid: 0 }
  #last: Batch = { run: 0, batch: -1 }
  #reading: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #onFirst: () => void = () => {}
  readonly #first: Promise<void>

  /** Throws NOT_FIT where there is no PostgreSQL here, DATABASE_REFUSED where it does not start, `signal`'s reason. */
  static async start(options: DatabaseOptions): Promise<Database> {
    const programs = findPostgres()
    if (programs === null || !hasLauncher())
      throw new NslabError('NOT_FIT', {
        problems: ['collector.sink = "postgres": no PostgreSQL server programs were found; install postgresql'],
        limits: ['postgres'],
      })
    const { folder, keep, onLog, signal } = options
    const onWarning = (message: string): void => onLog(`database: ${message}`)
    const server = new PrivatePostgres({ programs, folder, keep, onWarning, ...names })
    await server.start(signal)
    return new Database(options, server)
  }

  private constructor(options: DatabaseOptions, server: PrivatePostgres) {
    this.#options = options
    this.#server = server
    this.#first = new Promise(resolve => {
      this.#onFirst = resolve
    })
    this.#look()
  }

  /** As libpq and pg read it; its folder is that of the server's socket. */
  get url(): string {
    const { user, database, host } = this.#server.target
    // By a descriptor of this process, where the folder's own path is too long.
    const folder = host.replace('/proc/self/', `/proc/${process.pid}/`)
    return `postgresql://${user}@/${database}?host=${encodeURIComponent(folder)}`
  }

  /** Of the server itself, below its launcher; 0 while there is none. */
  get pid(): number {
    const launcher = this.#server.pid
    // All processes are read for it: once a server, not at every sample.
    if (this.#found.launcher !== launcher || this.#found.pid === 0)
      this.#found = { launcher, pid: launcher === 0 ? 0 : serverBelow(launcher) }
    return this.#found.pid
  }

  /** Resolves when a collector has begun to store. */
  firstRun(): Promise<void> {
    return this.#first
  }

  /** Everything that is stored by now has gone through the intake. */
  readAll(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read())
    return this.#reading
  }

  /** The server ends in order, and is back after `awayS`. */
  restart(awayS: number): Promise<void> {
    return this.#server.restart(awayS * 1000)
  }

  async stop(deadlineMs: number): Promise<void> {
    clearTimeout(this.#timer)
    await this.#reading
    await this.#client?.end().catch(() => {})
    await this.#server.stop(deadlineMs)
  }

  #look(): void {
    this.#timer = setTimeout(() => void this.readAll().then(() => this.#look()), LOOK_MS)
  }

  /** Reads batches in the order of their storing; one at a time, so that a poll's rows come before its end. */
  async #read(): Promise<void> {
    try {
      const client = await this.#connected()
      for (const batch of await readBatches(client, this.#last)) {
        const lines: readonly CollectedLine[] = await readBatch(client, batch)
        for (const line of lines) this.#options.intake.take(line)
        this.#last = batch
        this.#onFirst()
      }
    } catch (error) {
      // The server is away for a fault, or the tables are not there yet: what is stored is read the next time.
      const client = this.#client
      this.#client = null
      client?.end().catch(() => {})
      const { code } = error as { code?: string }
      if (code !== UNDEFINED_TABLE && code !== ADMIN_SHUTDOWN && code !== 'ENOENT' && code !== 'ECONNREFUSED')
        this.#options.onLog(`database: not read: ${(error as Error).message}`)
    }
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client !== null) return this.#client
    const client = new pg.Client(this.#server.target)
    // A server that goes away between two queries says so here.
    client.on('error', () => {
      if (this.#client === client) this.#client = null
    })
    await client.connect()
    this.#client = client
    return client
  }
}

function serverBelow(launcher: number): number {
  const processes = [...readProcesses().values()]
  for (let pid = launcher; ; ) {
    const child = processes.find(({ parent_pid }) => parent_pid === pid)
    if (child === undefined) return 0
    if (child.comm === 'postgres') return child.pid
    pid = child.pid
  }
}

const UNDEFINED_TABLE = '42P01'
const ADMIN_SHUTDOWN = '57P01'
