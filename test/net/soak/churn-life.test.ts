// A churn by its schedule: its rate, what it says, how it ends, and what is left when it is killed.

import t from 'tap'
import { Random } from '../../../src/base/random.ts'
import { digestOf, scheduleOf } from '../../../src/lab/churn/schedule.ts'
import { churnSpec } from '../../fixtures/churn.ts'
import { ChurnProcess } from '../../fixtures/churn-process.ts'
import { untilEmpty } from '../../fixtures/nslab-process.ts'

t.setTimeout(300_000)

const seed = Number(process.env.NSLAB_SEED ?? 1)

t.test('every operation of the schedule is carried out, in time, and told', async t => {
  const spec = churnSpec({ namespaces: 30, ratePerS: 40, minLifeS: 0.5, faultIntervalS: 0.5 })
  const task = { spec, seed, duration_s: 4 }
  const operations = [...scheduleOf(spec, seed, 4)]
  const churn = await new ChurnProcess(t, task).ready()
  churn.send({ do: 'fill' })
  t.match(await churn.until('filled'), { namespaces_count: 30, failed_count: 0 })
  churn.send({ do: 'churn' })
  const last = operations.at(-1)?.op as number
  await churn.holds('the last operation', () => churn.lines.some(line => 'op' in line && line.op === last))
  t.same(await churn.drain(), [])
  t.match(churn.lines.at(-1), { is: 'end', ops_count: digestOf(operations).ops_count })

  const told = new Map(churn.lines.flatMap(line => ('op' in line && line.op > 0 ? [[line.op, line] as const] : [])))
  t.equal(told.size, operations.length)
  const beginS = (churn.lines.find(line => line.is === 'begin') as { t_s: number }).t_s
  for (const operation of operations) {
    const line = told.get(operation.op)
    if (line === undefined || line.is === 'failed') continue
    t.equal(line.is, operation.do === 'make' ? 'made' : 'dropped')
    if (line.is === 'made' && operation.do === 'make')
      t.match(line, { id: operation.id, kind: operation.kind, name: operation.name })
    // Where no inode number can be used again, the line says that the fault is not there.
    if (line.is === 'made' && operation.do === 'make' && line.fault !== operation.fault)
      t.same([operation.fault, line.fault], ['inode_reuse', null])
    if (line.is !== 'made' && line.is !== 'dropped') continue
    if (!('fill' in operation && operation.fill))
      t.ok(Math.abs(line.due_s - beginS - operation.due_s) < 1e-5, 'due when the schedule says')
    t.ok(line.asked_s >= line.due_s, 'never early')
  }
  t.same(churn.failed, [])
  t.equal(churn.dropped.length, churn.made.length, 'what was made is dropped')
  t.ok(
    churn.dropped.every(({ gone_s }) => gone_s !== null),
    'and gone',
  )
  t.ok(
    churn.dropped.some(({ op }) => op === 0),
    'the last of them by draining',
  )
  churn.send({ do: 'stop', deadline_s: 10 })
  t.match(await churn.until('stopped'), { remaining: [], facts: { ops_count: last } })
  t.equal(await churn.ended, 0)
})

t.test('operations that come late are told so, and none is left out', async t => {
  const spec = churnSpec({ namespaces: 10, ratePerS: 50, minLifeS: 0.1, faults: [] })
  const churn = await new ChurnProcess(t, { spec, seed, duration_s: 4 }).ready()
  await churn.fill()
  churn.send({ do: 'churn' })
  await churn.line(line => line.is === 'dropped')
  churn.kill('SIGSTOP')
  await new Promise(resolve => setTimeout(resolve, 1000))
  churn.kill('SIGCONT')
  await churn.holds('the last', () => churn.lines.some(line => 'op' in line && line.op === 210))
  const late = churn.lines.flatMap(line => ('asked_s' in line ? [line.asked_s - line.due_s] : []))
  t.ok(Math.max(...late) > 0.8, `at most ${Math.max(...late)} s`)
  t.ok(late.filter(lateness => lateness > 0.1).length > 20, 'all that were due meanwhile')
  t.same(await churn.drain(), [])
  t.match(churn.lines.at(-1), { is: 'end', ops_count: 210 })
  t.same(churn.failed, [])
})

t.test('a schedule in the midst of which it is drained ends with what was due', async t => {
  const spec = churnSpec({ namespaces: 10, ratePerS: 100, minLifeS: 0.1, faults: [] })
  const churn = await new ChurnProcess(t, { spec, seed, duration_s: 3600 }).ready()
  await churn.fill()
  churn.send({ do: 'churn' })
  await churn.line(line => 'op' in line && line.op === 60)
  t.same(await churn.drain(), [])
  const end = churn.lines.at(-1)
  const ops = new Set(churn.lines.flatMap(line => ('op' in line && line.op > 0 ? [line.op] : [])))
  t.match(end, { is: 'end', ops_count: ops.size })
  t.equal(Math.max(...ops), ops.size, 'none of them is missing')
})

t.test('namespaces that are gone do not count against a limit: none is leaked', async t => {
  // 200 are dropped; a limit that a quarter of them would meet.
  const limit = 60
  // Without the one that makes dozens on the way.
  const faults = ['same_name', 'remove_while_entered', 'leader_dead'] as const
  const spec = churnSpec({ namespaces: 10, ratePerS: 40, minLifeS: 0.2, faultIntervalS: 1, faults })
  // The way back to a network namespace of another user namespace is closed: it gets one of its own.
  const unshare = ['--user', '--map-root-user', '--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child']
  const prefix = ['sh', '-c', `echo ${limit} > /proc/sys/user/max_net_namespaces && exec "$@"`, 'sh']
  const own = process.getuid?.() === 0 ? { unshare, prefix } : { prefix }
  const churn = await new ChurnProcess(t, { spec, seed, duration_s: 10 }, own).ready()
  await churn.fill()
  churn.send({ do: 'churn' })
  await churn.holds('the last', () => churn.lines.some(line => 'op' in line && line.op === 410))
  t.same(await churn.drain(), [])
  t.ok(churn.dropped.length > 150, `${churn.dropped.length} dropped`)
  t.same(
    churn.failed.filter(({ reason }) => reason === 'ENOSPC'),
    [],
  )
})

for (const round of [1, 2, 3]) {
  t.test(`killed at any moment it leaves no process (seed ${seed}, round ${round})`, async t => {
    const kinds = { named: 1, mounted: 1, process: 3, thread: 1, descriptor: 1, socket: 1 }
    const spec = churnSpec({ namespaces: 60, ratePerS: 200, minLifeS: 0.1, faultIntervalS: 0.2, kinds })
    // No process namespace of its own, whose end would end them all.
    const churn = await new ChurnProcess(t, { spec, seed, duration_s: 60 }, { unshare: ['--mount'] }).ready()
    churn.remember()
    churn.send({ do: 'fill' })
    const atLine = 20 + new Random(seed * 100 + round).below(200)
    await churn.until('filled')
    t.ok(churn.processes().length > 10, `${churn.processes().length} processes`)
    churn.send({ do: 'churn' })
    await churn.holds(`line ${atLine}`, () => churn.lines.length > atLine)
    churn.kill('SIGKILL')
    await churn.ended
    // Its mounts end with the last process of its mount namespace, its descriptors with itself.
    t.same(await untilEmpty(() => churn.processes(), 20_000), [])
  })
}
