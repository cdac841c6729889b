// Namespaces of a churn with tables of TCP connections of their own: the kernel says whose table each has.

import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { run } from '../../../src/base/exec.ts'
import { NETNS_KINDS } from '../../../src/config/churn.ts'
import type { ConnectionTable } from '../../../src/protocol/churning.ts'
import { churnSpec } from '../../fixtures/churn.ts'
import { ChurnProcess, drop, make, shown } from '../../fixtures/churn-process.ts'

t.setTimeout(180_000)

const DEADLINE_MS = 60_000
const SETTING = '/proc/sys/net/ipv4/tcp_child_ehash_entries'

/** Places of the namespace's own table; below 0: it shares another's, with so many. */
async function tableOf(path: string): Promise<number> {
  const words = [`--net=${path}`, 'cat', '/proc/sys/net/ipv4/tcp_ehash_entries']
  return Number((await run('nsenter', words, { timeoutMs: DEADLINE_MS })).stdout)
}

/** Each kind that has a path, then one whose number was that of another. */
function churnWith(t: Test, connectionTable: ConnectionTable, options = {}): ChurnProcess {
  const kinds = NETNS_KINDS.filter(kind => kind !== 'socket')
  const operations = [
    make(1, 1, { kind: 'descriptor', fill: true }),
    ...kinds.map((kind, index) => make(index + 2, index + 2, { kind, fill: true })),
    drop(8, 1),
    make(9, 9, { kind: 'descriptor', fault: 'inode_reuse', due_s: 3 }),
  ]
  return new ChurnProcess(t, { spec: churnSpec({ connectionTable }), seed: 1, duration_s: 1, operations }, options)
}

for (const connectionTable of ['own', 'shared'] as const) {
  t.test(`with "${connectionTable}" each namespace has that table, and its end is seen`, async t => {
    const before = readFileSync(SETTING, 'utf8')
    const churn = await churnWith(t, connectionTable).ready()
    await churn.fill()
    churn.send({ do: 'churn' })
    await churn.holds('one made later', () => churn.made.length === 7)
    const living = churn.made.filter(({ id }) => id !== 1)
    for (const { inode, kind } of living) {
      const entries = await tableOf(churn.pathOf(inode) as string)
      if (connectionTable === 'own') t.equal(entries, 1024, kind)
      else t.ok(entries < 0, `${kind}: ${entries}`)
    }
    t.equal(readFileSync(SETTING, 'utf8'), before, 'the setting of the namespace that the program is in is untouched')
    t.same(await churn.drain(), [])
    t.same(churn.failed, [])
    t.equal(churn.dropped.length, 7)
    t.ok(
      churn.dropped.every(({ gone_s }) => gone_s !== null),
      'the witness was told of each',
    )
    t.notOk(churn.notices.some(({ is }) => is === 'warning'))
  })
}

t.test('a table has room for every connection that is to stay in TIME_WAIT', async t => {
  const sockets = { pairs: 0, short: 0, halfClosed: 0, timeWait: 700, listeners: 1, families: [4] as const }
  const operations = [make(1, 1, { kind: 'descriptor', fill: true })]
  const spec = churnSpec({ sockets, connectionTable: 'own' })
  const churn = await new ChurnProcess(t, { spec, seed: 1, duration_s: 1, operations }).ready()
  await churn.fill()
  const path = churn.pathOf(churn.made[0]?.inode ?? 0) as string
  t.equal(await tableOf(path), 2048)
  t.equal((await shown(path)).filter(line => line.startsWith('TIME-WAIT')).length, 700)
  t.same(await churn.drain(), [])
})

t.test('a kernel without such tables is told of, and the churn goes on in the shared one', async t => {
  // In the program's own mount namespace the setting is hidden.
  const prefix = ['sh', '-c', 'mount -t tmpfs none /proc/sys/net/ipv4 && exec "$@"', 'sh']
  const churn = await churnWith(t, 'own', { prefix }).ready()
  t.match(churn.notices, [{ is: 'warning', text: /no net\.ipv4\.tcp_child_ehash_entries/ }])
  await churn.fill()
  const [made] = churn.made
  t.ok((await tableOf(churn.pathOf(made?.inode ?? 0) as string)) < 0)
  t.same(await churn.drain(), [])
})
