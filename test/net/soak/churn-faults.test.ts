// The faults that a churn puts in, and what the kernel refuses it.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { run } from '../../../src/base/exec.ts'
import type { Operation } from '../../../src/protocol/churn.ts'
import { churnSpec, fewSockets } from '../../fixtures/churn.ts'
import { ChurnProcess, drop, make } from '../../fixtures/churn-process.ts'

t.setTimeout(180_000)

const noSockets = { pairs: 0, short: 0, halfClosed: 0, timeWait: 0, listeners: 0, families: [4] as const }
const task = (operations: readonly Operation[], sockets: typeof noSockets | typeof fewSockets = noSockets) => ({
  spec: churnSpec({ sockets }),
  seed: 1,
  duration_s: 1,
  operations,
})

t.test('a name is made again at once, for another namespace', async t => {
  const operations = [make(1, 1, { fill: true }), drop(2, 1, 0.01), make(3, 2, { name: 'n1', due_s: 0.01 })]
  const churn = await new ChurnProcess(t, task(operations)).ready()
  await churn.fill()
  churn.send({ do: 'churn' })
  await churn.holds('both', () => churn.made.length === 2 && churn.dropped.length === 1)
  const [first, second] = churn.made
  t.same([first?.name, second?.name], ['n1', 'n1'])
  t.not(first?.cookie, second?.cookie)
  t.same(churn.holders(second?.inode as number).mounts, ['/run/netns/n1'])
  t.ok((second?.asked_s as number) >= (churn.dropped[0]?.returned_s as number), 'after it was free')
})

t.test('an inode number is used again, of a namespace that is gone', async t => {
  // Many: the kernel gives the lowest number that is free, and other programs of the machine free and take some, too.
  const count = 150
  const ids = Array.from({ length: count }, (_, at) => at + 1)
  const fills = ids.map(id => make(id, id, { kind: 'descriptor', fill: true }))
  const drops = ids.map(id => drop(count + id, id))
  const again = { kind: 'descriptor', fault: 'inode_reuse' } as const
  // Until one is met: the kernel frees them when it comes to that, on a busy machine long after they were dropped.
  const tries = Array.from({ length: 60 }, (_, at) => at + 1)
  const agains = tries.map(nth => make(2 * count + nth, count + nth, { ...again, due_s: 2 + nth / 2 }))
  const churn = await new ChurnProcess(t, task([...fills, ...drops, ...agains])).ready()
  await churn.fill()
  const before = new Map(churn.made.map(({ inode, cookie }) => [inode, cookie]))
  churn.send({ do: 'churn' })
  const isMet = (): boolean => churn.made.some(({ fault }) => fault === 'inode_reuse')
  const tried = (): number => churn.made.length + churn.failed.length - count
  await churn.holds('one met, or all tried', () => isMet() || tried() === tries.length)
  t.same(await churn.drain(), [])
  t.same(churn.failed, [])
  const met = churn.made.slice(count).filter(({ fault }) => fault === 'inode_reuse')
  for (const { inode, cookie } of met) {
    t.ok(before.has(inode), `${inode} was another's`)
    t.not(before.get(inode), cookie)
  }
  t.ok(met.length > 0, 'one was met')
  // Those made on the way are told: an observer may have found them.
  const unmet = churn.made.slice(count).filter(({ fault }) => fault === null)
  const passed = churn.lines.flatMap(line => (line.is === 'passed' ? line.cookies : []))
  t.ok(passed.length >= 63 * unmet.length, `${passed.length} made on the way, ${unmet.length} times in vain`)
  t.same(
    churn.made.filter(({ cookie }) => passed.includes(cookie)),
    [],
  )
})

t.test('a name is removed while a thread is inside', async t => {
  const operations = [make(1, 1, { fill: true, fault: 'remove_while_entered' }), drop(2, 1)]
  const churn = await new ChurnProcess(t, task(operations, fewSockets)).ready()
  await churn.fill()
  churn.send({ do: 'churn' })
  await churn.holds('dropped', () => churn.dropped.length === 1)
  const [{ asked_s, returned_s, gone_s }] = churn.dropped as [(typeof churn.dropped)[0]]
  t.ok(returned_s - asked_s >= 0.02, 'the thread stayed')
  // The kernel can't have removed it before the thread left, less what its word is off by.
  t.ok((gone_s as number) >= asked_s + 0.02)
  t.same(churn.failed, [])
})

