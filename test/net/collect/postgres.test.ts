// nslab collect into a real PostgreSQL, row by row against its own figures, while its server is killed on the way.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { askCollector } from '../../../src/dataplane/collector/control.ts'
import { Collecting, populate } from '../../fixtures/collecting.ts'
import { ask, urlOf } from '../../fixtures/collector-database.ts'
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
    const control = join(t.testdir({}), 'c')
    const args = ['--sink', urlOf(server.target), '--interval', '20ms', '--run-id', 'a run', '--control', control]
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

    t.same(await ask(server.target, UNEQUAL), [])
    t.same(await ask(server.target, DOUBLED), [])
    t.match(await ask(server.target, 'SELECT run_id, stopped_at IS NOT NULL AS stopped FROM collect_runs'), [
      { run_id: 'a run', stopped: true },
    ])
    const [sums] = await ask(
      server.target,
      `SELECT (SELECT sum(sockets_count) FROM collect_polls) AS said,
      (SELECT sum(sockets_count) FROM collect_batches) AS in_batches, (SELECT count(*) FROM collect_sockets) AS stored`,
    )
    t.same([sums?.said, sums?.in_batches], [sums?.stored, sums?.stored])
    for (const [at, { cookie, port }] of netns.entries()) {
      const found = await ask(server.target, `SELECT event FROM collect_namespaces WHERE netns = '${cookie}'`)
      t.same(found, [{ event: 'found' }])
      const [last] = await ask(
        server.target,
        `SELECT count(*) FROM collect_sockets WHERE netns = '${cookie}' AND poll =
        (SELECT max(poll) FROM collect_polls WHERE first_of IS NULL) AND ${port} IN (src_port, dst_port)`,
      )
      t.equal(last?.count, String(2 * (connections[at] ?? 0) + 1))
    }
  })

  t.test('a row that the database never takes holds no poll up, and is told of', { skip: skipReason }, async t => {
    const { port } = await populate(t, 2002, 5)
    const { server } = privatePostgres(t, { database: 'collected' })
    await server.start()
    const control = join(t.testdir({}), 'c')
    const args = ['--interval', '50ms', '--control', control]
    const collecting = new Collecting(t, ['--sink', urlOf(server.target), ...args])
    await collecting.says(/collecting/)
    const status = async () => {
      const answer = await askCollector(control, { do: 'status' })
      if (answer.is !== 'status') throw new Error(answer.is)
      return answer.status
    }
    await ask(
      server.target,
      `ALTER TABLE collect_sockets ADD CHECK (state <> 'LISTEN' OR src_port <> ${port}) NOT VALID`,
    )
    await collecting.says(/refuses what no repetition mends/)
    const { refused, stored } = (await status()).rows
    while ((await status()).rows.refused < refused + 5 || (await status()).rows.stored < stored + 50) await sleep(20)
    collecting.child.kill('SIGTERM')
    t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    t.match(collecting.stderr, /refused \d+ rows and 0 lines .* in all: .*check constraint.*are not as nslab made them/)
    t.same(await ask(server.target, DOUBLED), [])
    const lost = await ask(server.target, `SELECT DISTINCT said - stored AS lost FROM (${UNEQUAL}) AS unequal`)
    t.same(lost, [{ lost: '1' }], 'of each poll since then one row')
  })
}

if (isApart(fileURLToPath(import.meta.url))) tests()
