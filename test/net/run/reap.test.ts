// Reap: what a killed run left is restored, and nothing else is touched.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { RUN_VARIABLE } from '../../../src/base/run-mark.ts'
import { isAlive, readStat } from '../../../src/lab/proc/proc.ts'
import { listRuns } from '../../../src/lab/state/live-runs.ts'
import { reap } from '../../../src/lab/state/reap.ts'
import { startChild } from '../../fixtures/lab/child.ts'

const A = 'a1'.repeat(16)
const B = 'b2'.repeat(16)

t.test("a killed run's files, entry and processes go; a live run keeps all of its own", async t => {
  const folder = t.testdir({
    dead: { db: { file: '' }, 'keep.txt': '', '.reserve': 'x' },
    live: { db: { file: '' } },
    outside: '',
  })
  const state = join(folder, 'state')
  const dead = startChild(t, 'live-run', [A, join(folder, 'dead'), state, 'db', 'never-made', '../outside', '.', '..'])
  const live = startChild(t, 'live-run', [B, join(folder, 'live'), state, 'db'])
  await Promise.all([dead.next(), live.next()])
  const orphans = [A, B].map(runId => spawn('sleep', ['1000'], { env: { ...process.env, [RUN_VARIABLE]: runId } }))
  t.teardown(() => orphans.map(orphan => orphan.kill('SIGKILL')))
  await Promise.all(orphans.map(orphan => once(orphan, 'spawn')))
  await dead.kill()

  const result = await reap({ state })
  t.same(
    result.runs.map(run => run.run_id),
    [A],
  )
  t.same(
    result.live.map(run => run.run_id),
    [B],
  )
  t.same(
    result.ended.map(({ pid, comm, gone }) => ({ pid, comm, gone })),
    [{ pid: orphans[0]?.pid, comm: 'sleep', gone: true }],
  )
  t.same(
    result.removed,
    ['db', '.reserve'].map(name => join(folder, 'dead', name)),
  )
  t.same(readdirSync(join(folder, 'dead')), ['keep.txt'])
  t.ok(existsSync(join(folder, 'outside')) && existsSync(join(folder, 'live', 'db', 'file')))
  t.ok(
    isAlive({ pid: orphans[1]?.pid as number, start_ticks: readStat(orphans[1]?.pid as number)?.startTicks as number }),
  )
  t.same(
    listRuns(state).live.map(run => run.run_id),
    [B],
  )

  const again = await reap({ state })
  t.match(again, { runs: [], ended: [], removed: [], restored: [] })
})

t.test('on a machine without any run nothing is made and nothing done', async t => {
  const state = join(t.testdir(), 'state')
  t.match(await reap({ state }), { runs: [], ended: [], removed: [], restored: [], live: [] })
  t.notOk(existsSync(state))
})

t.test('a file that a killed process had begun to write goes, one that is being written stays', async t => {
  const state = join(t.testdir(), 'state')
  mkdirSync(join(state, 'runs'), { recursive: true })
  const child = spawn('true')
  await once(child, 'exit')
  const torn = join(state, 'runs', `${A}.json.${child.pid}.tmp`)
  const fresh = join(state, `leases.json.${process.pid}.tmp`)
  writeFileSync(torn, '')
  writeFileSync(fresh, '')
  t.same((await reap({ state })).removed, [torn])
  t.ok(existsSync(fresh))
})
