// The registry of live runs.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { forgetRun, listRuns, liveRunIn, registerLiveRun } from '../../../src/lab/state/live-runs.ts'
import { stateFolder } from '../../../src/lab/state/state-folder.ts'
import { startChild } from '../../fixtures/lab/child.ts'

const facts = (run_id: string, folder: string): Parameters<typeof registerLiveRun>[0] => ({
  run_id,
  folder,
  scenario: 'ring',
  started_at: '2026-05-20T10:11:12.345Z',
  sockets: [],
  temporary: [],
})
const A = 'a'.repeat(32)
const B = 'b'.repeat(32)

t.test('a run is listed while it is registered, and leaves nothing after', async t => {
  const folder = t.testdir()
  const state = join(folder, 'state')
  const registration = registerLiveRun(facts(A, folder), state)
  t.same(
    listRuns(state).live.map(run => [run.run_id, run.pid]),
    [[A, process.pid]],
  )
  t.equal(JSON.parse(readFileSync(join(folder, 'live.json'), 'utf8')).run_id, A)
  t.equal(liveRunIn(folder)?.run_id, A)
  registration.close()
  registration.close()
  t.equal(liveRunIn(folder), null)
  t.same(listRuns(state), { live: [], dead: [] })
  t.notOk(existsSync(join(folder, 'live.json')))
  t.same(readdirSync(join(state, 'runs')), [])
})

t.test('a run that is over and keeps its VMs stays listed, without fleets', async t => {
  const folder = t.testdir()
  const state = join(folder, 'state')
  const socket = { path: join(folder, 'fleet.sock'), node_ids: [1, 3] as const }
  const lab_socket = join(folder, 'lab.sock')
  const registration = registerLiveRun({ ...facts(A, folder), sockets: [socket], lab_socket }, state)
  t.match(listRuns(state).live, [{ run_id: A, lab_socket, sockets: [socket], kept: undefined }])
  registration.keep()
  t.match(listRuns(state).live, [{ run_id: A, lab_socket, sockets: [], kept: true }])
  t.match(liveRunIn(folder), { kept: true })
  registration.close()
  t.same(listRuns(state), { live: [], dead: [] })
})

t.test('facts are added, changed and taken back', async t => {
  const folder = t.testdir()
  const state = join(folder, 'state')
  const registration = registerLiveRun({ ...facts(A, folder), memory_bytes: 9, disk_bytes: 7 }, state)
  registration.change({ memory_bytes: undefined, temporary: ['db'] })
  const [run] = listRuns(state).live
  t.match(run, { run_id: A, disk_bytes: 7, temporary: ['db'] })
  t.notOk('memory_bytes' in (run ?? {}))
  t.same(liveRunIn(folder), run)
  registration.close()
})

t.test('a killed run is dead, and can be forgotten', async t => {
  const folder = t.testdir()
  const state = join(folder, 'state')
  const child = startChild(t, 'live-run', [A, folder, state])
  await child.next()
  t.equal(listRuns(state).live[0]?.pid, child.pid)
  await child.kill()
  const { live, dead } = listRuns(state)
  t.same([live.length, dead.map(run => run.run_id)], [0, [A]])
  forgetRun(dead[0] as (typeof dead)[0], state)
  t.same(listRuns(state), { live: [], dead: [] })
})

t.test('a run of another boot is dead, whoever has its pid now', async t => {
  const folder = t.testdir()
  const state = join(folder, 'state')
  registerLiveRun(facts(A, folder), state)
  const path = join(state, 'runs', `${A}.json`)
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"boot_id": "[^"]*"/, '"boot_id": "another"'))
  t.same(
    listRuns(state).dead.map(run => run.run_id),
    [A],
  )
})

t.test('torn and foreign files are no runs', async t => {
  const state = t.testdir({ runs: { [`${A}.json`]: '{"schema":', [`${B}.json`]: '{"schema":"x"}', 'notes.txt': '' } })
  t.same(listRuns(state), { live: [], dead: [] })
  t.same(listRuns(join(state, 'none')), { live: [], dead: [] })
})

t.test('an entry of another shape is no run, and claims nothing', async t => {
  const folder = t.testdir()
  const state = join(folder, 'state')
  registerLiveRun(facts(A, folder), state)
  const path = join(state, 'runs', `${A}.json`)
  const good = JSON.parse(readFileSync(path, 'utf8'))
  for (const change of [
    { started_at: undefined },
    { pid: 'self' },
    { folder: 7 },
    { sockets: {} },
    { sockets: [null] },
    { temporary: 'db' },
    { temporary: [7] },
    { namespaces_count: '1' },
    { namespaces_count: -5 },
    { memory_bytes: null },
    { disk_bytes: 0.5 },
  ]) {
    writeFileSync(path, JSON.stringify({ ...good, ...change }))
    writeFileSync(join(state, 'runs', `${B}.json`), JSON.stringify({ ...good, run_id: B, ...change }))
    t.same(listRuns(state), { live: [], dead: [] }, JSON.stringify(change))
  }
})

t.test('a folder that can not be written leaves no entry', async t => {
  const folder = t.testdir()
  const state = join(folder, 'state')
  t.throws(() => registerLiveRun(facts(A, join(folder, 'none')), state), { code: 'DISK_REFUSED' })
  t.same(readdirSync(join(state, 'runs')), [])
})

t.test('a state folder that is no folder is refused', async t => {
  const folder = t.testdir({ state: '' })
  t.throws(() => registerLiveRun(facts(A, folder), join(folder, 'state')), { code: 'DISK_REFUSED' })
})

t.test("the state folder can be named, and is a user's own otherwise", async t => {
  t.equal(stateFolder({ NSLAB_STATE_DIR: '/x' }), '/x')
  mkdirSync(t.testdirName, { recursive: true })
  const expected = process.getuid?.() === 0 ? '/run/nslab' : '/run/user/7/nslab'
  t.equal(stateFolder({ XDG_RUNTIME_DIR: '/run/user/7' }), expected)
})
