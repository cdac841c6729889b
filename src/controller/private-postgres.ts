// A PostgreSQL server of the run's own: unix socket and data in the run folder, no network, ended with the controller.
// It is not made to survive the machine: fsync is off, because its data ends with the run. It does survive its own
// crash: a commit reaches the kernel before it is acknowledged, and a server that dies is started again on the same
// data.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'

import { NslabError } from '../base/errors.ts'
import { pause } from '../base/pause.ts'
import { RUN_VARIABLE, runMark } from '../base/run-mark.ts'
import { shellWord } from '../base/shell-word.ts'
import { SOCKET_PATH_BYTES_MAX } from '../base/unix-socket.ts'
import type { PgTarget } from './pg-link.ts'
import { type Enclosure, encloseFor, type PostgresPrograms, sharedMemoryFolder } from './postgres-programs.ts'

/** Lines of the server's log kept for an error's last words. */
const LOG_LINES_KEPT = 20

/** Why a server, or one of its processes, can't go on. That it is not up yet is what everybody hears who asks then. */
const GIVING_UP = /\b(PANIC|FATAL): +(?!the database system is )(.*)/

/** A server that dies this often in one run is not started again. */
const RESTARTS_MAX = 20

/** Pauses before a restart double from the first to the last. */
const RESTART_PAUSE_MS = { first: 20, last: 2_000 } as const

/** PostgreSQL's duplicate_database: data that were kept have it. */
const DUPLICATE_DATABASE = '42P04'

const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  // One connection serves the controller; the rest is for people and their tools.
  max_connections: '20',
  // A few thousand rows. All of this is memory that a run would otherwise measure as its own.
  shared_buffers: '2MB',
  wal_buffers: '64kB',
  work_mem: '1MB',
  maintenance_work_mem: '4MB',
  max_wal_size: '16MB',
  min_wal_size: '2MB',
  huge_pages: 'off',
  // Segments as files of the data folder: /dev/shm would keep them after a SIGKILL.
  dynamic_shared_memory_type: 'mmap',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_worker_processes: '0',
  max_parallel_workers: '0',
  autovacuum: 'off',
  jit: 'off',
  track_counts: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
}

/** Names a folder whose data, once made by makeTemplate(), the next server takes as its own. */
export const TEMPLATE_VARIABLE = 'NSLAB_DATABASE_TEMPLATE'
/** In that folder: the superuser that the data were made for. */
const TEMPLATE_USER = 'user'

export interface PrivatePostgresOptions {
  readonly programs: PostgresPrograms
  /** Becomes the server's own, data and socket; made when it is not there. */
  readonly folder: string
  readonly user: string
  readonly password: string
  readonly database: string
  /** Keep the data when the server is stopped. */
  readonly keep: boolean
  /** A line of the server's log worth telling (it died, it is back). */
  readonly onWarning: (message: string) => void
}

export class PrivatePostgres {
  readonly #options: PrivatePostgresOptions
  readonly #enclosure: Enclosure
  readonly #folder: string
  #folderFd = -1
  /** The program that was started last: initdb, then the server. */
  #started: ChildProcess | undefined
  #server: ChildProcess | undefined
  #log: string[] = []
  #lastWords: string | null = null
  #restarts = 0
  #restart: NodeJS.Timeout | undefined
  readonly #stopping = new AbortController()

  constructor(options: PrivatePostgresOptions) {
    this.#options = options
    this.#folder = resolve(options.folder)
    this.#enclosure = encloseFor(this.#folder)
  }

