// Where the nodes of a run are that goes on, as lab.sock asks for them, with fleets that answer as the test has them
// answer.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { NslabError } from '../../../src/base/errors.ts'
import { RunContext } from '../../../src/lab/run/context.ts'
import type { Hosts } from '../../../src/lab/run/hosts.ts'
import { labOf, whereIs } from '../../../src/lab/run/run-lab.ts'
import { createRunFolder } from '../../../src/lab/run-folder/run-folder.ts'
import type { Ground } from '../../../src/lab/site/ground.ts'
import type { Lab } from '../../../src/lab/visit/lab.ts'
import type { Command, Notice } from '../../../src/protocol/steering.ts'
import { ringRun } from '../../fixtures/run-folder.ts'

type Answer = (command: Command) => readonly Notice[]

/** A run of nodes 1 to 3 on one VM; `answer` null: its fleet is not there. */
function runOf(t: Test, answer: Answer | null): { lab: Lab; context: RunContext } {
  const base = mkdtempSync(join(tmpdir(), 'nslab-lab-'))
  const folder = createRunFolder({ base, scenario: 'ring', seed: 1, clock: systemClock })
  t.teardown(() => {
    folder.close()
    rmSync(base, { recursive: true })
  })
  const { plan } = ringRun({ nodes: 3 })
  const told = { onProgress: () => {}, onWarning: () => {} }
  const context = new RunContext({ plan, folder, clock: systemClock, runId: 'a'.repeat(32), level: 'host', ...told })
  const listeners = new Set<(notice: Notice) => void>()
  const dataplane = {
    name: 'dataplane',
    send: (command: Command): void =>
      void setImmediate(() => {
        for (const notice of answer?.(command) ?? []) for (const listener of listeners) listener(notice)
      }),
    onNotice: (listener: (notice: Notice) => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const programs = new Map(answer === null ? [] : [['dataplane', dataplane]])
  const hosts = { all: plan.hosts.map(host => ({ plan: host, programs })) } as unknown as Hosts
  const ground = { labVms: [] } as unknown as Ground
  return { lab: labOf(context, ground, nodeId => whereIs(context, hosts, nodeId), null), context }
}

t.test("a node's place is what its fleet says of it, and not of another", async t => {
  const { lab } = runOf(t, command => [
    { is: 'missing', not_connected: [], not_ready: [] },
    { is: 'netns', node_id: 1, pid: 7, fd: 70 },
    { is: 'netns', node_id: command.do === 'netns' ? command.node_id : 0, pid: 8, fd: 80, cookie: '9' },
  ])
  t.same(await lab.whereIs(2), { vm: 'vm1', pid: 8, fd: 80, cookie: '9' })
  t.same(await lab.whereIs(1), { vm: 'vm1', pid: 7, fd: 70 })
})

t.test('an id that no fleet has is answered with those there are', async t => {
  const { lab } = runOf(t, () => [])
  for (const id of [0, 4]) await t.rejects(lab.whereIs(id), { code: 'USAGE', facts: { node_id: id, known: ['1-3'] } })
})

t.test('a node that is not there now is told, and so is a fleet that is not', async t => {
  const { lab } = runOf(t, () => [{ is: 'netns', node_id: 3, pid: 8, fd: -1 }])
  await t.rejects(lab.whereIs(3), { code: 'USAGE', facts: { node_id: 3 } })
  await t.rejects(runOf(t, null).lab.whereIs(3), { code: 'USAGE', facts: { node_id: 3 } })
})

t.test('who waits for a fleet that does not answer is told when the run ends', async t => {
  const { lab, context } = runOf(t, () => [])
  const waiting = lab.whereIs(1)
  context.abort(new NslabError('INTERRUPTED', { signal: 'SIGINT' }))
  await t.rejects(waiting, { code: 'INTERRUPTED' })
})

t.test('VMs of a run that goes on are not stopped', async t => {
  const { lab } = runOf(t, () => [])
  t.same(lab.vms, [])
  await t.rejects(lab.stop(null, true), { code: 'USAGE' })
})
