// Rows into a real PostgreSQL: each stored once, whatever becomes of the server or of the connection on the way.

import { createServer, type Socket } from 'node:net'
import pg from 'pg'
import t from 'tap'
import { PostgresClient } from '../../../src/dataplane/collector/postgres-client.ts'
import { PostgresPlace } from '../../../src/dataplane/collector/postgres-place.ts'
import { ask, cuttingProxy, openSink, start, stored, urlOf, whole } from '../../fixtures/collector-database.ts'
import { privatePostgres, skipReason, temporaryFolder } from '../../fixtures/private-postgres.ts'
import { batchOf, established, timeWait } from '../../fixtures/socket-rows.ts'

t.test('a collector and its database', { skip: skipReason }, async t => {
  const { server } = privatePostgres(t, { database: 'collected' })
  await server.start()
  const { target } = server

  t.test('every fact of a row and of an event is a column', async t => {
    const { sink, run } = await openSink(t, urlOf(target))
    sink.line({ is: 'netns', at_s: 5, mono_s: 2, netns: '5', inode: 6, name: 'a\tb\\', found_by: 'directory' })
    sink.line({ is: 'netns_gone', at_s: 6, mono_s: 3, netns: '5' })
    sink.line({
      is: 'blind',
      at_s: 1,
      mono_s: 2,
      unreadable_processes_count: 4,
      kinds: ['socket', 'process'],
      unopened_namespaces_count: 5,
      hidden_mounts_count: 6,
      unresolved_sockets_count: 7,
      unseen_namespaces_count: null,
      large_processes_count: 8,
      large_apart_s: 0.5,
    })
    sink.rows(batchOf(0, 1, { rows: [established, timeWait] }))
    sink.line({
      is: 'poll',
      poll: 1,
      at_s: 1_800_000_000.125,
      mono_s: 12.5,
      took_s: 0.25,
      first_of: '5',
      namespaces_count: 3,
      sockets_count: 2,
      dropped_count: 0,
      repeated_count: 6,
      incomplete_count: 7,
    })
    sink.line({ is: 'stop', at_s: 1_800_000_001, mono_s: 13, polls_count: 1 })
    await sink.close(30_000)
    t.same(sink.counts, { sent: 2, stored: 2, dropped: 0, refused: 0, pending: 0 })
    const sockets = await ask(target, `SELECT * FROM collect_sockets WHERE run = ${run} ORDER BY family`)
    const { tcp, ...facts } = established
    const big = { inode: String(facts.inode), uid: '1000', receive_queue_bytes: '7', send_queue_bytes: '8' }
    const tcpText = {
      rtt_s: tcp?.rtt_s,
      rtt_variance_s: tcp?.rtt_variance_s,
      congestion_window_count: '10',
      retransmits_count: '2',
      bytes_sent_bytes: '9007199254740991',
      bytes_received_bytes: '12',
      memory_bytes: '4096',
    }
    const at = new Date(1_800_000_000_125)
    t.same(sockets[0], { run, batch: '1', poll: '1', at, mono_s: 12.5, netns: '4097', ...facts, ...big, ...tcpText })
    t.match(sockets[1], { state: 'TIME_WAIT', src: '::ffff:10.0.0.1', dst: 'fe80::1', cgroup_id: null, rtt_s: null })
    t.match(await ask(target, `SELECT * FROM collect_namespaces WHERE run = ${run} ORDER BY at`), [
      { event: 'found', netns: '5', inode: '6', name: 'a\tb\\', found_by: 'directory', mono_s: 2 },
      { event: 'gone', netns: '5', inode: null, name: null },
    ])
    t.match(await ask(target, `SELECT * FROM collect_polls WHERE run = ${run}`), [
      { poll: '1', took_s: 0.25, first_of: '5', namespaces_count: 3, sockets_count: '2', incomplete_count: '7' },
    ])
    t.match(await ask(target, `SELECT * FROM collect_blind WHERE run = ${run}`), [
      {
        kinds: ['socket', 'process'],
        unopened_namespaces_count: 5,
        hidden_mounts_count: 6,
        unresolved_sockets_count: 7,
        unseen_namespaces_count: null,
        large_processes_count: 8,
        large_apart_s: 0.5,
      },
    ])
    t.match(await ask(target, `SELECT * FROM collect_runs WHERE run = ${run}`), [
      { run_id: 'a run', pid: 7, interval_s: 5, stopped_at: new Date(1_800_000_001_000), stopped_mono_s: 13 },
    ])
  })

  t.test('two collectors share the tables, each with a run of its own', async t => {
    const [one, other] = await Promise.all([openSink(t, urlOf(target)), openSink(t, urlOf(target))])
    t.not(one.run, other.run)
    one.sink.rows(batchOf(10))
    other.sink.rows(batchOf(20))
    await Promise.all([one.sink.close(30_000), other.sink.close(30_000)])
    t.same(await stored(target, one.run), whole(10))
    t.same(await stored(target, other.run), whole(20))
  })

  t.test('a connection that dies after COMMIT was sent, before it is answered: the batch is there once', async t => {
    const proxy = await cuttingProxy(t, target)
    const { sink, said, run } = await openSink(t, urlOf(target, { host: '127.0.0.1', port: proxy.port }))
    proxy.cutAnswer = bytes => bytes.includes('COMMIT\0')
    sink.rows(batchOf(5000))
    sink.rows(batchOf(1000, 5001))
    await sink.close(30_000)
    t.equal(proxy.cuts, 1)
    t.same(sink.counts, { sent: 6000, stored: 6000, dropped: 0, refused: 0, pending: 0 })
    t.same(await stored(target, run), whole(6000))
    t.match(said, [/collected at 127\.0\.0\.1:\d+ as pgusr: Connection terminated/, 'recovered'])
  })

  t.test('a connection that dies in the middle of COPY, or before COMMIT is sent: the batch is there once', async t => {
    const proxy = await cuttingProxy(t, target)
    const { sink, run } = await openSink(t, urlOf(target, { host: '127.0.0.1', port: proxy.port }))
    let passed = 0
    proxy.cutRequest = bytes => {
      passed += bytes.length
      return passed > 100_000
    }
    sink.rows(batchOf(4000))
    await new Promise<void>(resolve => {
      const look = (): void => void (proxy.cuts === 1 ? resolve() : setTimeout(look, 5))
      look()
    })
    proxy.cutRequest = bytes => bytes.includes('COMMIT\0')
    sink.rows(batchOf(4000, 4001))
    await sink.close(30_000)
    t.equal(proxy.cuts, 2)
    t.same(await stored(target, run), whole(8000))
  })

  t.test('a server that dies and comes back has every row once; wait holds back who has more', async t => {
    const { sink, run } = await openSink(t, urlOf(target))
    let waits = 0
    for (let poll = 0; poll < 60; poll++) {
      sink.rows(batchOf(500, poll * 500 + 1, { poll }))
      const room = sink.room()
      if (room !== null) waits++
      await room
      if (poll === 20) process.kill(server.pid, 'SIGKILL')
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    await sink.close(60_000)
    t.same(sink.counts, { sent: 30_000, stored: 30_000, dropped: 0, refused: 0, pending: 0 })
    t.same(await stored(target, run), whole(30_000))
    t.comment(`waited ${waits} times`)
    const batches = await ask(target, `SELECT sum(sockets_count) AS rows FROM collect_batches WHERE run = ${run}`)
    t.same(batches, [{ rows: '30000' }], 'two sources for one count')
  })

  t.test('drop: what finds no room while the server is away is counted, and nothing else is missing', async t => {
    const proxy = await cuttingProxy(t, target)
    const url = urlOf(target, { host: '127.0.0.1', port: proxy.port })
    const { sink, run } = await openSink(t, url, { whenFull: 'drop', limitBytes: 200_000 })
    proxy.isDown = true
    let taken = 0
    for (let poll = 0; poll < 40; poll++) {
      taken += sink.rows(batchOf(100, taken + 1, { poll }))
      t.equal(sink.room(), null)
    }
    t.ok(taken < 4000 && taken > 0)
    t.same(sink.counts, { sent: 4000, stored: 0, dropped: 4000 - taken, refused: 0, pending: taken })
    proxy.isDown = false
    await sink.close(30_000)
    t.same(sink.counts, { sent: 4000, stored: taken, dropped: 4000 - taken, refused: 0, pending: 0 })
    t.same(await stored(target, run), whole(taken))
  })

  t.test('a server that does not answer keeps nobody from ending, and is named', async t => {
    const { sink, run } = await openSink(t, urlOf(target))
    const other = new pg.Client({ ...target })
    await other.connect()
    t.teardown(() => other.end())
    await other.query('BEGIN; LOCK TABLE collect_sockets')
    sink.rows(batchOf(10))
    await t.rejects(sink.close(200), { code: 'DATABASE_REFUSED', facts: { reason: 'no answer for 0.2 s' } })
    t.same(sink.counts, { sent: 10, stored: 0, dropped: 10, refused: 0, pending: 0 })
    await other.query('ROLLBACK')
    t.same(await stored(target, run), { rows: '0', different: '0', sum: '0' })
  })

  t.test('tables of a newer nslab are refused', async t => {
    await ask(target, 'INSERT INTO collect_migrations (version) VALUES (1000)')
    t.teardown(() => ask(target, 'DELETE FROM collect_migrations WHERE version = 1000'))
    const refused = PostgresPlace.open({ url: urlOf(target), runId: null, connectDeadlineMs: 0, start })
    await t.rejects(refused, { code: 'DATABASE_REFUSED', facts: { reason: /version 1000/ } })
  })

  t.test('a role that may write to the tables and make none finds those that another has made', async t => {
    const place = await PostgresPlace.open({ url: urlOf(target), runId: null, connectDeadlineMs: 0, start })
    await place.close()
    await ask(target, "CREATE ROLE writer LOGIN PASSWORD 'w'")
    const writer = { ...target, user: 'writer', password: 'w' }
    const open = () => PostgresPlace.open({ url: urlOf(writer), runId: null, connectDeadlineMs: 0, start })
    await t.rejects(open(), { code: 'DATABASE_REFUSED', facts: { code: '42501' }, hint: /grant this role/ })
    await ask(target, 'GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO writer')
    await ask(target, 'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO writer')
    const granted = await open()
    t.equal(granted.run, place.run + 1)
    await granted.close()
  })

  t.test('a database that is not there, and a name that is none, are refused at once', async t => {
    const open = (url: string) => PostgresPlace.open({ url, runId: null, connectDeadlineMs: 60_000, start })
    const absent = { ...target, database: 'absent' }
    await t.rejects(open(urlOf(absent)), { code: 'DATABASE_REFUSED', facts: { reason: /"absent" does not exist/ } })
    await t.rejects(open('postgres://[::bad/db'), { code: 'USAGE' })
  })
})

t.test('a server that refuses is named without the password', async t => {
  const folder = temporaryFolder(t)
  const url = `postgres://user:secret@/db?host=${encodeURIComponent(folder)}`
  const refused = PostgresPlace.open({ url, runId: null, connectDeadlineMs: 0, start })
  const error = await refused.catch(error => error as Error)
  t.match(error, { code: 'DATABASE_REFUSED', facts: { target: `db at ${folder} as user` } })
  t.notMatch(JSON.stringify(error), 'secret')
})

t.test('a server that takes connections and says nothing holds nobody who gives up', async t => {
  const taken: Socket[] = []
  const server = createServer(socket => taken.push(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of taken) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const end = new AbortController()
  server.once('connection', () => end.abort())
  const connecting = PostgresClient.connect(`postgres://me@127.0.0.1:${port}/db`, end.signal)
  await t.rejects(connecting, { code: 'DATABASE_REFUSED', message: /^(?!.*timeout)/ })
})
