// What waits for a sink: bounded, in order, tried again, and every row counted once.

import t, { type Test } from 'tap'
import { NslabError } from '../../../src/base/errors.ts'
import { Random } from '../../../src/base/random.ts'
import {
  type Load,
  Outbox,
  type OutboxOptions,
  type Packer,
  type Place,
  PlaceGone,
  type Refused,
} from '../../../src/dataplane/collector/outbox.ts'

interface Numbers extends Load {
  readonly numbers: readonly number[]
}

class NumberPacker implements Packer<Numbers> {
  numbers: number[] = []
  get rows(): number {
    return this.numbers.length
  }
  get bytes(): number {
    return this.numbers.length
  }
  take(): Numbers | null {
    if (this.numbers.length === 0) return null
    const { numbers } = this
    this.numbers = []
    return { numbers, rows: numbers.length, bytes: numbers.length }
  }
}

/** A place that stores when it is told to. */
class Gate implements Place<Numbers> {
  readonly stored: number[] = []
  isClosed = false
  tries = 0
  answer: (load: Numbers) => Promise<void> = async () => {}
  /** Numbers that it will never take. */
  isRefused: (number: number) => boolean = () => false

  async store(load: Numbers, signal: AbortSignal): Promise<Refused | null> {
    this.tries++
    let giveUp = (): void => {}
    const givenUp = new Promise<never>((_, reject) => {
      giveUp = () => reject(new Error('given up'))
    })
    signal.addEventListener('abort', giveUp)
    await Promise.race([this.answer(load), givenUp]).finally(() => signal.removeEventListener('abort', giveUp))
    const taken = load.numbers.filter(number => !this.isRefused(number))
    this.stored.push(...taken)
    const rows = load.numbers.length - taken.length
    return rows === 0 ? null : { rows, lines: 1, error: new Error('never') }
  }

