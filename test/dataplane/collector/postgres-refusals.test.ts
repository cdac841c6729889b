// What PostgreSQL will never take: tables that take no row at all are told of at the start, rows that they refuse while
// it runs are left out and counted, and all others are stored once.

import pg from 'pg'
import t from 'tap'
import { PostgresPlace } from '../../../src/dataplane/collector/postgres-place.ts'
import { Intake } from '../../../src/lab/soak/intake.ts'
import { readBatch, readBatches } from '../../../src/lab/soak/stored-lines.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'
import { ask, cuttingProxy, openSink, start, stored, urlOf, whole } from '../../fixtures/collector-database.ts'
import { until } from '../../fixtures/control-client.ts'
import { privatePostgres, skipReason } from '../../fixtures/private-postgres.ts'
import { batchOf } from '../../fixtures/socket-rows.ts'

const netns = (name: string) =>
  ({ is: 'netns', at_s: 5, mono_s: 2, netns: '5', inode: 6, name, found_by: 'directory' }) as const

const poll = { is: 'poll', poll: 1, at_s: 5, mono_s: 2, took_s: 1, first_of: null, namespaces_count: 1 } as const
const none = { dropped_count: 0, repeated_count: 0, incomplete_count: 0 }

t.test('what a database never takes', { skip: skipReason }, async t => {
  const { server } = privatePostgres(t, { database: 'collected' })
  await server.start()

  let databases = 0
  /** A database of its own for each test, with the collector's tables. */
  const database = async (options = '') => {
    const target = { ...server.target, database: `d${++databases}` }
    await ask(server.target, `CREATE DATABASE ${target.database} TEMPLATE template0 ${options}`)
    return { target, open: () => PostgresPlace.open({ url: urlOf(target), runId: null, connectDeadlineMs: 0, start }) }
  }

  t.test('an encoding without all letters is refused at the start, one that takes all bytes is not', async t => {
    const latin = await database("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    const hint = /createdb -E UTF8/
    await t.rejects(latin.open(), { code: 'DATABASE_REFUSED', facts: { code: '22P05', reason: /"LATIN1"/ }, hint })
    t.same(await ask(latin.target, 'SELECT * FROM collect_runs'), [], 'no run was booked')
    const ascii = await database("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    const { sink, said } = await openSink(t, urlOf(ascii.target))
    sink.line(netns('wörter ☃'))
    await sink.close(30_000)
    t.same(said, [])
    t.match(await ask(ascii.target, 'SELECT name FROM collect_namespaces'), [{ name: 'wörter ☃' }])
  })

  for (const [what, change, facts] of [
    [
      'a narrower type',
      'ALTER TABLE collect_sockets ALTER cookie TYPE BIGINT',
      { code: '22003', reason: /column cookie/ },
    ],
    ['a constraint', 'ALTER TABLE collect_sockets ADD CHECK (src_port < 9999)', { code: '23514' }],
    ['a column that must be filled', 'ALTER TABLE collect_polls ADD site TEXT NOT NULL', { code: '23502' }],
    ['a column that is gone', 'ALTER TABLE collect_blind DROP kinds', { code: '42703', reason: /"kinds"/ }],
    ['a table that is gone', 'DROP TABLE collect_namespaces', { code: '42P01', reason: /"collect_namespaces"/ }],
    [
      'a trigger',
      `CREATE FUNCTION no() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN RAISE 'not here'; END $$;
      CREATE TRIGGER no BEFORE INSERT ON collect_polls FOR EACH ROW EXECUTE FUNCTION no()`,
      { code: 'P0001' },
    ],
  ] as const)
    t.test(`tables with ${what} are refused at the start, and nothing is left behind`, async t => {
      const { target, open } = await database()
      await (await open()).close()
      await ask(target, change)
      const hint = 'Its tables are not as nslab made them: undo that, or name another database.'
      await t.rejects(open(), { code: 'DATABASE_REFUSED', facts, hint })
      t.match(await ask(target, 'SELECT count(*) AS runs FROM collect_runs'), [{ runs: '1' }])
    })

  t.test('a table that somebody has locked is told of at the start, and not waited for', async t => {
    const { target, open } = await database()
    await (await open()).close()
    const other = new pg.Client({ ...target })
    await other.connect()
    t.teardown(() => other.end())
    await other.query('BEGIN; LOCK TABLE collect_sockets')
    await t.rejects(open(), { code: 'DATABASE_REFUSED', facts: { code: '55P03' }, hint: /lock on its tables/ })
  })

  t.test('rows that are refused are left out, all others are there once, and judged as lost', async t => {
    const { target } = await database()
    const { sink, said, run } = await openSink(t, urlOf(target))
    await ask(target, 'ALTER TABLE collect_sockets ADD CHECK (cookie NOT IN (1, 777, 778, 3000))')
    sink.line(netns('one with a \0 in it'))
    sink.line(netns('another'))
    sink.rows(batchOf(3000))
    sink.line({ ...poll, ...none, sockets_count: 3000 })
    await sink.close(30_000)
    t.same(sink.counts, { sent: 3000, stored: 2996, dropped: 0, refused: 4, pending: 0 })
    t.equal(sink.linesRefused, 1)
    const sum = String((3000 * 3001) / 2 - 1 - 777 - 778 - 3000)
    t.same(await stored(target, run), { rows: '2996', different: '2996', sum })
    t.same(await ask(target, 'SELECT name FROM collect_namespaces'), [{ name: 'another' }])
    t.same(await ask(target, 'SELECT sum(sockets_count) AS rows FROM collect_batches'), [{ rows: '2996' }])
    t.match(said, [/^\d rows, 1 lines: .*(0x00|check constraint)/])

    const client = new pg.Client({ ...target })
    await client.connect()
    t.teardown(() => client.end())
    const lines: ObservedLine[] = []
    const intake = new Intake({ originS: 0, nowS: () => 0, emit: line => lines.push(line) })
    for (const batch of await readBatches(client, { run: 0, batch: 0 }))
      for (const line of await readBatch(client, batch)) intake.take(line)
    t.match(lines.at(-1), { rows_sent_count: 3000, rows_stored_count: 2996, rows_dropped_count: 0 })
  })

  t.test('a load of which every row is refused holds nothing up', async t => {
    const { target } = await database()
    const { sink, said, run } = await openSink(t, urlOf(target))
    await ask(target, 'ALTER TABLE collect_sockets ADD site TEXT NOT NULL')
    sink.rows(batchOf(1000))
    await until(() => sink.counts.refused === 1000)
    await ask(target, 'ALTER TABLE collect_sockets DROP site')
    sink.rows(batchOf(500))
    await sink.close(30_000)
    t.same(await stored(target, run), whole(500))
    t.match(said, [/^1000 rows, 0 lines: .*null value in column "site"/])
  })

  t.test('a constraint that waits for COMMIT names its row all the same', async t => {
    const { target } = await database()
    const { sink } = await openSink(t, urlOf(target))
    await ask(target, 'ALTER TABLE collect_sockets ADD UNIQUE (cookie) DEFERRABLE INITIALLY DEFERRED')
    sink.rows(batchOf(100))
    sink.rows(batchOf(2, 100))
    await sink.close(30_000)
    t.same(sink.counts, { sent: 102, stored: 101, dropped: 0, refused: 1, pending: 0 })
  })

  t.test('a connection that dies after COMMIT of what was left: it is there once, and counted once', async t => {
    const { target } = await database()
    const proxy = await cuttingProxy(t, target)
    const { sink, said, run } = await openSink(t, urlOf(target, { host: '127.0.0.1', port: proxy.port }))
    await ask(target, 'ALTER TABLE collect_sockets ADD CHECK (cookie <= 1000)')
    proxy.cutAnswer = bytes => bytes.includes('COMMIT\0')
    sink.rows(batchOf(1010))
    await sink.close(30_000)
    t.equal(proxy.cuts, 1)
    t.same(sink.counts, { sent: 1010, stored: 1000, dropped: 0, refused: 10, pending: 0 })
    t.same(await stored(target, run), whole(1000))
    t.match(said, [/Connection terminated/, /^10 rows, 0 lines/, 'recovered'])
  })

  for (const [what, away, back] of [
    ['is renamed', 'ALTER TABLE collect_sockets RENAME TO kept', 'ALTER TABLE kept RENAME TO collect_sockets'],
    [
      'may not be written to',
      'REVOKE INSERT ON collect_sockets FROM owner',
      'GRANT INSERT ON collect_sockets TO owner',
    ],
  ] as const)
    t.test(`a table that ${what} while it runs is waited for: what is collected is there once it is back`, async t => {
      const { target } = await database()
      await ask(
        target,
        "DROP ROLE IF EXISTS owner; CREATE ROLE owner LOGIN PASSWORD 'w'; GRANT ALL ON SCHEMA public TO owner",
      )
      const { sink, said, run } = await openSink(t, urlOf({ ...target, user: 'owner' }))
      await ask(target, away)
      sink.rows(batchOf(10))
      await until(() => said.length > 0)
      t.same(sink.counts, { sent: 10, stored: 0, dropped: 0, refused: 0, pending: 10 })
      await ask(target, back)
      await sink.close(30_000)
      t.same(await stored(target, run), whole(10))
      t.match(said, [/collect_sockets/, 'recovered'])
      await ask(target, 'DROP OWNED BY owner')
    })
})
