import t from 'tap'
import { Random } from '../../../src/base/random.ts'
import { scheduleOf } from '../../../src/lab/churn/schedule.ts'
import { type Answer, namespacesOf, type Schedule, shrinkSchedule } from '../../../src/lab/churn/shrink.ts'
import { churnSpec } from '../../fixtures/churn.ts'

const startOf = (seed: number, durationS = 20, namespaces = 10): Schedule => ({
  operations: [...scheduleOf(churnSpec({ namespaces, ratePerS: 4 }), seed, durationS)],
  durationS,
})

const madeIn = ({ operations }: Schedule): Set<number> =>
  new Set(operations.flatMap(operation => (operation.do === 'make' ? [operation.id] : [])))

/** Breaks while all of these are made. */
const breaksOn = (ids: readonly number[]) => {
  const asked: Schedule[] = []
  const oracle = async (schedule: Schedule): Promise<Answer> => {
    asked.push(schedule)
    const made = madeIn(schedule)
    return ids.every(id => made.has(id)) ? 'breaks' : 'holds'
  }
  return { asked, oracle }
}

for (const seed of [1, 2, 3, 4, 5]) {
  t.test(`what is left is what breaks, whatever it was (seed ${seed})`, async t => {
    const random = new Random(seed)
    const start = startOf(seed)
    const all = [...madeIn(start)]
    const wanted = [
      ...new Set(Array.from({ length: 1 + (seed % 4) }, () => all[Math.floor(random.float() * all.length)])),
    ]
    const ids = (wanted as number[]).sort((a, b) => a - b)
    const { asked, oracle } = breaksOn(ids)
    const { schedule, isWhole } = await shrinkSchedule(start, { oracle })
    t.ok(isWhole)
    t.same([...madeIn(schedule)], ids, 'no namespace beside them')
    const lastS = Math.max(
      ...start.operations.filter(({ id, do: what }) => what === 'make' && ids.includes(id)).map(op => op.due_s),
    )
    t.ok(schedule.durationS <= Math.max(1.5, 1.3 * lastS + 1), `${schedule.durationS} s, and ${lastS} s would do`)
    for (const { operations, durationS } of asked) {
      t.same(
        operations.map(({ op }) => op),
        operations.map((_, index) => index + 1),
        'numbered from 1',
      )
      t.ok(operations.every(({ due_s }, index) => due_s <= durationS && due_s >= (operations[index - 1]?.due_s ?? 0)))
      const made = madeIn({ operations, durationS })
      t.ok(
        operations.every(({ id }) => made.has(id)),
        'nothing is dropped that was not made',
      )
    }
  })
}

t.test('all but these goes on as it was', async t => {
  const start = startOf(1)
  const ids = [3, 15]
  const { schedule } = await shrinkSchedule(start, breaksOn(ids))
  const bare = ({ op: _, ...rest }: Schedule['operations'][number]) => rest
  const expected = start.operations.filter(({ id, due_s }) => ids.includes(id) && due_s <= schedule.durationS)
  t.same(schedule.operations.map(bare), expected.map(bare))
  t.same(namespacesOf(schedule, 'fill'), [3])
  t.same(namespacesOf(schedule, 'namespaces'), [15])
})

t.test('what breaks every second time breaks', async t => {
  const { oracle } = breaksOn([2])
  let asked = 0
  const flaky = async (schedule: Schedule): Promise<Answer> => (++asked % 2 === 1 ? 'holds' : oracle(schedule))
  const { schedule } = await shrinkSchedule(startOf(2), { oracle: flaky })
  t.same([...madeIn(schedule)], [2])
  const once = await shrinkSchedule(startOf(2), { oracle: async () => 'holds', triesCount: 1 })
  t.same(once.schedule, startOf(2))
})

t.test('what holds is asked for as often as it is to be, and no schedule again', async t => {
  const times = new Map<string, number>()
  const { oracle } = breaksOn([1, 5, 9])
  await shrinkSchedule(startOf(3), {
    triesCount: 3,
    oracle: async schedule => {
      const answer = await oracle(schedule)
      const key = JSON.stringify(schedule)
      times.set(key, (times.get(key) ?? 0) + 1)
      if (answer === 'breaks') t.equal(times.get(key), 1)
      return answer
    },
  })
  t.same(new Set(times.values()), new Set([1, 3]))
})

t.test('where nothing shorter breaks, it stays as it is', async t => {
  const start = startOf(1)
  const result = await shrinkSchedule(start, { oracle: async () => 'holds' })
  t.equal(result.schedule, start)
  t.ok(result.isWhole)
})

t.test('what breaks without any churn ends with none', async t => {
  const { schedule, isWhole } = await shrinkSchedule(startOf(1), { oracle: async () => 'breaks' })
  t.same(schedule.operations, [])
  t.ok(isWhole)
})

t.test('it ends soon after its last operation', async t => {
  const start = { ...startOf(1, 4), durationS: 60 }
  // Only long ones break, so that no beginning does.
  const oracle = async ({ durationS, operations }: Schedule): Promise<Answer> =>
    madeIn({ operations, durationS }).has(1) && (durationS === 60 || operations.length < 3) ? 'breaks' : 'holds'
  const { schedule } = await shrinkSchedule(start, { oracle })
  t.same([...madeIn(schedule)], [1])
  t.ok(schedule.durationS <= 5, `${schedule.durationS} s`)
})

t.test('when the time is over, the best so far is told, and nothing more is asked', async t => {
  const { oracle } = breaksOn([4])
  for (const most of [0, 1, 2, 3, 5, 8]) {
    let asked = 0
    const sizes: number[] = []
    const { schedule, isWhole } = await shrinkSchedule(startOf(4), {
      oracle: async schedule => {
        t.ok(asked <= most, 'not after it was over')
        if (asked++ === most) return 'over'
        const answer = await oracle(schedule)
        if (answer === 'breaks') sizes.push(schedule.operations.length)
        return answer
      },
    })
    t.notOk(isWhole)
    t.equal(schedule.operations.length, sizes.at(-1) ?? startOf(4).operations.length)
  }
})

t.test('what is too long to be tried is passed over for what is not', async t => {
  const start = startOf(5, 600)
  const { asked, oracle } = breaksOn([1])
  const { schedule } = await shrinkSchedule(start, { oracle, fits: durationS => durationS <= 40 })
  t.ok(asked.length > 0 && asked.every(({ durationS }) => durationS <= 40))
  t.same([...madeIn(schedule)], [1])
  const late = breaksOn([Math.max(...madeIn(start))])
  const given = await shrinkSchedule(start, { oracle: late.oracle, fits: durationS => durationS <= 40 })
  t.equal(given.schedule, start)
  t.notOk(given.isWhole)
  t.ok(late.asked.length > 0 && late.asked.every(({ durationS }) => durationS <= 40))
  const none = await shrinkSchedule(start, { oracle: async () => t.fail('is not asked') as never, fits: () => false })
  t.same(none, { schedule: start, isWhole: false })
})

t.test('an oracle that fails ends the search', async t => {
  const oracle = async (): Promise<Answer> => Promise.reject(new Error('no disk'))
  await t.rejects(shrinkSchedule(startOf(1), { oracle }), { message: 'no disk' })
})
