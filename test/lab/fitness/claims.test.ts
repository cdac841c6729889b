// What other runs may still take: claims of real processes, less what these have.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Claims, NO_CLAIMS, readClaims } from '../../../src/lab/fitness/claims.ts'
import { machineNow } from '../../../src/lab/fitness/machine.ts'
import { registerLiveRun } from '../../../src/lab/state/live-runs.ts'
import { startChild } from '../../fixtures/lab/child.ts'

const GIB = 2 ** 30

interface Runs {
  readonly state: string
  /** Starts a process that is a live run, with its folder. */
  readonly begin: (id: string, claims: Partial<Claims>) => Promise<{ kill(): Promise<unknown>; folder: string }>
}

function runsOf(t: Test): Runs {
  const base = t.testdir()
  const state = join(base, 'state')
  const begin: Runs['begin'] = async (id, claims) => {
    const folder = join(base, id)
    mkdirSync(folder)
    const child = startChild(t, 'live-run', [id.repeat(32), folder, state], { env: { CLAIMS: JSON.stringify(claims) } })
    await child.next()
    return { kill: () => child.kill(), folder }
  }
  return { state, begin }
}

t.test('where nobody runs, nobody claims', async t => {
  t.same(readClaims('/', t.testdir()), { all: NO_CLAIMS, beside: NO_CLAIMS })
})

t.test('claims of all live runs are added up, less the memory, threads and files that they have', async t => {
  const { state, begin } = runsOf(t)
  const claims = { namespaces_count: 7, tasks_count: 1000, memory_bytes: 4 * GIB, disk_bytes: GIB }
  const { folder } = await begin('a', claims)
  await begin('b', claims)
  writeFileSync(join(folder, 'rows'), Buffer.alloc(2 ** 22))
  const { all, beside } = readClaims(folder, state)
  t.same(beside, all, 'they are in the same control groups')
  t.equal(all.namespaces_count, 14, 'which nobody can count')
  t.ok(all.tasks_count < 1990 && all.tasks_count > 1900, `${all.tasks_count} threads: Node has some`)
  t.ok(all.memory_bytes < 8 * GIB - 2 * 5e6 && all.memory_bytes > 7.5 * GIB, `${all.memory_bytes} bytes of memory`)
  t.ok(all.disk_bytes <= 2 * GIB - 2 ** 22 && all.disk_bytes > 1.9 * GIB, `${all.disk_bytes} bytes of disk`)
})

t.test('a run that has more than it claimed claims nothing more', async t => {
  const { state, begin } = runsOf(t)
  const { folder } = await begin('a', { tasks_count: 1, memory_bytes: 1, disk_bytes: 1 })
  t.same(readClaims(folder, state).all, NO_CLAIMS)
})

t.test('the disk is that of the same file system', async t => {
  const { state, begin } = runsOf(t)
  const { folder } = await begin('a', { disk_bytes: GIB })
  t.ok(readClaims(folder, state).all.disk_bytes > 0)
  t.equal(readClaims('/proc', state).all.disk_bytes, 0)
})

t.test('a killed run claims nothing, though its entry is there', async t => {
  const { state, begin } = runsOf(t)
  const { folder, kill } = await begin('a', { namespaces_count: 7, memory_bytes: 4 * GIB })
  await kill()
  t.same(readClaims(folder, state).all, NO_CLAIMS)
})

t.test("nobody's own claim is held against it", async t => {
  const folder = t.testdir()
  const state = join(folder, 'state')
  const facts = { run_id: 'c'.repeat(32), folder, scenario: 'ring', started_at: '', sockets: [], temporary: [] }
  const registration = registerLiveRun({ ...facts, memory_bytes: 64 * GIB }, state)
  t.same(readClaims(folder, state).all, NO_CLAIMS)
  registration.close()
})

t.test('what is claimed is told beside what is there', async t => {
  const { state, begin } = runsOf(t)
  const { folder } = await begin('a', { tasks_count: 1000, memory_bytes: 4 * GIB })
  process.env.NSLAB_STATE_DIR = state
  t.teardown(() => delete process.env.NSLAB_STATE_DIR)
  const { claimed } = machineNow(folder, [])
  t.ok(claimed.memory_bytes > 3.5 * GIB && claimed.memory_bytes < 4 * GIB, `${claimed.memory_bytes}`)
  t.ok(claimed.tasks_count > 900 && claimed.tasks_count < 1000, `${claimed.tasks_count}`)
})