  /** The launcher's process; the server and its own are its descendants. */
  get pid(): number {
    return this.#server?.pid ?? 0
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  get target(): PgTarget {
    const { user, password, database } = this.#options
    return { user, password, database, host: this.#socketFolder(), port: 5432 }
  }

  /** Why it is away, by its own word; null while it is up, and where it said nothing. */
  get lastWords(): string | null {
    return this.#lastWords
  }

  /** A command line that opens the database, while the controller runs. */
  get connect(): string {
    const { programs, user, database } = this.#options
    const host = this.#socketFolder().replace('/proc/self/', `/proc/${process.pid}/`)
    return `${programs.psql} -h ${shellWord(host)} -U ${shellWord(user)} ${shellWord(database)}`
  }

  /**
   * Makes data as start() would, for a later one to take over (TEMPLATE_VARIABLE): most of what a server's start takes.
   * Throws DATABASE_REFUSED.
   */
  async makeTemplate(): Promise<void> {
    this.#makeFolders()
    await this.#initialise()
    writeFileSync(join(this.#folder, TEMPLATE_USER), this.#options.user)
  }

  #makeFolders(): void {
    const { owner } = this.#enclosure
    for (const folder of [this.#folder, sharedMemoryFolder(this.#folder)]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      if (owner !== null) chownSync(folder, owner.uid, owner.gid)
    }
  }

  /**
   * Makes the data and starts the server. Throws DATABASE_REFUSED with the programs' own words, and the reason of `abort`
   * where that comes before: the program that is under way is then killed, and nothing is left.
   */
  async start(abort?: AbortSignal): Promise<void> {
    const end = (): void => {
      // Its end is no death.
      this.#stopping.abort()
      this.#started?.kill('SIGKILL')
    }
    abort?.addEventListener('abort', end)
    try {
      abort?.throwIfAborted()
      this.#makeFolders()
      this.#folderFd = openSync(this.#folder, 'r')
      if (!this.#hasData() && !this.#takeTemplate()) await this.#initialise()
      abort?.throwIfAborted()
      await this.#run()
      await this.#createDatabase()
      abort?.throwIfAborted()
    } catch (error) {
      await this.stop()
      throw abort?.aborted ? abort.reason : error
    } finally {
      abort?.removeEventListener('abort', end)
    }
  }

  /** Ends the server in order, at most `deadlineMs`, then by force; removes its data unless they are to be kept. */
  async stop(deadlineMs = 5_000): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#restart)
    const server = this.#server
    if (server !== undefined && server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit')
      // SIGINT is a fast shutdown; the launcher passes it on.
      server.kill('SIGINT')
      const timer = setTimeout(() => server.kill('SIGKILL'), deadlineMs)
      await ended
      clearTimeout(timer)
    }
    if (this.#folderFd >= 0) closeSync(this.#folderFd)
    this.#folderFd = -1
    if (!this.#options.keep) rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Ends the server in order and starts it again after `awayMs`, on the same data. Throws DATABASE_REFUSED. */
  async restart(awayMs: number): Promise<void> {
    const server = this.#server
    if (server === undefined || server.exitCode !== null || server.signalCode !== null)
      throw this.#refusal('there is no server to restart')
    // Its end is no death.
    this.#server = undefined
    const ended = once(server, 'exit')
    server.kill('SIGINT')
    await ended
    await pause(awayMs, this.#stopping.signal)
    if (!this.#isStopping) await this.#run()
  }

  /** Data that an earlier server of this folder has left, which died with its kernel. */
  #hasData(): boolean {
    if (!existsSync(join(this.#folder, 'data/PG_VERSION'))) return false
    // Names a process of a kernel that is gone.
    rmSync(join(this.#folder, 'data/postmaster.pid'), { force: true })
    return true
  }

  /** Whether data made before, for the same user, are ours now. */
  #takeTemplate(template = process.env[TEMPLATE_VARIABLE]): boolean {
    if (template === undefined) return false
    try {
      if (readFileSync(join(template, TEMPLATE_USER), 'utf8') !== this.#options.user) return false
      renameSync(join(template, 'data'), join(this.#folder, 'data'))
      return true
    } catch {
      // None there, or taken already.
      return false
    }
  }

  async #initialise(): Promise<void> {
    const { programs, user } = this.#options
    const args = ['-D', `${this.#enclosure.folder}/data`, '-U', user, '-A', 'trust', '--locale=C', '-E', 'UTF8']
    const initdb = this.#spawn(programs.initdb, [...args, '--no-sync', '--wal-segsize=1', '--no-instructions'])
    const [code, signal] = (await once(initdb, 'close')) as [number | null, string | null]
    if (code !== 0) throw this.#refusal(`initdb ended with ${code ?? signal}`)
  }

  /** Resolves when the server says that it takes connections. */
  #run(): Promise<void> {
    const folder = this.#enclosure.folder
    const options = Object.entries({ ...settings, unix_socket_directories: folder }).flatMap(([key, value]) => [
      '-c',
      `${key}=${value}`,
    ])
    const server = this.#spawn(this.#options.programs.postgres, ['-D', `${folder}/data`, ...options], line => {
      const [, severity, words] = GIVING_UP.exec(line) ?? []
      if (words !== undefined) this.#lastWords = `${severity}: ${words}`
      if (!line.includes('database system is ready to accept connections')) return
      this.#lastWords = null
      server.emit('ready')
    })
    this.#server = server
    return new Promise((resolve, reject) => {
      server.once('ready', () => {
        if (this.#restarts > 0)
          this.#options.onWarning(`the private database server runs again as process ${server.pid}`)
        resolve()
      })
      server.once('close', (code: number | null, signal: string | null) => {
        reject(this.#refusal(`the server ended with ${code ?? signal}`))
        this.#onDeath(server, code ?? signal)
      })
    })
  }

  #onDeath(server: ChildProcess, status: number | string | null): void {
    if (this.#isStopping || this.#server !== server) return
    if (++this.#restarts > RESTARTS_MAX) {
      this.#options.onWarning(`the private database server died ${RESTARTS_MAX} times; it stays away`)
      return
    }
    const how = this.#lastWords === null ? status : `${status}; it said ${this.#lastWords}`
    this.#options.onWarning(`the private database server died (${how}); it is started again on the same data`)
    const pauseMs = Math.min(RESTART_PAUSE_MS.last, RESTART_PAUSE_MS.first * 2 ** (this.#restarts - 1))
    // What went wrong is told at its end, which brings us back here.
    this.#restart = setTimeout(() => void this.#run().catch(() => {}), pauseMs)
  }

  async #createDatabase(): Promise<void> {
    const { default: pg } = await import('pg')
    const { database } = this.#options
    if (database === 'postgres') return
    const client = new pg.Client({ ...this.target, database: 'postgres' })
    // A server that dies during the query rejects it as well.
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`)
    } catch (error) {
      if ((error as { code?: unknown }).code !== DUPLICATE_DATABASE) throw this.#refusal((error as Error).message)
    } finally {
      await client.end().catch(() => {})
    }
  }

  /** The folder by its path, or where that is too long for a socket, through our descriptor. */
  #socketFolder(): string {
    const isShort = Buffer.byteLength(`${this.#folder}/.s.PGSQL.5432`) <= SOCKET_PATH_BYTES_MAX
    return isShort ? this.#folder : `/proc/self/fd/${this.#folderFd}`
  }

  #spawn(program: string, args: readonly string[], onLine?: (line: string) => void): ChildProcess {
    // A run finds processes of its own by this mark.
    const mark = runMark(process.env[RUN_VARIABLE])
    const child = spawn(this.#enclosure.launcher, [...this.#enclosure.args, '--', program, ...args], {
      // A session of its own: the terminal's interrupt is for the controller, which stops the server when rows are
      // written.
      detached: true,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', ...mark },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#started = child
    let rest = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (this.#log.push(line) > LOG_LINES_KEPT) this.#log.shift()
        onLine?.(line)
      }
    })
    child.once('error', error => {
      this.#log.push(error.message)
      child.emit('close', null, 'not started')
    })
    return child
  }

  #refusal(reason: string): NslabError {
    const words = this.#log.join('\n')
    const target = `private server in ${this.#folder}`
    return new NslabError('DATABASE_REFUSED', { target, reason: words === '' ? reason : `${reason}:\n${words}` })
  }
}