  stalled(limitS: number): NslabError {
    return new NslabError('DISK_REFUSED', { path: 'a place', reason: `nothing for ${limitS} s` })
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}

function outbox(t: Test, changes: Partial<OutboxOptions> = {}) {
  const packer = new NumberPacker()
  const gate = new Gate()
  const said: string[] = []
  const box = new Outbox(packer, gate, {
    whenFull: 'wait',
    limitBytes: 100,
    loadBytes: 10,
    lingerMs: 1,
    onTrouble: error => said.push(error.message),
    onRecovered: () => said.push('recovered'),
    onRefused: ({ rows, lines, error }) => said.push(`${rows} rows, ${lines} lines: ${error.message}`),
    onGone: error => said.push(`gone: ${error.message}`),
    ...changes,
  })
  t.teardown(() => box.close(0).catch(() => {}))
  /** Hands numbers over as rows of one byte each. */
  const put = (...numbers: number[]): boolean => {
    if (!box.admitRows(numbers.length)) return false
    packer.numbers.push(...numbers)
    box.packed()
    return true
  }
  return { box, gate, said, put }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at)

t.test('rows are stored in order, a load at a time, the last few after a while', async t => {
  const { box, gate, put } = outbox(t)
  for (const number of range(0, 25)) put(number)
  t.same(box.counts, { sent: 25, stored: 0, dropped: 0, refused: 0, pending: 25 })
  await box.close(10_000)
  t.same(gate.stored, range(0, 25))
  t.same(box.counts, { sent: 25, stored: 25, dropped: 0, refused: 0, pending: 0 })
  t.ok(gate.isClosed)
})

t.test('few rows leave without company', async t => {
  const { box, gate, put } = outbox(t)
  const stored = new Promise<void>(resolve => {
    gate.answer = async () => resolve()
  })
  put(1)
  await stored
  await new Promise(resolve => setImmediate(resolve))
  t.same(box.counts, { sent: 1, stored: 1, dropped: 0, refused: 0, pending: 0 })
})

t.test('a load that is refused is tried until it is stored; trouble and its end are told once', async t => {
  const { box, gate, said, put } = outbox(t)
  gate.answer = async () => {
    if (gate.tries < 4) throw new Error('full')
  }
  put(...range(0, 10))
  await box.close(10_000)
  t.same(gate.stored, range(0, 10))
  t.same(said, ['full', 'recovered'])
})

t.test('wait: there is no room at the limit, and there is again below it', async t => {
  const { box, gate, put } = outbox(t)
  let open = (): void => {}
  gate.answer = () => new Promise(resolve => (open = resolve))
  t.equal(box.room(), null)
  for (const number of range(0, 100)) put(number)
  const room = box.room()
  t.not(room, null)
  open()
  await room
  t.equal(box.counts.pending, 90)
  t.equal(box.counts.dropped, 0)
  gate.answer = async () => {}
  open()
  await box.close(10_000)
  t.same(gate.stored, range(0, 100))
})

t.test('drop: at the limit rows are dropped and counted; lines have as much room again', async t => {
  const { box, gate, put } = outbox(t, { whenFull: 'drop' })
  let open = (): void => {}
  gate.answer = () => new Promise(resolve => (open = resolve))
  const took = range(0, 130).map(number => put(number))
  t.equal(took.filter(Boolean).length, 100)
  t.equal(box.room(), null, 'nobody waits')
  t.same(box.counts, { sent: 130, stored: 0, dropped: 30, refused: 0, pending: 100 })
  t.ok(box.admitLine())
  t.equal(box.linesDropped, 0)
  gate.answer = async () => {}
  open()
  await box.close(10_000)
  t.same(box.counts, { sent: 130, stored: 100, dropped: 30, refused: 0, pending: 0 })
  t.same(gate.stored, range(0, 100))
  t.notOk(box.admitLine(), 'it is closed')
  t.equal(box.linesDropped, 1)
})

t.test('the last line has its place where others have none', async t => {
  const { box, gate, put } = outbox(t)
  gate.answer = () => new Promise(() => {})
  put(...range(0, 200))
  t.notOk(box.admitLine())
  t.ok(box.admitLine(true))
  t.equal(box.linesDropped, 1)
})

t.test('a place that is gone takes nothing, and nobody waits for it', async t => {
  const { box, gate, said, put } = outbox(t, { limitBytes: 20 })
  let fail: (error: Error) => void = () => {}
  gate.answer = () => new Promise((_, reject) => (fail = reject))
  for (const number of range(0, 30)) put(number)
  const room = box.room()
  fail(new PlaceGone('EPIPE'))
  await room
  t.same(said, ['gone: EPIPE'])
  t.notOk(put(99))
  t.same(box.counts, { sent: 31, stored: 0, dropped: 31, refused: 0, pending: 0 })
  await box.close(10_000)
})

t.test(
  'closing gives a place that takes nothing up at its deadline: what is left is dropped, and why is thrown',
  async t => {
    const silent = outbox(t)
    silent.gate.answer = () => new Promise(() => {})
    silent.put(1)
    await t.rejects(silent.box.close(20), { code: 'DISK_REFUSED', facts: { reason: 'nothing for 0.02 s' } })
    t.same(silent.box.counts, { sent: 1, stored: 0, dropped: 1, refused: 0, pending: 0 })

    const full = outbox(t)
    full.gate.answer = async () => {
      throw new Error('ENOSPC')
    }
    full.put(1, 2)
    await t.rejects(full.box.close(50), { message: 'ENOSPC' })
    t.same(full.box.counts, { sent: 2, stored: 0, dropped: 2, refused: 0, pending: 0 })
  },
)

t.test('what a place never takes holds nothing up: it is counted, and told as often as it doubles', async t => {
  const { box, gate, said, put } = outbox(t)
  gate.isRefused = number => number % 5 === 4
  for (const number of range(0, 100)) put(number)
  await box.close(10_000)
  t.same(
    gate.stored,
    range(0, 100).filter(number => number % 5 !== 4),
  )
  t.same(box.counts, { sent: 100, stored: 80, dropped: 0, refused: 20, pending: 0 })
  t.equal(box.linesRefused, 10)
  t.same(
    said,
    [2, 4, 8, 16].map(rows => `${rows} rows, ${rows / 2} lines: never`),
  )
})

t.test(
  'sent = stored + dropped + refused + pending at any time, and what is stored is what was not dropped',
  async t => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    t.comment(`seed ${seed}`)
    const random = new Random(seed)
    const { box, gate, put } = outbox(t, { whenFull: 'drop', limitBytes: 40 })
    gate.answer = async () => {
      for (let turns = random.below(4); turns > 0; turns--) await new Promise(resolve => setImmediate(resolve))
      if (random.below(50) === 0) throw new Error('not now')
    }
    gate.isRefused = number => number % 97 === 0
    const taken: number[] = []
    for (let number = 0; number < 3000; number++) {
      if (put(number)) taken.push(number)
      if (random.below(20) === 0) await new Promise(resolve => setImmediate(resolve))
      const { sent, stored, dropped, refused, pending } = box.counts
      if (sent !== number + 1 || sent !== stored + dropped + refused + pending) t.fail(JSON.stringify(box.counts))
    }
    await box.close(60_000)
    const stored = taken.filter(number => !gate.isRefused(number))
    t.same(gate.stored, stored)
    const [dropped, refused] = [3000 - taken.length, taken.length - stored.length]
    t.same(box.counts, { sent: 3000, stored: stored.length, dropped, refused, pending: 0 })
  },
)
