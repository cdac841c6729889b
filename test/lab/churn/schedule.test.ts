import t from 'tap'
import { CHURN_FAULTS, NETNS_KINDS } from '../../../src/config/churn.ts'
import { digestOf, operationLine, scheduleOf } from '../../../src/lab/churn/schedule.ts'
import type { Operation } from '../../../src/protocol/churn.ts'
import { churnSpec } from '../../fixtures/churn.ts'

const makesOf = (operations: readonly Operation[]) => operations.filter(operation => operation.do === 'make')
const dropsOf = (operations: readonly Operation[]) => operations.filter(operation => operation.do === 'drop')

t.test('a seed gives the same operations each time, another seed others', t => {
  const lines = (seed: number) => [...scheduleOf(churnSpec(), seed, 30)].map(operationLine)
  t.same(lines(7), lines(7))
  t.not(lines(7).join(), lines(8).join())
  const digest = digestOf(scheduleOf(churnSpec(), 7, 30))
  t.same(digest, digestOf([...scheduleOf(churnSpec(), 7, 30)]))
  t.equal(digest.ops_count, lines(7).length)
  t.not(digest.digest, digestOf(scheduleOf(churnSpec(), 8, 30)).digest)
  t.end()
})

t.test('a longer schedule begins as the shorter one', t => {
  const short = [...scheduleOf(churnSpec(), 3, 20)]
  t.same([...scheduleOf(churnSpec(), 3, 60)].slice(0, short.length), short)
  t.end()
})

for (const seed of [1, 2, 3]) {
  t.test(`only the living are dropped, names are one's own, and as many live as are wanted (seed ${seed})`, t => {
    const spec = churnSpec({ namespaces: 40, ratePerS: 50 })
    const alive = new Map<number, string | null>()
    const problems: string[] = []
    let [op, dueS] = [0, 0]
    for (const operation of scheduleOf(spec, seed, 120)) {
      if (operation.op !== ++op) problems.push(`operation ${operation.op} comes as number ${op}`)
      if (operation.due_s < dueS) problems.push(`operation ${op} is due before the one before it`)
      dueS = operation.due_s
      if (operation.do === 'drop') {
        if (!alive.delete(operation.id)) problems.push(`operation ${op} drops ${operation.id}, which is not alive`)
        continue
      }
      const { id, name, fill } = operation
      if (alive.has(id) || (name !== null && [...alive.values()].includes(name))) problems.push(`${id} is there twice`)
      if ((name !== null) !== (operation.kind === 'named' || operation.kind === 'mounted'))
        problems.push(`${id} of kind ${operation.kind} is called ${name}`)
      alive.set(id, name)
      if (!fill && alive.size !== spec.namespaces) problems.push(`${alive.size} live after operation ${op}`)
    }
    t.same(problems, [])
    t.end()
  })
}

t.test('operation k is due at k / rate, the fill at 0', t => {
  const spec = churnSpec({ namespaces: 10, ratePerS: 30, faults: [] })
  const operations = [...scheduleOf(spec, 1, 100)]
  t.equal(operations.length, 10 + 3000)
  t.ok(operations.slice(0, 10).every(one => one.do === 'make' && one.fill && one.due_s === 0))
  t.same(
    operations.slice(10).filter((one, index) => Math.abs(one.due_s - (index + 1) / 30) > 1e-6),
    [],
  )
  t.end()
})

t.test('kinds come as their weights say, and none of weight 0 but by a fault', t => {
  const kinds = { named: 3, mounted: 0, process: 0, thread: 0, descriptor: 1, socket: 0 }
  const makes = makesOf([...scheduleOf(churnSpec({ kinds, faults: [] }), 5, 400)])
  const share = makes.filter(({ kind }) => kind === 'named').length / makes.length
  t.ok(share > 0.7 && share < 0.8, `named: ${share}`)
  t.same(
    makes.filter(({ kind }) => kind !== 'named' && kind !== 'descriptor'),
    [],
  )
  const all = makesOf([...scheduleOf(churnSpec({ faults: [] }), 5, 400)])
  t.same(new Set(all.map(({ kind }) => kind)), new Set(NETNS_KINDS))
  t.end()
})

t.test('each fault comes in its turn, one an interval', t => {
  const spec = churnSpec({ faults: CHURN_FAULTS, faultIntervalS: 2 })
  const operations = [...scheduleOf(spec, 9, 20)]
  const hit = makesOf(operations).filter(({ fault }) => fault !== null)
  t.same(
    hit.map(({ fault }) => fault),
    [...CHURN_FAULTS, ...CHURN_FAULTS, ...CHURN_FAULTS].slice(0, 9),
  )
  t.ok(hit.every(({ due_s }, index) => due_s >= 2 * (index + 1) && due_s < 2 * (index + 1) + 0.2))
  t.same(new Set(hit.filter(({ fault }) => fault === 'leader_dead').map(({ kind }) => kind)), new Set(['thread']))
  for (const again of hit.filter(({ fault }) => fault === 'same_name')) {
    const drop = operations[again.op - 2] as Operation
    const before = makesOf(operations).find(({ id }) => id === drop.id)
    t.match([drop.do, drop.due_s, before?.name, before?.kind], ['drop', again.due_s, again.name, again.kind])
  }
  for (const { id, due_s } of hit.filter(({ fault }) => fault === 'remove_while_entered').slice(0, 2)) {
    const drop = dropsOf(operations).find(one => one.id === id)
    t.ok((drop as Operation).due_s <= due_s + 2 * spec.minLifeS, 'the fault is soon felt')
  }
  t.end()
})

t.test('the share that lives less than min_life does, the others live longer', t => {
  const spec = churnSpec({ namespaces: 200, ratePerS: 100, shortLifeRatio: 0.1, minLifeS: 1, faults: [] })
  const operations = [...scheduleOf(spec, 4, 200)]
  const made = new Map(makesOf(operations).map(({ id, due_s, fill }) => [id, { due_s, fill }]))
  const lives = dropsOf(operations).flatMap(({ id, due_s }) => {
    const from = made.get(id)
    return from === undefined || from.fill ? [] : [due_s - from.due_s]
  })
  const share = lives.filter(life => life < spec.minLifeS).length / lives.length
  t.ok(share > 0.08 && share < 0.12, `lived short: ${share}`)
  t.end()
})

t.test('where every namespace is short-lived, or one alone lives, the schedule goes on', t => {
  for (const [namespaces, shortLifeRatio] of [
    [1, 0],
    [1, 1],
    [20, 1],
  ] as const) {
    const spec = churnSpec({ namespaces, shortLifeRatio, ratePerS: 10, minLifeS: 0.1 })
    t.equal([...scheduleOf(spec, 1, 50)].filter(one => one.do === 'drop').length, 250, `${namespaces}`)
  }
  t.end()
})
