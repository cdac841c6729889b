// A database that is down at the start, goes away, or loses its controller.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import t from 'tap'

import type { NodeState } from '../../src/controller/core.ts'
import { openStore } from '../../src/controller/open-store.ts'
import { PostgresStore } from '../../src/controller/postgres-store.ts'
import { TEMPLATE_VARIABLE } from '../../src/controller/private-postgres.ts'
import type { Contents, Seed, StoreListener } from '../../src/controller/store.ts'
import { until } from '../fixtures/control-client.ts'
import { controllerConfig } from '../fixtures/controller.ts'
import { startChild } from '../fixtures/lab/child.ts'
import { firstLine } from '../fixtures/launch.ts'
import {
  familyOf,
  isAlive,
  memberOf,
  privatePostgres,
  skipReason,
  temporaryFolder,
} from '../fixtures/private-postgres.ts'

const seed: Seed = { reset: true, routes: [[[1, 2]]], flows: [], links: [], groups: [] }

const state = (nodeId: number): NodeState => {
  const address = `172.16.8.${nodeId}:8080`
  return {
    nodeId,
    incarnation: 1,
    privateNetworkName: '',
    privateNetworkAddr: address,
    publicNetworkAddr: address,
    connected: true,
  }
}

function listening(): { listener: StoreListener; seen: string[]; contents: Contents[] } {
  const seen: string[] = []
  const contents: Contents[] = []
  const listener: StoreListener = {
    onRoute: () => {},
    onFlow: () => {},
    onLink: () => {},
    onProbe: () => {},
    onContents: all => contents.push(all),
    onInvalid: message => seen.push(message),
    onLost: () => seen.push('lost'),
    onBack: () => seen.push('back'),
  }
  return { listener, seen, contents }
}

for (const victim of ['the whole server', 'one of its processes'] as const) {
  t.test(`when ${victim} is killed nothing noted is lost`, { skip: skipReason }, async t => {
    const { server, warnings } = privatePostgres(t)
    await server.start()
    const { listener, seen, contents } = listening()
    const store = new PostgresStore({ target: server.target, listener, flowTransport: 'tcp' })
    t.teardown(() => store.close())
    await store.open(seed)
    store.putNode(state(1))
    await store.flush(10_000)
    store.putNode(state(2))
    const pid = victim === 'the whole server' ? server.pid : memberOf(server.pid, line => line.includes('idle'))
    process.kill(pid, 'SIGKILL')
    await until(() => seen.includes('lost'))
    store.putNode(state(3))
    t.equal(store.unwrittenCount, 2)
    await store.flush(20_000)
    t.same([store.unwrittenCount, await store.countNodes()], [0, 3])
    t.same(seen, ['lost', 'back'])
    t.same(contents[0]?.routes, new Map([[1, [[1, 2]]]]), 'changes made meanwhile would be seen: all is read again')
    t.equal(warnings.length, victim === 'the whole server' ? 2 : 0)
  })
}

t.test('rows that can not be written before the deadline are counted, not dropped', { skip: skipReason }, async t => {
  const { server } = privatePostgres(t)
  await server.start()
  const { listener, seen } = listening()
  const store = new PostgresStore({ target: server.target, listener, flowTransport: 'tcp' })
  t.teardown(() => store.close())
  await store.open(seed)
  await server.stop()
  await until(() => seen.includes('lost'))
  store.putNode(state(1))
  await t.rejects(store.flush(20), { code: 'DATABASE_REFUSED' })
  t.equal(store.unwrittenCount, 1)
  // Once the server was asked again, its answer is why.
  let said = ''
  while (!said.includes('because'))
    await store.flush(20).catch((error: Error) => {
      said = error.message
    })
  t.match(said, /1 rows could not be written within 0\.02 s, because the server refused connections: .*ENOENT/)
})

t.test(
  'a server that died of a full disk: why it did is told, though its socket is gone',
  { skip: skipReason },
  async t => {
    const disk = join(temporaryFolder(t), 'disk')
    mkdirSync(disk)
    // Its own user has to reach its folder.
    chmodSync(dirname(disk), 0o755)
    const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
    const mount = 'mount -t tmpfs -o size=100m tmpfs "$0" && exec "$@"'
    const prefix = ['unshare', ...user, '--mount', 'sh', '-c', mount, disk]
    const child = startChild(t, '../full-database', [disk], { prefix })
    const { failure, warnings } = (await child.next()) as { failure: object; warnings: string[] }
    t.match(failure, {
      code: 'DATABASE_REFUSED',
      message: /1 rows could not be written .*because .*; it said last: (PANIC|FATAL): .*No space left on device/,
    })
    const told = /the private database server died \(.*; it said (PANIC|FATAL): .*No space left on device\)/
    t.ok(
      warnings.some(text => told.test(text)),
      JSON.stringify(warnings),
    )
    t.equal(await child.ended, 0)
  },
)

t.test('an external database that is down at the start is refused after a bounded wait, by name', async t => {
  const host = temporaryFolder(t)
  const db = { mode: 'external', user: 'pgusr', password: '', host, port: 5432, database: 'nextmini' } as const
  const options = {
    reset: true,
    folder: join(host, 'db'),
    keep: false,
    listener: listening().listener,
    onWarning: () => {},
  }
  const opening = openStore({ ...options, config: controllerConfig({ db }), connectDeadlineMs: 1000 })
  await t.rejects(opening, {
    code: 'DATABASE_REFUSED',
    facts: { target: `nextmini at ${host} as pgusr`, reason: /ENOENT/ },
  })
})

