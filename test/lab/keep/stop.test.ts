// Ending what was kept, where its keeper is not as it should be, and runs that go on.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { interruptRun, stopKept } from '../../../src/lab/keep/stop.ts'
import { type LiveRun, listRuns } from '../../../src/lab/state/live-runs.ts'
import { type Child, startChild } from '../../fixtures/lab/child.ts'

const A = 'a'.repeat(32)

/** A keeper that stands still, as the registry has it. */
async function holder(t: Test, how: 'silent' | 'gone'): Promise<{ child: Child; run: LiveRun; folder: string }> {
  const folder = t.testdir()
  const state = join(folder, 'state')
  // The state folder that reap sees.
  process.env.NSLAB_STATE_DIR = state
  const child = startChild(t, 'kept-holder', [A, folder, state, how])
  await child.next()
  const [run] = listRuns(state).live
  return { child, run: run as LiveRun, folder }
}

t.test('a keeper whose socket is gone is told by a signal', async t => {
  const { child, run } = await holder(t, 'gone')
  await t.rejects(stopKept(run, 'vm1', false), { code: 'USAGE' }, 'for one VM that is no way')
  t.same(await stopKept(run, null, false), [])
  t.equal(await child.ended, 0)
  t.same(await stopKept(run, null, false), [], 'again is nothing')
})

t.test('one that stands still is killed when it is forced, and what it leaves is removed', async t => {
  const { child, run, folder } = await holder(t, 'silent')
  t.match(await stopKept(run, null, true), [/did not answer/])
  t.equal(await child.ended, 137)
  t.same(listRuns(join(folder, 'state')), { live: [], dead: [] })
  t.notOk(existsSync(join(folder, 'lab.sock')))
})

t.test('a run that goes on is interrupted by a signal', async t => {
  const { child, run } = await holder(t, 'gone')
  await interruptRun(run)
  t.equal(await child.ended, 0)
  await interruptRun(run)
  t.pass('one that has ended is left alone')
})
