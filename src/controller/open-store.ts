// Which store a controller gets: a database that was named, a private server of its own, or memory, and why.

import { NslabError } from '../base/errors.ts'
import { shellWord } from '../base/shell-word.ts'
import type { ControllerConfig } from '../config/types.ts'
import type { CoreEvent } from './core.ts'
import { MemoryStore } from './memory-store.ts'
import { findPostgres, hasLauncher } from './postgres-programs.ts'
import { PostgresStore } from './postgres-store.ts'
import { PrivatePostgres, TEMPLATE_VARIABLE } from './private-postgres.ts'
import { type Contents, type Store, type StoreListener, seedOf } from './store.ts'

/** Names of a private database where no [db] section gives them: the published defaults. */
const publishedNames = { user: 'pgusr', password: 'pgpwrd', database: 'nextmini' } as const

export interface StoreOptions {
  readonly config: ControllerConfig
  readonly reset: boolean
  /** For a private server's data and socket. */
  readonly folder: string
  readonly keep: boolean
  readonly listener: StoreListener
  readonly onWarning: (message: string) => void
  /** PATH to look for a server's programs in; for tests. */
  readonly path?: string
  /** How long an external server may be away at the start. Default 10 s. */
  readonly connectDeadlineMs?: number
  /** Nobody wants it any more. */
  readonly signal?: AbortSignal
}

export interface OpenStore {
  readonly store: Store
  readonly contents: Contents
  readonly ready: Extract<CoreEvent, { kind: 'database_ready' }>
  /** Ends the store, and a private server with it. */
  readonly close: (deadlineMs: number) => Promise<void>
}

/** Opens the store. Throws DATABASE_REFUSED where a database was asked for by name and can't be had; after `signal` any. */
export async function openStore(options: StoreOptions): Promise<OpenStore> {
  const { db } = options.config
  if (db?.mode === 'external') {
    const host = db.host.startsWith('/') ? shellWord(db.host) : `${shellWord(db.host)} -p ${db.port}`
    return openPostgres(options, db, `psql -h ${host} -U ${shellWord(db.user)} ${shellWord(db.database)}`)
  }
  // Server programs off the PATH are where Debian puts them; a test's PATH stands alone.
  const programs = options.path === undefined ? findPostgres() : findPostgres(options.path, '/nonexistent')
  if (programs === null) return openMemory(options, 'no PostgreSQL server programs were found')
  if (!hasLauncher()) return openMemory(options, 'nslab-launch is not built')
  const { folder, keep, onWarning, signal } = options
  const { user, password, database } = db ?? publishedNames
  const server = new PrivatePostgres({ programs, folder, keep, onWarning, user, password, database })
  try {
    await server.start(signal)
    return await openPostgres(options, server.target, server.connect, server)
  } catch (error) {
    await server.stop()
    if (db !== null || signal?.aborted || !(error instanceof NslabError)) throw error
    options.onWarning(`${error.message}\nIt was not asked for by a [db] section, so the run goes on without.`)
    return openMemory(options, 'the private server did not start')
  }
}

async function openPostgres(
  options: StoreOptions,
  target: {
    readonly user: string
    readonly password: string
    readonly host: string
    readonly port: number
    readonly database: string
  },
  connect: string,
  server?: PrivatePostgres,
): Promise<OpenStore> {
  const { config, listener, reset, connectDeadlineMs, signal } = options
  const store = new PostgresStore({
    target,
    listener,
    flowTransport: config.flowTransport,
    ...(server === undefined ? {} : { lastWords: () => server.lastWords }),
    ...(connectDeadlineMs === undefined ? {} : { connectDeadlineMs }),
  })
  // One that does not answer is then asked no more.
  const close = (): void => void store.close()
  signal?.addEventListener('abort', close)
  const contents = await store.open(seedOf(config, reset)).finally(() => signal?.removeEventListener('abort', close))
  const kept = reset ? {} : { nodes_count: await store.countNodes() }
  const pid = server === undefined ? {} : { pid: server.pid }
  return {
    store,
    contents,
    ready: { kind: 'database_ready', store: 'postgres', persisted: true, connect, ...pid, ...kept },
    close: async deadlineMs => {
      await store.close()
      await server?.stop(deadlineMs)
    },
  }
}

async function openMemory(options: StoreOptions, reason: string): Promise<OpenStore> {
  const store = new MemoryStore(options.listener)
  const contents = await store.open(seedOf(options.config, options.reset))
  return {
    store,
    contents,
    ready: { kind: 'database_ready', store: 'memory', persisted: false, reason },
    close: () => store.close(),
  }
}

/**
 * Makes a private server's data in `folder` before anybody asks for them, for the first controller that this process
 * starts with the published names. Does nothing where there are no server programs. Throws DATABASE_REFUSED.
 */
export async function prepareDatabase(folder: string): Promise<void> {
  const programs = findPostgres()
  if (programs === null || !hasLauncher()) return
  const server = new PrivatePostgres({ programs, folder, keep: true, onWarning: () => {}, ...publishedNames })
  await server.makeTemplate()
  process.env[TEMPLATE_VARIABLE] = folder
}