t.test('without server programs the store is in memory, and says that nothing is persisted', async t => {
  const folder = temporaryFolder(t)
  const options = {
    reset: true,
    folder: join(folder, 'db'),
    keep: false,
    listener: listening().listener,
    onWarning: () => {},
  }
  const { ready, store, close } = await openStore({
    ...options,
    config: controllerConfig({ routes: [[[1, 2]]] }),
    path: folder,
  })
  t.match(ready, { kind: 'database_ready', store: 'memory', persisted: false, reason: /PostgreSQL/ })
  t.equal(store.kind, 'memory')
  await close(0)
})

t.test('the data are gone after a stop unless they are to be kept', { skip: skipReason }, async t => {
  for (const keep of [false, true]) {
    const { server, folder } = privatePostgres(t, { keep, database: 'it\'s "one"' })
    await server.start()
    const family = familyOf(server.pid)
    t.ok(family.length > 3)
    await server.stop()
    t.notOk(family.some(isAlive))
    t.equal(existsSync(folder), keep)
  }
})

t.test('data that were made before are taken over, once and by the same user', { skip: skipReason }, async t => {
  const { server: maker, folder: template } = privatePostgres(t)
  await maker.makeTemplate()
  process.env[TEMPLATE_VARIABLE] = template
  t.teardown(() => delete process.env[TEMPLATE_VARIABLE])
  const made = statSync(join(template, 'data/PG_VERSION')).ino
  const inodeOf = async (changes: { readonly user?: string }): Promise<number> => {
    const { server, folder } = privatePostgres(t, changes)
    await server.start()
    const { ino } = statSync(join(folder, 'data/PG_VERSION'))
    await server.stop()
    return ino
  }
  t.not(await inodeOf({ user: 'another' }), made)
  t.equal(await inodeOf({}), made)
  t.not(await inodeOf({}), made, 'they are gone from there')
})

t.test('a folder whose path is too long for a socket works all the same', { skip: skipReason }, async t => {
  const { server } = privatePostgres(t, { folder: join(temporaryFolder(t), 'a'.repeat(100), 'db') })
  await server.start()
  const store = new PostgresStore({ target: server.target, listener: listening().listener, flowTransport: 'tcp' })
  t.teardown(() => store.close())
  t.equal((await store.open(seed)).routes.size, 1)
})

t.test('one that is not wanted any more while its data are made is not waited for', { skip: skipReason }, async t => {
  const { server, folder } = privatePostgres(t)
  const abort = new AbortController()
  const isInitdb = (line: string): boolean => line.includes('/initdb')
  const begun = server.start(abort.signal)
  // What initdb writes first.
  await until(() => existsSync(join(folder, 'data')))
  process.kill(memberOf(process.pid, isInitdb), 'SIGSTOP')
  const reason = new Error('not wanted')
  abort.abort(reason)
  await t.rejects(begun, reason)
  t.notOk(existsSync(folder))
  t.throws(() => memberOf(process.pid, isInitdb))
  await t.rejects(server.start(abort.signal), reason)
})

t.test('programs that refuse are quoted', { skip: skipReason }, async t => {
  const { server } = privatePostgres(t, { user: 'pg_reserved' })
  await t.rejects(server.start(), {
    code: 'DATABASE_REFUSED',
    facts: { reason: /initdb ended with 1:.*pg_reserved/s },
  })
})

t.test('a killed controller leaves no database process and no shared memory', { skip: skipReason }, async t => {
  const folder = temporaryFolder(t)
  const config = join(folder, 'controller.toml')
  writeFileSync(config, 'port = 38417\ntopology = { type = "ring", ring_config = { n_nodes = 3 } }\n')
  const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
  const segments = readFileSync('/proc/sysvipc/shm', 'utf8')
  const args = ['--import', 'tsx', cli, 'controller', '--config', config, '--run-folder', folder]
  const controller = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => controller.kill('SIGKILL'))
  const line = await firstLine(controller.stderr)
  t.match(line, /database_ready store=postgres persisted=true/)
  const server = familyOf(controller.pid as number).filter(pid => pid !== controller.pid)
  t.ok(server.length > 3)
  const ended = once(controller, 'exit')
  controller.kill('SIGKILL')
  await ended
  await until(() => !server.some(isAlive))
  t.equal(readFileSync('/proc/sysvipc/shm', 'utf8'), segments)
})

t.test('what the server programs share in memory is in the database folder', { skip: skipReason }, async t => {
  const { server, folder } = privatePostgres(t)
  await server.start()
  const mounts = readFileSync(`/proc/${memberOf(server.pid, line => line.includes('postgres'))}/mountinfo`, 'utf8')
  const root = mounts
    .split('\n')
    .map(line => line.split(' '))
    .filter(fields => fields[4] === '/dev/shm')
    .pop()?.[3]
  t.ok(root?.endsWith(`${basename(dirname(folder))}/db/shm`), `mounted from ${root}`)
})
