// Memory before a run: not read while the kernel still frees what a recent run left.

import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Clock } from '../../../src/base/clock.ts'
import { awaitStillMemory, markTeardown } from '../../../src/lab/site/measure.ts'

/** A clock that moves only while somebody pauses. */
function steppedClock(): {
  readonly clock: Clock
  readonly pause: (durationS: number) => Promise<void>
  pauses: number
} {
  let nowNs = 0n
  const wall = new Date()
  const stepped = {
    clock: { nowNs: () => nowNs, wallDate: () => wall },
    pauses: 0,
    pause: async (durationS: number) => {
      stepped.pauses += 1
      nowNs += BigInt(Math.round(durationS * 1e9))
    },
  }
  return stepped
}

t.beforeEach(t => {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-state-'))
  const before = process.env.NSLAB_STATE_DIR
  process.env.NSLAB_STATE_DIR = folder
  t.teardown(() => {
    if (before === undefined) delete process.env.NSLAB_STATE_DIR
    else process.env.NSLAB_STATE_DIR = before
    rmSync(folder, { recursive: true, force: true })
  })
})

t.test('without a recent run nobody waits', async t => {
  const stepped = steppedClock()
  t.equal(await awaitStillMemory(stepped.clock, stepped.pause), true)
  t.equal(stepped.pauses, 0)
})

t.test('after a recent run memory must stand still for two seconds', async t => {
  markTeardown(800)
  const stepped = steppedClock()
  t.type(await awaitStillMemory(stepped.clock, stepped.pause), 'boolean')
  t.ok(stepped.pauses >= 20, `${stepped.pauses} pauses of 0.1 s`)
})

t.test('a small run is no reason to wait', async t => {
  markTeardown(20)
  const stepped = steppedClock()
  t.equal(await awaitStillMemory(stepped.clock, stepped.pause), true)
  t.equal(stepped.pauses, 0)
})

t.test('a run of more than a minute ago is no reason to wait', async t => {
  markTeardown(800)
  const mark = join(process.env.NSLAB_STATE_DIR as string, 'last-teardown')
  writeFileSync(mark, '')
  utimesSync(mark, 1, 1)
  const stepped = steppedClock()
  t.equal(await awaitStillMemory(stepped.clock, stepped.pause), true)
  t.equal(stepped.pauses, 0)
})

t.test('an interrupt ends the wait', async t => {
  markTeardown(800)
  const stepped = steppedClock()
  await t.rejects(
    awaitStillMemory(stepped.clock, () => Promise.reject(new Error('interrupted'))),
    { message: 'interrupted' },
  )
})
