// nslab collect into a real PostgreSQL, row by row against its own figures, while its server is killed on the way.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import t from 'tap'
import { askCollector } from '../../../src/dataplane/collector/control.ts'
import { Collecting, populate } from '../../fixtures/collecting.ts'
import { isApart } from '../../fixtures/netns-holder.ts'
import { privatePostgres, skipReason } from '../../fixtures/private-postgres.ts'

/** Polls whose rows in the database are others than the collector says, with both numbers. */
const UNEQUAL = `
  SELECT p.poll, p.sockets_count - p.dropped_count AS said, count(s.poll) AS stored
  FROM collect_polls p LEFT JOIN collect_sockets s ON s.run = p.run AND s.poll = p.poll
  GROUP BY p.poll, said HAVING p.sockets_count - p.dropped_count <> count(s.poll)`

const DOUBLED = `
  SELECT poll, cookie, src_port, count(*) FROM collect_sockets GROUP BY poll, cookie, src_port HAVING count(*) > 1`

function tests(): void {
  t.test('every row is in the database once, though its server dies twice', { skip: skipReason }, async t => {
    const connections = [30, 60]
    const netns = await Promise.all(connections.map((count, at) => populate(t, 2000 + at, count)))
    const { server } = privatePostgres(t, { database: 'collected' })
    await server.start()
    const { user, host, port, database } = server.target
    const url = `postgres://${user}:any@/${database}?host=${encodeURIComponent(host)}&port=${port}`
    const control = join(t.testdir({}), 'c')
    const args = ['--sink', url, '--interval', '20ms', '--run-id', 'a run', '--control', control]
    const collecting = new Collecting(t, args)
    await collecting.says(/collecting/)
    const status = async () => {
      const answer = await askCollector(control, { do: 'status' })
      if (answer.is !== 'status') throw new Error(answer.is)
      return answer.status
    }
    const storesMore = async () => {
      const { stored } = (await status()).rows
      while ((await status()).rows.stored < stored + 2000) await sleep(20)
    }
    for (let deaths = 0; deaths < 2; deaths++) {
      await storesMore()
      const { pid } = server
      process.kill(pid, 'SIGKILL')
      while (server.pid === pid) await sleep(20)
    }
    await storesMore()
    const { rows } = await status()
    t.equal(rows.sent, rows.stored + rows.dropped + rows.pending)
    collecting.child.kill('SIGTERM')
    t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)

    const client = new pg.Client({ ...server.target })
    await client.connect()
    t.teardown(() => client.end())
    const ask = async (text: string) => (await client.query(text)).rows
    t.same(await ask(UNEQUAL), [])
    t.same(await ask(DOUBLED), [])
    t.match(await ask('SELECT run_id, stopped_at IS NOT NULL AS stopped FROM collect_runs'), [
      { run_id: 'a run', stopped: true },
    ])
    const [sums] = await ask(`SELECT (SELECT sum(sockets_count) FROM collect_polls) AS said,
      (SELECT sum(sockets_count) FROM collect_batches) AS in_batches, (SELECT count(*) FROM collect_sockets) AS stored`)
    t.same([sums.said, sums.in_batches], [sums.stored, sums.stored])
    for (const [at, { cookie, port }] of netns.entries()) {
      const found = await ask(`SELECT event FROM collect_namespaces WHERE netns = '${cookie}'`)
      t.same(found, [{ event: 'found' }])
      const [last] = await ask(`SELECT count(*) FROM collect_sockets WHERE netns = '${cookie}' AND poll =
        (SELECT max(poll) FROM collect_polls WHERE first_of IS NULL) AND ${port} IN (src_port, dst_port)`)
      t.equal(last.count, String(2 * (connections[at] ?? 0) + 1))
    }
  })
}

if (isApart(fileURLToPath(import.meta.url))) tests()
