// The lease book's arithmetic: who wants what, what is written, what is restored.

import t from 'tap'
import {
  emptyBook,
  type LeaseBook,
  type LeaseHolder,
  type SysctlValues,
  settle,
  withHolder,
  withoutRun,
} from '../../../src/lab/leases/book.ts'

const NAME = 'net.ipv4.neigh.default.gc_thresh3'
const holder = (run_id: string, wanted: number): LeaseHolder => ({
  run_id,
  pid: 1,
  start_ticks: 1,
  wanted: { [NAME]: wanted },
})
const all = (): boolean => true
const none = (): boolean => false

/** Settles and makes the writes on `kernel`. */
function apply(book: LeaseBook, alive: (holder: LeaseHolder) => boolean, kernel: Record<string, number>): LeaseBook {
  const settlement = settle(book, alive, kernel)
  for (const { name, to } of settlement.writes) kernel[name] = to
  return settlement.settled
}

t.test('the greatest wish counts, and the last holder restores', async t => {
  const kernel: Record<string, number> = { [NAME]: 1024 }
  let book = apply(withHolder(emptyBook('b'), holder('a', 4000), kernel), all, kernel)
  t.equal(kernel[NAME], 4000)
  book = apply(withHolder(book, holder('b', 9000), kernel), all, kernel)
  t.equal(kernel[NAME], 9000)
  book = apply(withoutRun(book, 'b'), all, kernel)
  t.equal(kernel[NAME], 4000)
  book = apply(withoutRun(book, 'a'), all, kernel)
  t.equal(kernel[NAME], 1024)
  t.same(book, emptyBook('b'))
})

t.test('a value that is high enough is not touched, and not lowered while it is wanted', async t => {
  const kernel: Record<string, number> = { [NAME]: 65_536 }
  const book = apply(withHolder(emptyBook('b'), holder('a', 4000), kernel), all, kernel)
  t.equal(kernel[NAME], 65_536)
  apply(withoutRun(book, 'a'), all, kernel)
  t.equal(kernel[NAME], 65_536)
})

t.test('dead holders are dropped and theirs restored', async t => {
  const kernel: Record<string, number> = { [NAME]: 1024 }
  const book = apply(withHolder(emptyBook('b'), holder('a', 4000), kernel), all, kernel)
  const settlement = settle(book, none, kernel)
  t.same(
    settlement.dropped.map(dropped => dropped.run_id),
    ['a'],
  )
  t.same(settlement.writes, [{ name: NAME, from: 4000, to: 1024 }])
  t.same(settlement.settled.holders, [])
})

t.test('what somebody else set is left, said, and is the value to go back to', async t => {
  const kernel: Record<string, number> = { [NAME]: 1024 }
  const book = apply(withHolder(emptyBook('b'), holder('a', 4000), kernel), all, kernel)
  kernel[NAME] = 2048
  const ending = settle(withoutRun(book, 'a'), all, kernel)
  t.same(ending.changedByOthers, [NAME])
  t.same(ending.writes, [])
  const going = settle(book, all, kernel)
  t.same(going.writes, [{ name: NAME, from: 2048, to: 4000 }])
  t.equal(going.settled.sysctls[NAME]?.original, 2048)
})

t.test('somebody else putting the original back is no change: it is raised again', async t => {
  const kernel: Record<string, number> = { [NAME]: 1024 }
  const book = apply(withHolder(emptyBook('b'), holder('a', 4000), kernel), all, kernel)
  kernel[NAME] = 1024
  const settlement = settle(book, all, kernel)
  t.same(settlement.changedByOthers, [])
  t.same(settlement.writes, [{ name: NAME, from: 1024, to: 4000 }])
})

t.test('the intent knows every value that may stand in the kernel while a write is made', async t => {
  const kernel: Record<string, number> = { [NAME]: 1024 }
  const book = apply(withHolder(emptyBook('b'), holder('a', 4000), kernel), all, kernel)
  const { intent } = settle(withHolder(book, holder('b', 9000), kernel), all, kernel)
  t.same(intent.sysctls[NAME], { original: 1024, put: [4000, 9000] })
  for (const stands of [1024, 4000, 9000]) {
    const after: SysctlValues = { [NAME]: stands }
    t.same(settle(intent, none, after).changedByOthers, [], `a crash that leaves ${stands} is ours to restore`)
    t.same(
      settle(intent, none, after).writes.map(write => write.to),
      stands === 1024 ? [] : [1024],
    )
  }
})

t.test('a run that asks twice has one lease', async t => {
  const kernel: Record<string, number> = { [NAME]: 1024 }
  let book = apply(withHolder(emptyBook('b'), holder('a', 4000), kernel), all, kernel)
  book = apply(withHolder(book, holder('a', 2000), kernel), all, kernel)
  t.equal(kernel[NAME], 2000)
  t.equal(book.holders.length, 1)
})

t.test('a sysctl that is not visible here is not leased', async t => {
  const book = withHolder(emptyBook('b'), holder('a', 4000), {})
  t.same(settle(book, all, {}).writes, [])
})
