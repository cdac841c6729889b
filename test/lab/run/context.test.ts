import { getEventListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { NslabError } from '../../../src/base/errors.ts'
import { RunContext } from '../../../src/lab/run/context.ts'
import { createRunFolder } from '../../../src/lab/run-folder/run-folder.ts'
import type { RunEvent } from '../../../src/protocol/events.ts'
import { ringRun } from '../../fixtures/run-folder.ts'

function makeContext(t: Test): RunContext {
  const base = mkdtempSync(join(tmpdir(), 'nslab-context-'))
  const folder = createRunFolder({ base, scenario: 'ring', seed: 1, clock: systemClock })
  t.teardown(() => {
    folder.close()
    rmSync(base, { recursive: true })
  })
  return new RunContext({
    plan: ringRun({ nodes: 3 }).plan,
    folder,
    clock: systemClock,
    runId: 'a'.repeat(32),
    level: 'host',
    onProgress: () => {},
    onWarning: () => {},
  })
}

const interrupted = new NslabError('INTERRUPTED', { signal: 'SIGINT' })
const late = (): NslabError => new NslabError('DEADLINE', { waitingFor: 'x', limitS: 0, missing: 'y' })
const wired: RunEvent = { t_s: 1, from: 'controller', kind: 'all_wired' }
const listeners = (context: RunContext): number => getEventListeners(context.aborted, 'abort').length

t.test('a wait ends with its event, and leaves no listener', async t => {
  const context = makeContext(t)
  const wait = context.waitFor(event => event.kind === 'all_wired', 60, late)
  t.equal(listeners(context), 1)
  context.see({ t_s: 0, from: 'controller', kind: 'all_connected' })
  context.see(wired)
  await wait
  t.equal(listeners(context), 0)
})

t.test('a wait ends at its deadline, with what the caller makes of it then', async t => {
  const context = makeContext(t)
  await t.rejects(
    context.waitFor(() => false, 0.001, late),
    { code: 'DEADLINE' },
  )
  t.equal(listeners(context), 0)
})

t.test('an abort ends every wait with the first reason, and no later wait begins', async t => {
  const context = makeContext(t)
  const waits = [context.hold(3600), context.waitFor(() => false, 60, late)]
  context.abort(interrupted)
  context.abort(new Error('a consequence'))
  for (const wait of waits) await t.rejects(wait, interrupted)
  await t.rejects(context.hold(0), interrupted)
  t.throws(() => context.requireGoingOn(), interrupted)
  t.equal(context.abortError, interrupted)
  t.equal(listeners(context), 0)
})

t.test('a promise that rejects after the abort is nobody’s unhandled rejection', async t => {
  const context = makeContext(t)
  context.abort(interrupted)
  let reject = (_error: Error): void => {}
  const promise = new Promise((_, no) => (reject = no))
  await t.rejects(context.awaiting(promise, 60, late), interrupted)
  reject(new Error('too late to matter'))
  await new Promise(resolve => setImmediate(resolve))
})

t.test('a promise is awaited up to its result or its own error', async t => {
  const context = makeContext(t)
  t.equal(await context.awaiting(Promise.resolve(7), 60, late), 7)
  await t.rejects(context.awaiting(Promise.reject(new TypeError('own')), 60, late), { message: 'own' })
})

t.test('a phase is told from start to end, also when it throws', async t => {
  const context = makeContext(t)
  const seen: string[] = []
  context.watch(event => seen.push(event.kind))
  await t.rejects(context.inPhase('wire', () => Promise.reject(new TypeError('x'))))
  t.same(seen, ['phase_started', 'phase_ended'])
  t.equal(context.phase, 'wire')
})

t.test('who stops watching hears nothing more', async t => {
  const context = makeContext(t)
  let count = 0
  const stop = context.watch(() => count++)
  context.see(wired)
  stop()
  context.see(wired)
  t.equal(count, 1)
})
