// `nslab exec` on the real kernel: the right namespace, the exit code, and an end together with fleet and caller.

import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ownIdentity } from '../../../src/lab/proc/proc.ts'
import type { LiveRun } from '../../../src/lab/state/live-runs.ts'
import { chooseRun, execInNode, locateNode } from '../../../src/lab/visit/node-exec.ts'
import { type Child, startChild } from '../../fixtures/lab/child.ts'

const makeRun = (folder: string, nodesCount: number, run_id = 'c'.repeat(32)): LiveRun => ({
  schema: 'nslab.live/1',
  ...ownIdentity(),
  boot_id: '',
  run_id,
  folder,
  scenario: 'ring',
  started_at: '',
  temporary: [],
  sockets: [{ path: join(folder, 'fleet.sock'), node_ids: [1, nodesCount] }],
})

interface TestFleet {
  readonly child: Child
  readonly run: LiveRun
  readonly inodes: readonly number[]
  readonly cookies: readonly string[]
}

async function startFleet(t: Test, nodesCount: number, folder = t.testdir()): Promise<TestFleet> {
  const child = startChild(t, 'fleet', [String(nodesCount), folder])
  const { inodes, cookies } = (await child.next()) as { inodes: number[]; cookies: string[] }
  return { child, run: makeRun(folder, nodesCount), inodes, cookies }
}

/** Resolves when every process that could write to the stream is gone. */
const gone = (stream: NodeJS.ReadableStream): Promise<unknown> => once(stream.resume(), 'close')

t.test('the run is the only one, or the one that is named', async t => {
  const a = makeRun('/runs/one', 3, `aa${'0'.repeat(30)}`)
  const b = makeRun('/runs/two', 3, `ab${'0'.repeat(30)}`)
  t.equal(chooseRun([a]), a)
  t.equal(chooseRun([a, b], 'ab'), b)
  t.equal(chooseRun([a, b], 'one'), a)
  t.equal(chooseRun([a, b], '/runs/two'), b)
  t.throws(() => chooseRun([]), { code: 'USAGE', exitCode: 2, facts: { live: [] } })
  t.throws(() => chooseRun([a, b]), { code: 'USAGE', facts: { live: [a.run_id, b.run_id] } })
  t.throws(() => chooseRun([a, b], 'a'), { code: 'USAGE' })
  t.throws(() => chooseRun([a, b], 'three'), { code: 'USAGE' })
})

t.test('a command runs in the namespace of its node, and its exit code is the result', async t => {
  const fleet = await startFleet(t, 3)
  for (const nodeId of [1, 3]) {
    const script = `[ "$(readlink /proc/self/ns/net)" = "net:[${fleet.inodes[nodeId - 1]}]" ] && [ $NSLAB_RUN = ${fleet.run.run_id} ] && exit 40`
    const result = await execInNode({ run: fleet.run, nodeId, command: ['sh', '-c', script] })
    t.same(result, { exitCode: 40, fleetEnded: false })
  }
  const killed = await execInNode({ run: fleet.run, nodeId: 1, command: ['sh', '-c', 'kill -TERM $$'] })
  t.equal(killed.exitCode, 143)
  const missing = await execInNode({
    run: fleet.run,
    nodeId: 1,
    command: ['/no/such/program'],
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  t.equal(missing.exitCode, 127)
})

t.test('a command gets no descriptor but its standard ones', async t => {
  const fleet = await startFleet(t, 1)
  const command = ['sh', '-c', 'for fd in 3 4 5 6 7 8 9 10 11 12; do [ -e /proc/self/fd/$fd ] && exit 1; done; exit 0']
  t.equal((await execInNode({ run: fleet.run, nodeId: 1, command })).exitCode, 0)
})

t.test('an unknown id is answered with the known ones', async t => {
  const fleet = await startFleet(t, 2)
  await t.rejects(locateNode(fleet.run, 3), { code: 'USAGE', facts: { node_id: 3, known: ['1-2'] } })
  await t.rejects(
    locateNode({ ...fleet.run, sockets: [{ path: join(fleet.run.folder, 'fleet.sock'), node_ids: [1, 9] }] }, 9),
    {
      code: 'USAGE',
      facts: { node_id: 9 },
    },
  )
})

t.test('a fleet that is gone is said so', async t => {
  const fleet = await startFleet(t, 1)
  await fleet.child.kill()
  await t.rejects(locateNode(fleet.run, 1), { code: 'PROCESS_ENDED' })
})

t.test('a folder too deep for a socket path is reached', async t => {
  const deep = join(t.testdir({ ['d'.repeat(100)]: { ['e'.repeat(100)]: {} } }), 'd'.repeat(100), 'e'.repeat(100))
  const fleet = await startFleet(t, 1, deep)
  const { place, lifeLine } = await locateNode(fleet.run, 1)
  lifeLine.destroy()
  t.match(place, { pid: fleet.child.pid, cookie: fleet.cookies[0] })
})

t.test('a command ends when its fleet is killed', async t => {
  const fleet = await startFleet(t, 1)
  const output = join(t.testdirName, 'pid')
  const command = ['sh', '-c', `trap 'exit 9' TERM; echo > ${output}; while :; do sleep 0.05; done`]
  const result = await execInNode({
    run: fleet.run,
    nodeId: 1,
    command,
    stdio: ['ignore', 'pipe', 'inherit'],
    onStart: () => void fleet.child.kill(),
  })
  t.ok(result.fleetEnded)
  t.ok([9, 143].includes(result.exitCode), `exit ${result.exitCode}`)
})

t.test('a SIGKILL of the caller ends the command and all it started', async t => {
  const fleet = await startFleet(t, 1)
  const caller = startChild(t, 'exec-caller', [JSON.stringify(fleet.run), 'sh', '-c', 'sleep 1000 & echo 1; wait'])
  t.equal(await caller.next(), 1)
  const ending = gone(caller.process.stdout as NodeJS.ReadableStream)
  await caller.kill()
  await ending
  t.ok(true, 'every holder of its output is gone')
})

t.test('a command has a pid namespace of its own', async t => {
  const fleet = await startFleet(t, 1)
  const command = ['sh', '-c', `[ "$(readlink /proc/self/ns/pid)" != "${readlinkSync('/proc/self/ns/pid')}" ]`]
  t.equal((await execInNode({ run: fleet.run, nodeId: 1, command })).exitCode, 0)
})
