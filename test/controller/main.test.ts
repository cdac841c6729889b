// The whole controller in this process: its beginning, its end, and what happens where it can't go on.

import { existsSync } from 'node:fs'

import { join } from 'node:path'

import t from 'tap'

import { isResetAsked } from '../../src/controller/store.ts'
import { ControlClient, until } from '../fixtures/control-client.ts'
import { startUp } from '../fixtures/controller.ts'
import { startController as start } from '../fixtures/controller-program.ts'
import { privatePostgres, skipReason } from '../fixtures/private-postgres.ts'

t.test('a run: ready, nodes join and are counted, a row changes, the end', { skip: skipReason }, async t => {
  const bench = await start(t, { routes: [[[1, 2]]] })
  const { port } = await bench.event('listening')
  t.equal((await bench.notice('ready')).pid, process.pid)
  t.same(
    bench.notices.flatMap(notice => (notice.is === 'events' ? notice.events.map(event => event.kind) : notice.is)),
    ['database_ready', 'listening', 'ready'],
  )
  const database = await bench.event('database_ready')
  t.match(database, { store: 'postgres', persisted: true, from: 'controller', pid: Number })
  const clients = await Promise.all([1, 2, 3].map(() => ControlClient.open(port)))
  for (const [at, client] of clients.entries()) client.send(startUp(at + 1))
  t.match((await clients[0]?.nextOf('InstallRoutes'))?.routes, [{ route_id: 1, next_hops: [2] }])
  await bench.event('flows_sent')
  bench.channel.send({ do: 'missing' })
  t.same(await bench.notice('missing'), { is: 'missing', not_connected: [], not_ready: [1, 2, 3] })

  const { default: pg } = await import('pg')
  const client = new pg.Client({ host: bench.folder, user: 'pgusr', database: 'nextmini' })
  await client.connect()
  await until(async () => (await client.query('SELECT COUNT(*) FROM nodes')).rows[0].count === '3')
  await client.query(`INSERT INTO routes (src_node_id, dst_node_id, edges) VALUES (2, 1, '[[2, 1]]')`)
  const again = await clients[0]?.nextOf('InstallRoutes')
  t.match(again?.routes, [{ route_id: 1 }, { route_id: 2, next_hops: [1] }])
  await client.end()

  bench.channel.send({ do: 'stop', deadline_s: 20 })
  t.match(await bench.end, { facts: { rows_unwritten_count: 0 }, remaining: [] })
  t.match(await bench.notice('stopped'), { facts: { rows_unwritten_count: 0 } })
  t.equal((await clients[0]?.closed())?.code, 1001)
  t.notOk(existsSync(bench.folder))
})

t.test('one that is told to end while its database is made ends without it', { skip: skipReason }, async t => {
  const bench = await start(t)
  await until(() => existsSync(join(bench.folder, 'data')))
  bench.channel.send({ do: 'stop', deadline_s: 20 })
  t.same(await bench.end, { facts: {}, remaining: [] })
  t.notOk(bench.notices.some(notice => notice.is === 'ready' || notice.is === 'failed'))
  t.notOk(existsSync(bench.folder))
})

t.test('a database that does not answer is not waited for by one that is told to end', async t => {
  const db = { mode: 'external', user: 'u', password: '', database: 'd', host: '127.0.0.1', port: 1 } as const
  const startedMs = performance.now()
  const bench = await start(t, { db })
  bench.channel.send({ do: 'stop', deadline_s: 20 })
  t.same(await bench.end, { facts: {}, remaining: [] })
  t.ok(performance.now() - startedMs < 9_000, 'sooner than it gives up')
})

t.test('a deadline names the ids that are missing', { skip: skipReason }, async t => {
  const bench = await start(t, {}, 0.05)
  t.match(await bench.end, { code: 'DEADLINE', facts: { missing: [1, 2, 3], notConnected: [1, 2, 3], notReady: [] } })
  t.match(await bench.notice('failed'), { code: 'DEADLINE', exit_code: 4 })
})

t.test(
  'a channel that ends stops the controller, and a port in use ends it before it is ready',
  { skip: skipReason },
  async t => {
    const { server } = privatePostgres(t)
    await server.start()
    const db = { mode: 'external', ...server.target } as const
    const first = await start(t, { db })
    const { port } = await first.event('listening')
    const second = await start(t, { db, port })
    t.match(await second.end, { code: 'KERNEL_REFUSED', facts: { errno: 'EADDRINUSE' } })
    t.match(await second.notice('failed'), { exit_code: 6 })
    t.notOk(second.notices.some(notice => notice.is === 'ready'))
    await first.channel.close()
    t.match(await first.end, { remaining: [] })
  },
)

t.test('CONTROLLER_RESET_DB resets where it is unset or says so', async t => {
  for (const value of [undefined, '1', 'true', 'YES']) t.equal(isResetAsked(value), true)
  for (const value of ['', '0', 'false', 'no', 'on']) t.equal(isResetAsked(value), false)
})