t.test('a leader is dead, and another thread holds the namespace', async t => {
  const operations = [make(1, 1, { kind: 'thread', fault: 'leader_dead', fill: true }), drop(2, 1)]
  const churn = await new ChurnProcess(t, task(operations)).ready()
  await churn.fill()
  const [{ inode }] = churn.made as [(typeof churn.made)[0]]
  const { children, ...others } = churn.holders(inode)
  t.same(others, { mounts: [], threads: [], descriptors: [] })
  t.equal(children.length, 1)
  const [, pid, thread] = /^\/proc\/(\d+)\/task\/(\d+)\//.exec(children[0] as string) as unknown as [
    string,
    string,
    string,
  ]
  t.not(thread, pid, 'not by its leader')
  t.match(readFileSync(`/proc/${pid}/stat`, 'utf8'), /\) Z /)
  t.throws(() => readFileSync(`/proc/${pid}/ns/net`), 'whose namespace shows no more')
  churn.send({ do: 'churn' })
  await churn.holds('dropped', () => churn.dropped.length === 1)
  t.ok(churn.dropped[0]?.gone_s !== null)
})

t.test('what can not be done is told with its reason, and the rest goes on', async t => {
  const operations = [
    make(1, 1, { fill: true }),
    make(2, 2, { fill: true, name: 'n1' }),
    drop(3, 9),
    make(4, 3),
    drop(5, 2),
    drop(6, 1),
  ]
  const churn = await new ChurnProcess(t, task(operations)).ready()
  await churn.fill()
  t.match(churn.failed, [{ op: 2, id: 2, operation: /^open \/run\/netns\/n1 in /, reason: 'EEXIST' }])
  const inVain = churn.lines.flatMap(line => (line.is === 'passed' ? line : []))
  t.match(
    inVain,
    [{ op: 2, id: 2, cookies: [/^\d+$/] }],
    'its namespace was there for a moment, and may have been found',
  )
  churn.send({ do: 'churn' })
  await churn.holds('all', () => churn.dropped.length === 1 && churn.failed.length === 3 && churn.made.length === 2)
  t.match(
    churn.failed.slice(1).sort((a, b) => a.op - b.op),
    [
      { op: 3, id: 9, operation: /^drop/, reason: 'ENOENT' },
      { op: 5, id: 2, operation: /^drop/, reason: 'ENOENT' },
    ],
  )
  t.same(await churn.drain(), [])
  t.match(churn.lines.at(-1), { is: 'end', ops_count: 6 })
})

t.test('out of descriptors: makes fail, leave nothing behind, and work again afterwards', async t => {
  const kinds = ['named', 'mounted', 'process', 'thread', 'descriptor', 'socket'] as const
  const makes = Array.from({ length: 60 }, (_, at) =>
    make(at + 1, at + 1, { kind: kinds[at % 6] as (typeof kinds)[number], fill: true }),
  )
  const later = Array.from({ length: 12 }, (_, at) =>
    make(at + 61, at + 61, { kind: kinds[at % 6] as (typeof kinds)[number] }),
  )
  const sockets = { ...fewSockets, pairs: 20 }
  const churn = await new ChurnProcess(t, {
    spec: churnSpec({ sockets }),
    seed: 1,
    duration_s: 1,
    operations: [...makes, ...later],
  }).ready()
  const limit = (files: number) => run('prlimit', ['--pid', String(churn.pid), `--nofile=${files}:20000`])
  await limit(600)
  await churn.fill()
  t.equal(churn.made.length + churn.failed.length, 60)
  t.ok(churn.made.length > 5 && churn.failed.length > 5, `${churn.made.length} made`)
  t.same(new Set(churn.failed.map(({ reason }) => reason)), new Set(['EMFILE']))
  const alive = new Set(churn.made.map(({ name }) => name))
  for (const folder of ['/run/netns', '/run/elsewhere']) {
    const names = (await run('ls', [`/proc/${churn.pid}/root${folder}`])).stdout.split('\n').filter(Boolean)
    t.same(
      names.filter(name => !alive.has(name)),
      [],
      'no name of one that failed',
    )
  }
  await limit(20_000)
  churn.send({ do: 'churn' })
  await churn.holds('twelve more', () => churn.made.length + churn.failed.length === 72)
  t.equal(churn.made.filter(({ op }) => op > 60).length, 12)
  t.same(await churn.drain(), [])
  t.equal(churn.dropped.length, churn.made.length)
})

t.test('a spec that needs more descriptors than are allowed is refused with the numbers', async t => {
  const spec = churnSpec({ namespaces: 1000, sockets: { ...fewSockets, pairs: 100 } })
  const churn = new ChurnProcess(t, { spec, seed: 1, duration_s: 1 }, { prefix: ['prlimit', '--nofile=20000:20000'] })
  const { code, message, exit_code } = await churn.until('failed')
  t.match([code, exit_code], ['NOT_FIT', 3])
  t.match(message, /207192 are needed for 1000 namespaces.*20000 are allowed/)
  t.equal(await churn.ended, 3)
})
